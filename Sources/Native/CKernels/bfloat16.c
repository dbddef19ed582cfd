// Products of matrices rounded to bfloat16, accumulated in float32: the AVX512-BF16 dot product.
//
// Both sides are packed into strips of sixteen lanes (rows of a, columns of b) by pairs of depth, which is the order
// in which vdpbf16ps wants them; a tile of 8 × 48 accumulators then stays in registers over one block of depth.
// Every element of c adds its products in the same order however rows and columns are split over threads.
#include "CKernels.h"
#include "clones.h"
#include <string.h>

MANY void hone_bf16_widen(const uint16_t *from, hone_real *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)from[i] << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        to[i] = value;
    }
}

#if !defined(HONE_DOUBLE) && defined(__x86_64__)
#include <immintrin.h>

#define BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define INLINE_BF16 BF16 static inline __attribute__((always_inline))

enum {
    lanes = 16,
    tile_rows = 8,
    tile_strips = 3,
    depth_block = 384,  // a tile of b: 36 KB, streamed from the second-level cache
    row_block = 512,    // a: 384 KB, in the second-level cache
    column_block = 768, // b: 576 KB
    strip_size = depth_block / 2 * lanes,
};

int hone_bf16_available(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

size_t hone_bf16_workspace_size(void) {
    return (size_t)(row_block + column_block) / lanes * strip_size * sizeof(uint32_t);
}

INLINE_BF16 __mmask32 first32(size_t count) { return count >= 32 ? ~(__mmask32)0 : ((__mmask32)1 << count) - 1; }
INLINE_BF16 __mmask16 first16(size_t count) {
    return count >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << count) - 1);
}

// `count` numbers, zeros after them, as 32 numbers of 16 bits.
INLINE_BF16 __m512i load_depth(const void *source, size_t offset, size_t count, int narrow) {
    if (narrow) return _mm512_maskz_loadu_epi16(first32(count), (const uint16_t *)source + offset);
    const float *from = (const float *)source + offset;
    __m512 low = _mm512_maskz_loadu_ps(first16(count), from);
    __m512 high = count > 16 ? _mm512_maskz_loadu_ps(first16(count - 16), from + 16) : _mm512_setzero_ps();
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// A 16 × 16 transposition of 32-bit numbers, in place.
INLINE_BF16 void transpose(__m512i r[16]) {
    __m512i t[16];
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 8] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 4], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 4], 0xdd);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0xdd);
    }
}

// A strip of an operand whose depth is contiguous in memory: up to sixteen of its rows, transposed.
INLINE_BF16 void pack_depth_contiguous(
    const void *source, size_t start, size_t stride, size_t count, size_t depth, uint32_t *strip, int narrow) {
    for (size_t k = 0; k < depth; k += 32) {
        __m512i rows[16];
#pragma clang loop unroll(full)
        for (size_t lane = 0; lane < lanes; lane++) {
            rows[lane] = lane < count ? load_depth(source, start + lane * stride + k, depth - k, narrow)
                                      : _mm512_setzero_si512();
        }
        transpose(rows);
        size_t pairs = (depth - k + 1) / 2;
#pragma clang loop unroll(full)
        for (size_t pair = 0; pair < lanes; pair++) {
            if (pair < pairs) _mm512_store_si512(strip + (k / 2 + pair) * lanes, rows[pair]);
        }
    }
}

// A strip of an operand whose lanes are contiguous in memory: two rows at a time, interleaved.
INLINE_BF16 void pack_lanes_contiguous(
    const void *source, size_t start, size_t stride, size_t count, size_t depth, uint32_t *strip, int narrow) {
    const __m512i interleave = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1,
        16, 0);
    const __mmask16 wanted = first16(count);
    for (size_t k = 0; k < depth; k += 2) {
        const int paired = k + 1 < depth;
        size_t first = start + k * stride, second = first + stride;
        __m512i both;
        if (narrow) {
            const uint16_t *from = source;
            __m256i low = _mm256_maskz_loadu_epi16(wanted, from + first);
            __m256i high = paired ? _mm256_maskz_loadu_epi16(wanted, from + second) : _mm256_setzero_si256();
            both = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
        } else {
            const float *from = source;
            __m512 low = _mm512_maskz_loadu_ps(wanted, from + first);
            __m512 high = paired ? _mm512_maskz_loadu_ps(wanted, from + second) : _mm512_setzero_ps();
            both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
        }
        _mm512_store_si512(strip + k / 2 * lanes, _mm512_permutexvar_epi16(interleave, both));
    }
}

// Strips of `count` lanes from `lane` on, over `depth` numbers from `k` on.
BF16 static void pack(
    const hone_bf16_operand *from, size_t lane, size_t count, size_t k, size_t depth, uint32_t *strips) {
    for (size_t done = 0; done < count; done += lanes, strips += strip_size) {
        size_t part = count - done < lanes ? count - done : lanes, first = lane + done;
        size_t start = from->depth_is_contiguous ? first * from->stride + k : k * from->stride + first;
        if (from->depth_is_contiguous) {
            if (from->narrow) pack_depth_contiguous(from->base, start, from->stride, part, depth, strips, 1);
            else pack_depth_contiguous(from->base, start, from->stride, part, depth, strips, 0);
        } else {
            if (from->narrow) pack_lanes_contiguous(from->base, start, from->stride, part, depth, strips, 1);
            else pack_lanes_contiguous(from->base, start, from->stride, part, depth, strips, 0);
        }
    }
}

// Up to 8 rows of a, by up to 3 strips of b, over one block of depth.
INLINE_BF16 void multiply_tile(
    const uint32_t *a, const uint32_t *b, size_t pairs, float *c, size_t stride, size_t rows, const int strips,
    __mmask16 last, float scale, int accumulate) {
    __m512 sums[tile_rows][tile_strips];
#pragma clang loop unroll(full)
    for (int row = 0; row < tile_rows; row++)
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++) sums[row][strip] = _mm512_setzero_ps();
    for (size_t pair = 0; pair < pairs; pair++, a += lanes, b += lanes) {
        __m512bh right[tile_strips];
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++)
            right[strip] = (__m512bh)_mm512_load_si512(b + (size_t)strip * strip_size);
#pragma clang loop unroll(full)
        for (int row = 0; row < tile_rows; row++) {
            __m512bh left = (__m512bh)_mm512_set1_epi32((int)a[row]);
#pragma clang loop unroll(full)
            for (int strip = 0; strip < strips; strip++)
                sums[row][strip] = _mm512_dpbf16_ps(sums[row][strip], left, right[strip]);
        }
    }
    const __m512 factor = _mm512_set1_ps(scale);
#pragma clang loop unroll(full)
    for (int row = 0; row < tile_rows; row++) {
        if ((size_t)row >= rows) break;
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++) {
            float *to = c + (size_t)row * stride + strip * lanes;
            __mmask16 mask = strip == strips - 1 ? last : (__mmask16)0xffff;
            __m512 value = _mm512_mul_ps(sums[row][strip], factor);
            if (accumulate) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, to));
            _mm512_mask_storeu_ps(to, mask, value);
        }
    }
}

// All tiles of one packed block of a and one of b.
BF16 static void multiply_blocks(
    const uint32_t *a, const uint32_t *b, size_t pairs, float *c, size_t stride, size_t rows, size_t columns,
    float scale, int accumulate) {
    for (size_t column = 0; column < columns; column += tile_strips * lanes, b += tile_strips * strip_size) {
        size_t width = columns - column < tile_strips * lanes ? columns - column : tile_strips * lanes;
        int strips = (int)((width + lanes - 1) / lanes);
        __mmask16 last = first16(width - (size_t)(strips - 1) * lanes);
        for (size_t row = 0; row < rows; row += tile_rows) {
            const uint32_t *left = a + row / lanes * strip_size + row % lanes;
            float *to = c + row * stride + column;
            size_t height = rows - row < tile_rows ? rows - row : tile_rows;
            switch (strips) {
            case 1: multiply_tile(left, b, pairs, to, stride, height, 1, last, scale, accumulate); break;
            case 2: multiply_tile(left, b, pairs, to, stride, height, 2, last, scale, accumulate); break;
            default: multiply_tile(left, b, pairs, to, stride, height, 3, last, scale, accumulate);
            }
        }
    }
}

// `total` in equal parts of at most `limit`, rounded up to `unit`.
static size_t equal_part(size_t total, size_t limit, size_t unit) {
    size_t parts = (total + limit - 1) / limit;
    return ((total + parts - 1) / parts + unit - 1) / unit * unit;
}

BF16 void hone_bf16_multiply(
    const hone_bf16_operand *a, const hone_bf16_operand *b, float *c, size_t stride, size_t rows, size_t columns,
    size_t depth, float scale, int accumulate, void *workspace) {
    uint32_t *left = workspace, *right = left + row_block / lanes * strip_size;
    const size_t deep = equal_part(depth, depth_block, 2);
    const size_t tall = equal_part(rows, row_block, lanes), wide = equal_part(columns, column_block, lanes);
    for (size_t column = 0; column < columns; column += wide) {
        size_t width = columns - column < wide ? columns - column : wide;
        for (size_t k = 0; k < depth; k += deep) {
            size_t part = depth - k < deep ? depth - k : deep;
            pack(b, column, width, k, part, right);
            for (size_t row = 0; row < rows; row += tall) {
                size_t height = rows - row < tall ? rows - row : tall;
                pack(a, row, height, k, part, left);
                multiply_blocks(
                    left, right, (part + 1) / 2, c + row * stride + column, stride, height, width, scale,
                    accumulate || k > 0);
            }
        }
    }
}

#else

int hone_bf16_available(void) { return 0; }
size_t hone_bf16_workspace_size(void) { return 0; }
void hone_bf16_multiply(
    const hone_bf16_operand *a, const hone_bf16_operand *b, float *c, size_t stride, size_t rows, size_t columns,
    size_t depth, float scale, int accumulate, void *workspace) {
    __builtin_trap(); // never called: not available
}

#endif
