#define _GNU_SOURCE
#include "CKernels.h"
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
