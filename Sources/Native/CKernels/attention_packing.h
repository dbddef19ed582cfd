// How attention packs its blocks: heads of all keys, and rows of queries.
#pragma once
#include "attention.h"

// A row's place in a matrix that begins with the span's first token and the first head of the group.
static inline float *row_of(const float *matrix, size_t stride, const hone_attention *a, size_t row) {
    return (float *)matrix + row / a->group * stride + row % a->group * a->width;
}

// `count` numbers in units of depth, with zeros up to a whole vector.
INLINE void pack_row(const float *row, size_t count, packed *to) {
    for (size_t at = 0; at < count; at += lanes * depth_unit, to += lanes)
        _mm512_storeu_si512(to, load_units(row + at, count - at));
}

// One unit of depth of `count` lanes, with zeros up to a whole vector.
INLINE void pack_unit(const float *const rows[depth_unit], size_t count, packed *to) {
    for (size_t at = 0; at < count; at += lanes, to += lanes)
        _mm512_store_si512(to, load_unit(rows, at, count - at));
}

// The heads of all keys as strips: 16 keys beside each other for every unit of depth.
TARGET static void pack_strips(const hone_attention *a, const float *from, size_t stride, packed *to) {
    for (size_t key = 0; key < a->key_count; key += lanes)
        for (size_t at = 0; at < a->width; at += lanes * depth_unit, to += lanes * lanes) {
            __m512i rows[lanes];
#pragma clang loop unroll(full)
            for (size_t lane = 0; lane < lanes; lane++)
                rows[lane] = key + lane < a->key_count
                    ? load_units(from + (size_t)a->keys[key + lane] * stride + at, a->width - at)
                    : _mm512_setzero_si512();
            transpose(rows);
#pragma clang loop unroll(full)
            for (size_t unit = 0; unit < lanes; unit++) _mm512_store_si512(to + unit * lanes, rows[unit]);
        }
}

// The heads of all keys with the keys as depth; zeros behind the last.
TARGET static void pack_keys(
    const hone_attention *a, const float *from, size_t stride, const workspace *w, packed *to) {
    for (size_t key = 0; key < w->keys; key += depth_unit, to += w->width) {
        if (key >= a->key_count) {
            for (size_t at = 0; at < w->width; at += lanes) _mm512_store_si512(to + at, _mm512_setzero_si512());
            continue;
        }
        const float *rows[2] = {from + (size_t)a->keys[key] * stride, 0};
        if (key + 1 < a->key_count) rows[1] = from + (size_t)a->keys[key + 1] * stride;
        pack_unit(rows, a->width, to);
    }
}

// `count` rows of a block from `row` on, with zeros up to a whole tile: for the left side of a product.
TARGET static void pack_rows(
    const hone_attention *a, const float *from, size_t stride, size_t row, size_t count, const workspace *w,
    packed *to) {
    for (size_t r = 0; r < count; r++, to += w->row_units) pack_row(row_of(from, stride, a, row + r), a->width, to);
    for (size_t r = count; r % tile_rows; r++, to += w->row_units)
        for (size_t at = 0; at < w->row_units; at += lanes) _mm512_store_si512(to + at, _mm512_setzero_si512());
}

// The same for the right side, with rows as depth.
TARGET static void pack_rows_as_depth(
    const hone_attention *a, const float *from, size_t stride, size_t row, size_t count, const workspace *w,
    packed *to) {
    for (size_t r = 0; r < rounded_up(count, tile_rows); r += depth_unit, to += w->width) {
        if (r >= count) {
            for (size_t at = 0; at < w->width; at += lanes) _mm512_store_si512(to + at, _mm512_setzero_si512());
            continue;
        }
        const float *rows[2] = {row_of(from, stride, a, row + r), 0};
        if (r + 1 < count) rows[1] = row_of(from, stride, a, row + r + 1);
        pack_unit(rows, a->width, to);
    }
}
