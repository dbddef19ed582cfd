// Products over a long depth with one side of few lanes: the gradients of adapters, which read all activations for
// sixteen sums. The wide side is read once, from where it lies, and never packed.
//
// Every element adds its products over blocks of fixed depth, block by block: the same bits however the wide side is
// split, and wherever in it an element is.
#include "CKernels.h"

#if !defined(HONE_DOUBLE) && defined(__x86_64__)
#include "vectors.h"
#include <string.h>

enum {
    lanes = 16,
    tile_lanes = 8, // of the thin side
    tile_vectors = 3,
    // Rows of memory whose part for one tile stays in the first level while every lane of the thin side is multiplied.
    depth_block = 96,
    wide_block = 32 * tile_vectors * lanes, // of the wide side: 6 KB of a row at a time
    thin_stride = hone_most_thin_lanes,
    sums_stride = wide_block + lanes, // no power of two: sums of several lanes would share a place in the first level
};

_Static_assert(
    (depth_block + sums_stride) * thin_stride * sizeof(float) <= hone_packing_size, "blocks fit the packing memory");

// `count` lanes of `depth` rows of memory side by side, zeros after them.
AVX512 static void pack_thin(const float *from, size_t stride, size_t count, size_t depth, float *packed) {
    for (size_t k = 0; k < depth; k++, from += stride, packed += thin_stride)
        for (size_t lane = 0; lane < thin_stride; lane += lanes) {
            const __mmask16 wanted = lane < count ? first_lanes(count - lane) : 0;
            _mm512_store_ps(packed + lane, _mm512_maskz_loadu_ps(wanted, from + lane));
        }
}

// sums[8 × up to 48] += thin · wide over `depth` rows of memory. What the next tile reads is on its way meanwhile.
INLINE_AVX512 void multiply_tile(
    const float *thin, const float *wide, size_t stride, size_t depth, float *sums, const int vectors, __mmask16 last,
    const int fetches) {
    __m512 tile[tile_lanes][tile_vectors];
#pragma clang loop unroll(full)
    for (int lane = 0; lane < tile_lanes; lane++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) tile[lane][v] = _mm512_load_ps(sums + lane * sums_stride + v * lanes);
    for (size_t k = 0; k < depth; k++, thin += thin_stride, wide += stride) {
        __m512 right[tile_vectors];
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) {
            right[v] = _mm512_maskz_loadu_ps(v == vectors - 1 ? last : (__mmask16)0xffff, wide + v * lanes);
            if (fetches) __builtin_prefetch(wide + (vectors + v) * lanes, 0, 2);
        }
#pragma clang loop unroll(full)
        for (int lane = 0; lane < tile_lanes; lane++) {
            const __m512 left = _mm512_set1_ps(thin[lane]);
#pragma clang loop unroll(full)
            for (int v = 0; v < vectors; v++) tile[lane][v] = _mm512_fmadd_ps(left, right[v], tile[lane][v]);
        }
    }
#pragma clang loop unroll(full)
    for (int lane = 0; lane < tile_lanes; lane++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) _mm512_store_ps(sums + lane * sums_stride + v * lanes, tile[lane][v]);
}

// One block of depth of `width` lanes of the wide side, all lanes of the thin one.
AVX512 static void multiply_block(
    const float *thin, size_t count, const float *wide, size_t stride, size_t width, size_t depth, float *sums) {
    for (size_t start = 0; start < width; start += tile_vectors * lanes) {
        const size_t left = width - start;
        const int vectors = left >= tile_vectors * lanes ? tile_vectors : (int)((left + lanes - 1) / lanes);
        const __mmask16 last = first_lanes(left - (size_t)(vectors - 1) * lanes);
        for (size_t lane = 0; lane < count; lane += tile_lanes) {
            const float *from = thin + lane;
            float *to = sums + lane * sums_stride + start;
            const int fetches = lane == 0;
            switch (vectors) {
            case 1: multiply_tile(from, wide + start, stride, depth, to, 1, last, 0); break;
            case 2: multiply_tile(from, wide + start, stride, depth, to, 2, last, 0); break;
            default:
                if (fetches) multiply_tile(from, wide + start, stride, depth, to, 3, last, 1);
                else multiply_tile(from, wide + start, stride, depth, to, 3, last, 0);
            }
        }
    }
}

// One row of up to sixteen numbers of c (+)= scale · sums.
INLINE_AVX512 void store(float *c, __m512 sums, __mmask16 wanted, __m512 scale, int accumulate) {
    __m512 value = _mm512_mul_ps(sums, scale);
    if (accumulate) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(wanted, c));
    _mm512_mask_storeu_ps(c, wanted, value);
}

// Sixteen lanes of the wide side after the other; transposed where the thin side is c's columns.
AVX512 static void store_sums(
    const float *sums, size_t thin_lanes, size_t width, int transposes, float *c, size_t stride, float scale,
    int accumulate) {
    const __m512 factor = _mm512_set1_ps(scale);
    for (size_t lane = 0; lane < thin_lanes; lane += lanes)
        for (size_t start = 0; start < width; start += lanes) {
            const size_t here = thin_lanes - lane < lanes ? thin_lanes - lane : lanes;
            const size_t wide = width - start < lanes ? width - start : lanes;
            __m512i rows[lanes];
#pragma clang loop unroll(full)
            for (int i = 0; i < lanes; i++) rows[i] = _mm512_load_si512(sums + (lane + i) * sums_stride + start);
            if (transposes) transpose(rows);
            float *to = transposes ? c + start * stride + lane : c + lane * stride + start;
            for (size_t i = 0; i < (transposes ? wide : here); i++)
                store(to + i * stride, (__m512)rows[i], first_lanes(transposes ? here : wide), factor, accumulate);
        }
}

int hone_f32_multiply_thin(
    const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows, size_t columns, size_t depth,
    float scale, int accumulate) {
    float *packed = hone_packing_memory();
    if (!packed) return 0;
    float *sums = packed + depth_block * thin_stride;
    const int transposes = columns < rows;
    const hone_operand *thin = transposes ? b : a, *wide = transposes ? a : b;
    const size_t thin_lanes = transposes ? columns : rows, wide_lanes = transposes ? rows : columns;
    for (size_t start = 0; start < wide_lanes; start += wide_block) {
        const size_t width = wide_lanes - start < wide_block ? wide_lanes - start : wide_block;
        memset(sums, 0, (thin_lanes + lanes - 1) / lanes * lanes * sums_stride * sizeof(float));
        for (size_t k = 0; k < depth; k += depth_block) {
            const size_t part = depth - k < depth_block ? depth - k : depth_block;
            pack_thin((const float *)thin->base + k * thin->stride, thin->stride, thin_lanes, part, packed);
            multiply_block(
                packed, thin_lanes, (const float *)wide->base + k * wide->stride + start, wide->stride, width, part,
                sums);
        }
        store_sums(
            sums, thin_lanes, width, transposes, transposes ? c + start * stride : c + start, stride, scale,
            accumulate);
    }
    return 1;
}

#else

int hone_f32_multiply_thin(
    const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows, size_t columns, size_t depth,
    float scale, int accumulate) {
    __builtin_trap(); // never called: not available
}

#endif
