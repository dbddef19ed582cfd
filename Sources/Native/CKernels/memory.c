#define _GNU_SOURCE
#include "CKernels.h"
#include <pthread.h>
#include <sys/mman.h>

void *hone_memory_map(size_t bytes) {
    if (bytes == 0) bytes = 1;
    void *memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return 0;
#ifdef MADV_HUGEPAGE
    if (bytes >= (8u << 20)) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

void hone_memory_unmap(void *memory, size_t bytes) { munmap(memory, bytes == 0 ? 1 : bytes); }

static pthread_key_t packing_memories;
static pthread_once_t packing_once = PTHREAD_ONCE_INIT;
static int packing_is_released;

static void release_packing_memory(void *memory) { hone_memory_unmap(memory, hone_packing_size); }

static void prepare_packing(void) {
    packing_is_released = pthread_key_create(&packing_memories, release_packing_memory) == 0;
}

void *hone_packing_memory(void) {
    static _Thread_local void *own;
    if (own) return own;
    pthread_once(&packing_once, prepare_packing);
    if (packing_is_released && (own = hone_memory_map(hone_packing_size))) pthread_setspecific(packing_memories, own);
    return own;
}
