// Products of float32 matrices with AVX-512: own kernels where the shapes of training leave a library behind.
#include "CKernels.h"

#if !defined(HONE_DOUBLE) && defined(__x86_64__)
#include "float32_lanes.h"
#include <stdlib.h>
#include <string.h>

// A strip of an operand whose depth is contiguous in memory: up to sixteen of its rows, transposed. Those of the next
// strip are fetched meanwhile: so many rows at once are too many for the processor to follow.
TARGET static void pack_depth(const hone_operand *from, size_t start, size_t count, size_t depth, packed *strip) {
    const float *source = (const float *)from->base + start;
    for (size_t k = 0; k < depth; k += 16) {
        const __mmask16 wanted = first_lanes(depth - k);
        __m512i rows[16];
#pragma clang loop unroll(full)
        for (size_t lane = 0; lane < 16; lane++) {
            rows[lane] = lane < count ? (__m512i)_mm512_maskz_loadu_ps(wanted, source + lane * from->stride + k)
                                      : _mm512_setzero_si512();
            __builtin_prefetch(source + (lane + 16) * from->stride + k);
        }
        transpose(rows);
#pragma clang loop unroll(full)
        for (size_t d = 0; d < 16; d++)
            if (k + d < depth) _mm512_store_si512(strip + (k + d) * 16, rows[d]);
    }
}

static void pack_lanes(const hone_operand *from, size_t start, size_t count, size_t depth, packed *strips);

#include "tiles.h"

// Strips of an operand whose lanes are contiguous in memory, row by row of that memory.
TARGET static void pack_lanes(const hone_operand *from, size_t start, size_t count, size_t depth, packed *strips) {
    const float *source = (const float *)from->base + start;
    const size_t whole = count / lanes;
    for (size_t k = 0; k < depth; k++, source += from->stride, strips += lanes) {
        for (size_t strip = 0; strip < whole; strip++)
            _mm512_store_ps(strips + strip * strip_size, _mm512_loadu_ps(source + strip * lanes));
        if (whole * lanes < count)
            _mm512_store_ps(
                strips + whole * strip_size,
                _mm512_maskz_loadu_ps(first_lanes(count - whole * lanes), source + whole * lanes));
    }
}

int hone_f32_available(void) {
    const char *choice = getenv("HONE_MATRIX_KERNELS");
    if (choice && strcmp(choice, "library") == 0) return 0;
    return has_avx512();
}

int hone_f32_multiply(
    const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows, size_t columns, size_t depth,
    float scale, int accumulate) {
    return multiply_packed(a, b, c, stride, rows, columns, depth, scale, accumulate);
}

int hone_f32_multiply_group(
    const hone_operand *a, const hone_product *products, size_t count, size_t rows, size_t depth) {
    return multiply_group(a, products, count, rows, depth);
}

#else

int hone_f32_available(void) { return 0; }
int hone_f32_multiply(
    const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows, size_t columns, size_t depth,
    float scale, int accumulate) {
    __builtin_trap(); // never called: not available
}
int hone_f32_multiply_group(
    const hone_operand *a, const hone_product *products, size_t count, size_t rows, size_t depth) {
    __builtin_trap(); // never called: not available
}

#endif
