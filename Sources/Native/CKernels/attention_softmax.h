// Softmax of rows of scores with AVX-512, for attention's tiles: the row's visible keys become probabilities, the other
// keys of the tile zeros. Scores come in units of ln 2, log₂ e times themselves, so that powers are those of two.
#pragma once
#include "attention.h"

static const float log2_e = 1.44269504088896341f;

// 2ˣ of the wanted lanes, zero elsewhere, for x that is not much above zero: a polynomial of degree 6 on [−½, ½].
// Not-a-numbers stay what they are.
INLINE __m512 powers_of_two(__m512 x, __mmask16 wanted) {
    const __m512 low = _mm512_set1_ps(-126);
    wanted = _mm512_mask_cmp_ps_mask(wanted, x, low, _CMP_NLT_UQ);
    x = _mm512_max_ps(low, x);
    const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 r = _mm512_sub_ps(x, n);
    __m512 p = _mm512_set1_ps(1.5353362e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.33988739e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.61843692e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.55033237e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.40226477e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.93147182e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
    return _mm512_maskz_scalef_ps(wanted, p, n);
}

// The lanes of the vector at `at` that lie in `keys`.
INLINE __mmask16 visible_lanes(range keys, size_t at) {
    __mmask16 mask = at + lanes <= keys.to ? (__mmask16)0xffff : at < keys.to ? first_lanes(keys.to - at) : 0;
    return at >= keys.from ? mask : (__mmask16)(mask & ~first_lanes(keys.from - at));
}

// The vectors of a tile all of whose lanes lie in `keys`, between those of which only some do.
INLINE range whole_vectors(range tile, range keys) {
    const size_t from = rounded_up(keys.from, lanes), to = keys.to / lanes * lanes;
    return from < to ? (range){from, to} : (range){tile.to, tile.to};
}

INLINE __m512 soften_vector(float *scores, __mmask16 visible, __m512 shift, __m512 total) {
    const __m512 e = powers_of_two(_mm512_sub_ps(_mm512_load_ps(scores), shift), visible);
    _mm512_store_ps(scores, e);
    return _mm512_add_ps(total, e);
}

// The greatest of `top` and a row's visible scores.
INLINE float greatest(const float *scores, range tile, range keys, float top) {
    const range whole = whole_vectors(tile, keys);
    __m512 found = _mm512_set1_ps(top);
    size_t at = tile.from;
    for (; at < whole.from; at += lanes)
        found = _mm512_mask_max_ps(found, visible_lanes(keys, at), found, _mm512_load_ps(scores + at));
    for (; at < whole.to; at += lanes) found = _mm512_max_ps(found, _mm512_load_ps(scores + at));
    for (; at < tile.to; at += lanes)
        found = _mm512_mask_max_ps(found, visible_lanes(keys, at), found, _mm512_load_ps(scores + at));
    return _mm512_reduce_max_ps(found);
}

// Scores of one row become 2 to the power of (score − top); the parts of their total, made with an earlier top, go on.
// What the row's earlier sums have to be multiplied by.
INLINE float soften(float *scores, range tile, range keys, float earlier_top, float top, float *totals) {
    if (keys.from >= keys.to) {
        for (size_t at = tile.from; at < tile.to; at += lanes) _mm512_store_ps(scores + at, _mm512_setzero_ps());
        return 1;
    }
    const range whole = whole_vectors(tile, keys);
    const __m512 shift = _mm512_set1_ps(top);
    const __m512 factor = powers_of_two(_mm512_sub_ps(_mm512_set1_ps(earlier_top), shift), 0xffff);
    __m512 total = _mm512_mul_ps(_mm512_load_ps(totals), factor);
    size_t at = tile.from;
    for (; at < whole.from; at += lanes)
        total = soften_vector(scores + at, visible_lanes(keys, at), shift, total);
    for (; at < whole.to; at += lanes) total = soften_vector(scores + at, 0xffff, shift, total);
    for (; at < tile.to; at += lanes) total = soften_vector(scores + at, visible_lanes(keys, at), shift, total);
    _mm512_store_ps(totals, total);
    return _mm512_cvtss_f32(factor);
}

// Scores of one row become probabilities p, gradients of probabilities become those of products of queries and keys:
// scale · p · (gradient − dot).
INLINE void differentiate(
    float *scores, float *gradients, range tile, range keys, float log_sum, float dot, float scale) {
    const __m512 shift = _mm512_set1_ps(log_sum * log2_e), mean = _mm512_set1_ps(dot), factor = _mm512_set1_ps(scale);
    const range whole = whole_vectors(tile, keys);
    for (size_t at = tile.from; at < tile.to; at += lanes) {
        const __mmask16 visible = at >= whole.from && at < whole.to ? (__mmask16)0xffff : visible_lanes(keys, at);
        const __m512 p = powers_of_two(_mm512_sub_ps(_mm512_load_ps(scores + at), shift), visible);
        const __m512 d = _mm512_sub_ps(_mm512_load_ps(gradients + at), mean);
        _mm512_store_ps(scores + at, p);
        _mm512_store_ps(gradients + at, _mm512_maskz_mul_ps(visible, _mm512_mul_ps(p, factor), d));
    }
}
