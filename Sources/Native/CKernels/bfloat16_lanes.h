// How products with AVX512-BF16 hold one unit of depth: two numbers of 16 bits (see tiles.h and sums.h).
#pragma once
#include "vectors.h"
#include <stdint.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define INLINE TARGET static inline __attribute__((always_inline))

typedef uint32_t packed;
typedef __m512bh side;

enum { depth_unit = 2 };

INLINE side load_lanes(const packed *from) { return (side)_mm512_load_si512(from); }
INLINE side spread_lane(packed lane) { return (side)_mm512_set1_epi32((int)lane); }
INLINE __m512 multiply_add(__m512 sum, side left, side right) { return _mm512_dpbf16_ps(sum, left, right); }

// `count` numbers that lie beside each other, zeros after them, rounded, as 16 units of depth.
INLINE __m512i load_units(const float *from, size_t count) {
    __m512 low = _mm512_maskz_loadu_ps(first_lanes(count), from);
    __m512 high = count > 16 ? _mm512_maskz_loadu_ps(first_lanes(count - 16), from + 16) : _mm512_setzero_ps();
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// 16 units of depth from 16 numbers of 16 bits and the 16 that follow them in depth, one after the other in `both`.
INLINE __m512i interleave(__m512i both) {
    const __m512i order = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1,
        16, 0);
    return _mm512_permutexvar_epi16(order, both);
}

// `count` lanes of one unit of depth, zeros after them, rounded; a row for each of its numbers.
INLINE __m512i load_unit(const float *const rows[depth_unit], size_t at, size_t count) {
    __m512 low = _mm512_maskz_loadu_ps(first_lanes(count), rows[0] + at);
    __m512 high = rows[1] ? _mm512_maskz_loadu_ps(first_lanes(count), rows[1] + at) : _mm512_setzero_ps();
    return interleave((__m512i)_mm512_cvtne2ps_pbh(high, low));
}
