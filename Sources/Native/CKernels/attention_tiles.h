// Attention's tiles of sums: scores of eight rows, and what such rows add to a result in memory.
#pragma once
#include "attention.h"

INLINE void score_tile(left_side a, right_side b, size_t units, float scale, float *to, const int strips) {
    __m512 sums[tile_rows][tile_strips];
    add_products(sums, a, b, units, strips);
    const __m512 factor = _mm512_set1_ps(scale);
#pragma clang loop unroll(full)
    for (int row = 0; row < tile_rows; row++)
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++)
            _mm512_store_ps(to + row * score_stride + strip * lanes, _mm512_mul_ps(sums[row][strip], factor));
}

// to[8 × keys] = scale · rows · strips of keys, whose first key is that of the block.
TARGET static void score(
    const workspace *w, const packed *rows, const packed *strips, range keys, float scale, float *to) {
    const left_side left = {rows, w->row_units, 1};
    for (size_t at = keys.from; at < keys.to;) {
        const right_side right = {strips + at * w->row_units, lanes * w->row_units, lanes};
        const int count = next_strips((keys.to - at) / lanes);
        switch (count) {
        case 1: score_tile(left, right, w->units, scale, to + at, 1); break;
        case 2: score_tile(left, right, w->units, scale, to + at, 2); break;
        default: score_tile(left, right, w->units, scale, to + at, 3);
        }
        at += (size_t)count * lanes;
    }
}

// Eight rows of a result in memory, of which `count` exist; each is multiplied by `factor` before sums are added.
typedef struct {
    float *rows[tile_rows];
    float factors[tile_rows];
    size_t count;
} result_tile;

INLINE void sum_tile(
    left_side a, right_side b, size_t units, const result_tile *to, size_t column, __mmask16 last, const int strips) {
    __m512 sums[tile_rows][tile_strips];
    add_products(sums, a, b, units, strips);
#pragma clang loop unroll(full)
    for (int row = 0; row < tile_rows; row++) {
        if ((size_t)row >= to->count) break;
        const __m512 factor = _mm512_set1_ps(to->factors[row]);
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++) {
            float *place = to->rows[row] + column + strip * lanes;
            const __mmask16 mask = strip == strips - 1 ? last : (__mmask16)0xffff;
            const __m512 before = _mm512_maskz_loadu_ps(mask, place);
            _mm512_mask_storeu_ps(place, mask, _mm512_fmadd_ps(before, factor, sums[row][strip]));
        }
    }
}

// to = factors · to + left · right for all channels of a head; `right` has units of depth × channels.
INLINE void sum(
    left_side left, const packed *right, size_t units, size_t lane_count, size_t width, const result_tile *to) {
    for (size_t at = 0; at < width;) {
        const right_side b = {right + at, lanes, lane_count};
        const int count = next_strips((width - at + lanes - 1) / lanes);
        const size_t part = (size_t)count * lanes < width - at ? (size_t)count * lanes : width - at;
        const __mmask16 last = first_lanes(part - (size_t)(count - 1) * lanes);
        switch (count) {
        case 1: sum_tile(left, b, units, to, at, last, 1); break;
        case 2: sum_tile(left, b, units, to, at, last, 2); break;
        default: sum_tile(left, b, units, to, at, last, 3);
        }
        at += part;
    }
}
