// Products of matrices rounded to bfloat16, accumulated in float32: the AVX512-BF16 dot product.
//
// vdpbf16ps multiplies pairs, so the unit of depth is two numbers, packed into 32 bits.
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
#include "bfloat16_lanes.h"

// `count` numbers from `from` on, zeros after them, as 32 numbers of 16 bits.
INLINE __m512i load_depth(const hone_operand *operand, size_t from, size_t count) {
    if (operand->narrow) {
        const __mmask32 wanted = count >= 32 ? ~(__mmask32)0 : ((__mmask32)1 << count) - 1;
        return _mm512_maskz_loadu_epi16(wanted, (const uint16_t *)operand->base + from);
    }
    return load_units((const float *)operand->base + from, count);
}

// 32 numbers from `from` on are on their way. There need not be any.
INLINE void prefetch_depth(const hone_operand *operand, size_t from) {
    const char *bytes = (const char *)operand->base + from * (operand->narrow ? sizeof(uint16_t) : sizeof(float));
    __builtin_prefetch(bytes);
    if (!operand->narrow) __builtin_prefetch(bytes + 64);
}

// A strip of an operand whose depth is contiguous in memory: up to sixteen of its rows, transposed. Those of the next
// strip are fetched meanwhile: so many rows at once are too many for the processor to follow.
TARGET static void pack_depth(const hone_operand *from, size_t start, size_t count, size_t depth, packed *strip) {
    for (size_t k = 0; k < depth; k += 32) {
        __m512i rows[16];
#pragma clang loop unroll(full)
        for (size_t lane = 0; lane < 16; lane++) {
            rows[lane] = lane < count ? load_depth(from, start + lane * from->stride + k, depth - k)
                                      : _mm512_setzero_si512();
            prefetch_depth(from, start + (lane + 16) * from->stride + k);
        }
        transpose(rows);
        size_t pairs = (depth - k + 1) / 2;
#pragma clang loop unroll(full)
        for (size_t pair = 0; pair < 16; pair++) {
            if (pair < pairs) _mm512_store_si512(strip + (k / 2 + pair) * 16, rows[pair]);
        }
    }
}

// `wanted` lanes of one row of memory, as 16 numbers of 16 bits; zeros where there is no such row.
INLINE __m256i load_row(const hone_operand *operand, size_t from, __mmask16 wanted, int exists) {
    if (!exists) return _mm256_setzero_si256();
    if (operand->narrow) return _mm256_maskz_loadu_epi16(wanted, (const uint16_t *)operand->base + from);
    return (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(wanted, (const float *)operand->base + from));
}

static void pack_lanes(const hone_operand *from, size_t start, size_t count, size_t depth, packed *strips);

#include "tiles.h"

// Strips of an operand whose lanes are contiguous in memory: two rows of that memory at a time, interleaved.
TARGET static void pack_lanes(const hone_operand *from, size_t start, size_t count, size_t depth, packed *strips) {
    for (size_t k = 0; k < depth; k += 2, start += 2 * from->stride, strips += lanes) {
        packed *strip = strips;
        for (size_t lane = 0; lane < count; lane += lanes, strip += strip_size) {
            const __mmask16 wanted = first_lanes(count - lane);
            __m256i low = load_row(from, start + lane, wanted, 1);
            __m256i high = load_row(from, start + from->stride + lane, wanted, k + 1 < depth);
            __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
            _mm512_store_si512(strip, interleave(both));
        }
    }
}

int hone_bf16_available(void) { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }

int hone_bf16_multiply(
    const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows, size_t columns, size_t depth,
    float scale, int accumulate) {
    return multiply_packed(a, b, c, stride, rows, columns, depth, scale, accumulate);
}

int hone_bf16_multiply_group(
    const hone_operand *a, const hone_product *products, size_t count, size_t rows, size_t depth) {
    return multiply_group(a, products, count, rows, depth);
}

#else

int hone_bf16_available(void) { return 0; }
int hone_bf16_multiply(
    const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows, size_t columns, size_t depth,
    float scale, int accumulate) {
    __builtin_trap(); // never called: not available
}
int hone_bf16_multiply_group(
    const hone_operand *a, const hone_product *products, size_t count, size_t rows, size_t depth) {
    __builtin_trap(); // never called: not available
}

#endif
