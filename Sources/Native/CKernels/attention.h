// What attention with AVX-512 has in common, attention_float32.c and attention_bfloat16.c alike: the places of its
// blocks in working memory, their packing, and tiles of sums.
//
// One call works on the queries of one span and the heads that share one key/value head. A *row* is one query of one of
// these heads, the heads of a token beside each other: row r belongs to token r / group. So the keys that are masked
// lie behind the same diagonal for all heads, and a block of keys serves them all. Keys and values are packed once;
// rows are taken in blocks that fit the second-level cache, keys in blocks of `key_block`, counted from the span's
// first key: the order of a row's sums depends on nothing but its keys.
//
// Before this file is included, float32_lanes.h or bfloat16_lanes.h says what a unit of depth is.
#pragma once
#include "CKernels.h"
#include "sums.h"
#include <math.h>

enum {
    most_rows = 192,            // of a block, if a multiple of eight tokens has not more
    key_block = 192,            // whole tiles
    score_stride = key_block + lanes, // rows of scores do not all begin in the same sets of the cache
};

static inline size_t rounded_up(size_t count, size_t unit) { return (count + unit - 1) / unit * unit; }

// Tokens of a block: so many that their rows are whole tiles.
static inline size_t block_tokens(size_t group) {
    size_t tokens = most_rows / group / tile_rows * tile_rows;
    return tokens ? tokens : tile_rows;
}

// Working memory of one call. In float32 a unit of depth is a number, so what differs only in the packing of its depth
// is the same memory.
typedef struct {
    // Sizes: units of depth of a head, packed numbers of a row of it, lanes of it, and keys, each with their padding.
    size_t units, row_units, width, keys;
    // Of all keys: strips of keys × units of channels; units of keys × channels.
    packed *key_strips, *value_strips, *key_units, *value_units;
    // Of a block: rows × units of channels; units of rows × channels.
    packed *query_rows, *query_units, *gradient_rows, *gradient_units;
    // Of a block or, where they are packed again, of a tile.
    float *scores, *score_gradients;
    // Packed again: a tile's rows × units of keys; a block's units of rows × keys.
    packed *score_rows, *score_units, *score_gradient_units;
    // Of each row: greatest score so far and 16 parts of Σ exp(score − it); Σ ∂y·y.
    float *tops, *totals, *dots;
} workspace;

// Takes memory from `at` on; with base null only its size is found.
static void *take(char *base, size_t *at, size_t bytes) {
    void *memory = base ? base + *at : 0;
    *at += rounded_up(bytes, 64);
    return memory;
}

// The layout of working memory; its size in bytes.
static size_t lay_out(workspace *w, char *base, size_t width, size_t group, size_t keys, int backward) {
    const size_t rows = block_tokens(group) * group;
    const int again = depth_unit > 1;
    size_t at = 0;
    w->units = (width + depth_unit - 1) / depth_unit;
    w->row_units = rounded_up(w->units, lanes);
    w->width = rounded_up(width, lanes);
    w->keys = rounded_up(keys, lanes);
    const size_t strips = w->keys * w->row_units * sizeof(packed), units = w->keys / depth_unit * w->width * sizeof(packed);
    const size_t block_rows = rows * w->row_units * sizeof(packed), block_units = rows / depth_unit * w->width * sizeof(packed);
    const size_t block_scores = (again ? tile_rows : rows) * score_stride * sizeof(float);
    w->key_strips = take(base, &at, strips);
    w->query_rows = take(base, &at, block_rows);
    w->score_rows = again ? take(base, &at, tile_rows * score_stride / depth_unit * sizeof(packed)) : 0;
    if (!backward) {
        w->value_units = take(base, &at, units);
        w->scores = take(base, &at, tile_rows * score_stride * sizeof(float));
        w->tops = take(base, &at, rows * sizeof(float));
        w->totals = take(base, &at, rows * lanes * sizeof(float));
        return at;
    }
    w->value_strips = take(base, &at, strips);
    w->key_units = take(base, &at, units);
    w->gradient_rows = take(base, &at, block_rows);
    w->query_units = again ? take(base, &at, block_units) : w->query_rows;
    w->gradient_units = again ? take(base, &at, block_units) : w->gradient_rows;
    w->scores = take(base, &at, block_scores);
    w->score_gradients = take(base, &at, block_scores);
    w->score_units = again ? take(base, &at, rows / depth_unit * score_stride * sizeof(packed)) : (packed *)w->scores;
    w->score_gradient_units =
        again ? take(base, &at, rows / depth_unit * score_stride * sizeof(packed)) : (packed *)w->score_gradients;
    w->dots = take(base, &at, rows * sizeof(float));
    return at;
}

// ---- what a row sees -------------------------------------------------------------------------------------------

typedef struct {
    size_t from, to;
} range;

// Keys that a token of the span sees.
static inline range keys_of_token(const hone_attention *a, size_t token) {
    size_t end = a->key_count - a->token_count + token + 1;
    return (range){end > a->window ? end - a->window : 0, end};
}

// The part of `keys` in the block that begins at `block`, counted from there.
static inline range in_block(range keys, size_t block) {
    size_t from = keys.from > block ? keys.from - block : 0, to = keys.to > block ? keys.to - block : 0;
    if (to > key_block) to = key_block;
    return (range){from < to ? from : to, to};
}

// What some row of a tile sees of a block of keys, in whole strips; `row` is the tile's first in the span, of `count`.
static inline range tile_keys(const hone_attention *a, size_t row, size_t count, size_t block) {
    range first = in_block(keys_of_token(a, row / a->group), block);
    range last = in_block(keys_of_token(a, (row + count - 1) / a->group), block);
    return last.to > first.from ? (range){first.from / lanes * lanes, rounded_up(last.to, lanes)} : (range){0, 0};
}

// ---- packing ---------------------------------------------------------------------------------------------------

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
TARGET static void pack_strips(const hone_attention *a, const float *from, size_t stride, const workspace *w, packed *to) {
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
TARGET static void pack_keys(const hone_attention *a, const float *from, size_t stride, const workspace *w, packed *to) {
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
    const hone_attention *a, const float *from, size_t stride, size_t row, size_t count, const workspace *w, packed *to) {
    for (size_t r = 0; r < count; r++, to += w->row_units) pack_row(row_of(from, stride, a, row + r), a->width, to);
    for (size_t r = count; r % tile_rows; r++, to += w->row_units)
        for (size_t at = 0; at < w->row_units; at += lanes) _mm512_store_si512(to + at, _mm512_setzero_si512());
}

// The same for the right side, with rows as depth.
TARGET static void pack_rows_as_depth(
    const hone_attention *a, const float *from, size_t stride, size_t row, size_t count, const workspace *w, packed *to) {
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

// ---- tiles -----------------------------------------------------------------------------------------------------

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
INLINE void sum(left_side left, const packed *right, size_t units, size_t lane_count, size_t width, const result_tile *to) {
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
