// What this machine can do at most: fp32 multiply-add, bf16 dot products, reading and copying memory.
// One JSON object on standard output.    cc -O3 -march=native -pthread limits.c -o limits;  limits THREADS
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { ROUNDS = 7, CHAINS = 16 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static volatile float sink;

// Each returns the operations of one call; long chains of independent accumulators keep the units busy.
static double multiply_add(long steps) {
#if defined(__AVX512F__)
    __m512 sums[CHAINS], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
    for (int c = 0; c < CHAINS; c++) sums[c] = _mm512_set1_ps((float)c);
    for (long s = 0; s < steps; s++)
#pragma GCC unroll 16
        for (int c = 0; c < CHAINS; c++) sums[c] = _mm512_fmadd_ps(sums[c], a, b);
    for (int c = 0; c < CHAINS; c++) sink += _mm512_reduce_add_ps(sums[c]);
    return 2.0 * 16 * CHAINS * (double)steps;
#elif defined(__AVX2__) && defined(__FMA__)
    __m256 sums[12], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
    for (int c = 0; c < 12; c++) sums[c] = _mm256_set1_ps((float)c);
    for (long s = 0; s < steps; s++)
#pragma GCC unroll 12
        for (int c = 0; c < 12; c++) sums[c] = _mm256_fmadd_ps(sums[c], a, b);
    for (int c = 0; c < 12; c++) sink += _mm256_cvtss_f32(sums[c]);
    return 2.0 * 8 * 12 * (double)steps;
#else
    float sums[64];
    for (int c = 0; c < 64; c++) sums[c] = (float)c;
    for (long s = 0; s < steps; s++)
        for (int c = 0; c < 64; c++) sums[c] = sums[c] * 0.999f + 0.001f;
    for (int c = 0; c < 64; c++) sink += sums[c];
    return 2.0 * 64 * (double)steps;
#endif
}

static double bf16_dot(long steps) {
#if defined(__AVX512BF16__)
    __m512 sums[CHAINS];
    __m512bh a = (__m512bh)_mm512_set1_epi16(0x3f00), b = (__m512bh)_mm512_set1_epi16(0x3c00);
    for (int c = 0; c < CHAINS; c++) sums[c] = _mm512_setzero_ps();
    for (long s = 0; s < steps; s++)
#pragma GCC unroll 16
        for (int c = 0; c < CHAINS; c++) sums[c] = _mm512_dpbf16_ps(sums[c], a, b);
    for (int c = 0; c < CHAINS; c++) sink += _mm512_reduce_add_ps(sums[c]);
    return 4.0 * 16 * CHAINS * (double)steps;
#else
    (void)steps;
    return 0;
#endif
}

// Memory of one thread, far beyond any cache.
enum { FLOATS = 48 << 20 };

static double read_memory(float *block) {
    float sums[64] = {0};
    for (long i = 0; i < FLOATS; i += 64)
        for (int c = 0; c < 64; c++) sums[c] += block[i + c];
    for (int c = 0; c < 64; c++) sink += sums[c];
    return 4.0 * FLOATS;
}

static double copy_memory(float *block) {
    memcpy(block, block + FLOATS / 2, 2 * FLOATS);
    return 4.0 * FLOATS;
}

typedef struct {
    pthread_barrier_t *gate;
    int kind;
    double best;
} work;

static void *run(void *argument) {
    work *w = argument;
    float *block = 0;
    if (w->kind >= 2) {
        block = aligned_alloc(1 << 21, sizeof(float) * (size_t)FLOATS);
        if (!block) exit(1);
        for (long i = 0; i < FLOATS; i++) block[i] = 1;
    }
    for (int r = 0; r < ROUNDS; r++) {
        pthread_barrier_wait(w->gate);
        double start = now(), done;
        switch (w->kind) {
        case 0: done = multiply_add(2000000); break;
        case 1: done = bf16_dot(2000000); break;
        case 2: done = read_memory(block); break;
        default: done = copy_memory(block);
        }
        double rate = done / (now() - start) * 1e-9;
        if (rate > w->best) w->best = rate;
    }
    free(block);
    return 0;
}

static double best(int kind, int threads) {
    pthread_barrier_t gate;
    pthread_barrier_init(&gate, 0, (unsigned)threads);
    pthread_t handles[256];
    work works[256];
    for (int t = 0; t < threads; t++) {
        works[t] = (work){&gate, kind, 0};
        if (pthread_create(&handles[t], 0, run, &works[t]) != 0) exit(1);
    }
    double total = 0;
    for (int t = 0; t < threads; t++) {
        pthread_join(handles[t], 0);
        total += works[t].best;
    }
    pthread_barrier_destroy(&gate);
    return total;
}

int main(int count, char **arguments) {
    int threads = count > 1 ? atoi(arguments[1]) : 1;
    if (threads < 1 || threads > 256) return 2;
    printf(
        "{\"threads\": %d, \"fp32_gflops\": %.1f, \"bf16_gflops\": %.1f, \"read_gb_s\": %.1f, \"copy_gb_s\": %.1f}\n",
        threads, best(0, threads), best(1, threads), best(2, threads), best(3, threads));
    return 0;
}
