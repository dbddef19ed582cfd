// What attention with AVX-512 has in common, attention_float32.c and attention_bfloat16.c alike: blocks, their places
// in working memory, and which keys they see.
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
    const size_t strips = w->keys * w->row_units * sizeof(packed);
    const size_t units = w->keys / depth_unit * w->width * sizeof(packed);
    const size_t block_rows = rows * w->row_units * sizeof(packed);
    const size_t block_units = rows / depth_unit * w->width * sizeof(packed);
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
    if (last.to <= first.from) return (range){0, 0};
    return (range){first.from / lanes * lanes, rounded_up(last.to, lanes)};
}
