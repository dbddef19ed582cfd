// Softmax of rows of scores with AVX-512, for attention's tiles: the row's visible keys become probabilities, the other
// keys of the tile zeros.
#pragma once
#include "attention.h"

// exp as in exponential.h, with two instructions for the power of two. Not-a-numbers stay what they are.
INLINE __m512 exponentials(__m512 x) {
    const __m512 low = _mm512_set1_ps(-87.33654f), high = _mm512_set1_ps(88.37626f);
    const __mmask16 vanishes = _mm512_cmp_ps_mask(x, low, _CMP_LT_OQ);
    x = _mm512_min_ps(high, _mm512_max_ps(low, x));
    const __m512 n = _mm512_roundscale_ps(
        _mm512_mul_ps(x, _mm512_set1_ps(1.44269504088896341f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, _mm512_set1_ps(1.0f)));
    return _mm512_maskz_mov_ps((__mmask16)~vanishes, _mm512_scalef_ps(p, n));
}

// The lanes of the vector at `at` that lie in `keys`.
INLINE __mmask16 visible_lanes(range keys, size_t at) {
    __mmask16 mask = at + lanes <= keys.to ? (__mmask16)0xffff : at < keys.to ? first_lanes(keys.to - at) : 0;
    return at >= keys.from ? mask : (__mmask16)(mask & ~first_lanes(keys.from - at));
}

// Scores of one row become exp(score − top), where top is the greatest so far; top and the parts of the total go on.
// What the row's earlier sums have to be multiplied by.
INLINE float soften(float *scores, range tile, range keys, float *top, float *totals) {
    if (keys.from >= keys.to) {
        for (size_t at = tile.from; at < tile.to; at += lanes) _mm512_store_ps(scores + at, _mm512_setzero_ps());
        return 1;
    }
    __m512 greatest = _mm512_set1_ps(*top);
    for (size_t at = tile.from; at < tile.to; at += lanes)
        greatest = _mm512_mask_max_ps(greatest, visible_lanes(keys, at), greatest, _mm512_load_ps(scores + at));
    const __m512 shift = _mm512_set1_ps(_mm512_reduce_max_ps(greatest));
    const __m512 factor = exponentials(_mm512_sub_ps(_mm512_set1_ps(*top), shift));
    __m512 total = _mm512_mul_ps(_mm512_load_ps(totals), factor);
    for (size_t at = tile.from; at < tile.to; at += lanes) {
        const __m512 e = _mm512_maskz_mov_ps(
            visible_lanes(keys, at), exponentials(_mm512_sub_ps(_mm512_load_ps(scores + at), shift)));
        _mm512_store_ps(scores + at, e);
        total = _mm512_add_ps(total, e);
    }
    _mm512_store_ps(totals, total);
    *top = _mm512_cvtss_f32(shift);
    return _mm512_cvtss_f32(factor);
}

// Scores of one row become probabilities p, gradients of probabilities become those of products of queries and keys:
// scale · p · (gradient − dot).
INLINE void differentiate(
    float *scores, float *gradients, range tile, range keys, float log_sum, float dot, float scale) {
    const __m512 shift = _mm512_set1_ps(log_sum), mean = _mm512_set1_ps(dot), factor = _mm512_set1_ps(scale);
    for (size_t at = tile.from; at < tile.to; at += lanes) {
        const __m512 p = _mm512_maskz_mov_ps(
            visible_lanes(keys, at), exponentials(_mm512_sub_ps(_mm512_load_ps(scores + at), shift)));
        const __m512 d = _mm512_sub_ps(_mm512_load_ps(gradients + at), mean);
        _mm512_store_ps(scores + at, p);
        _mm512_store_ps(gradients + at, _mm512_maskz_mul_ps(visible_lanes(keys, at), _mm512_mul_ps(p, factor), d));
    }
}
