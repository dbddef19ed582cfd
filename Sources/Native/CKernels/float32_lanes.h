// How products with AVX-512 in float32 hold one unit of depth: a number (see tiles.h and sums.h).
#pragma once
#include "vectors.h"

#define TARGET AVX512
#define INLINE INLINE_AVX512

typedef float packed;
typedef __m512 side;

enum { depth_unit = 1 };

INLINE side load_lanes(const packed *from) { return _mm512_load_ps(from); }
INLINE side spread_lane(packed lane) { return _mm512_set1_ps(lane); }
INLINE __m512 multiply_add(__m512 sum, side left, side right) { return _mm512_fmadd_ps(left, right, sum); }

// `count` numbers that lie beside each other, zeros after them, as 16 units of depth.
INLINE __m512i load_units(const float *from, size_t count) {
    return (__m512i)_mm512_maskz_loadu_ps(first_lanes(count), from);
}
// `count` lanes of one unit of depth, zeros after them; a row for each of its numbers.
INLINE __m512i load_unit(const float *const rows[depth_unit], size_t at, size_t count) {
    return (__m512i)_mm512_maskz_loadu_ps(first_lanes(count), rows[0] + at);
}
