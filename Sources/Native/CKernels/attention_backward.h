// Attention's adjoint by blocks of keys: probabilities are made again from scores and the kept normalisers.
#pragma once
#include "attention_packing.h"
#include "attention_softmax.h"
#include "attention_tiles.h"

// Probabilities and gradients of scores of one tile of rows for one block of keys, and what they add to ∂q.
TARGET static void differentiate_tile(
    const hone_attention *a, const workspace *w, size_t row, size_t place, size_t count, size_t block) {
    const range tile = tile_keys(a, row, count, block);
    if (tile.from >= tile.to) return;
    const size_t at = depth_unit > 1 ? 0 : place * score_stride, keys = tile.to - tile.from;
    float *p = w->scores + at, *d = w->score_gradients + at;
    score(w, w->query_rows + place * w->row_units, w->key_strips + block * w->row_units, tile, a->scale * log2_e, p);
    score(w, w->gradient_rows + place * w->row_units, w->value_strips + block * w->row_units, tile, 1, d);
    result_tile to = {.count = count};
    for (size_t r = 0; r < tile_rows; r++, p += score_stride, d += score_stride) {
        const int exists = r < count;
        const range visible = exists ? in_block(keys_of_token(a, (row + r) / a->group), block) : (range){0, 0};
        const float log_sum =
            exists ? a->log_sum[(row + r) / a->group * a->log_sum_stride + (row + r) % a->group] : 0;
        differentiate(p, d, tile, visible, log_sum, exists ? w->dots[place + r] : 0, a->scale);
        to.factors[r] = 1;
        to.rows[r] = exists ? row_of(a->dq, a->dq_stride, a, row + r) : 0;
        if (depth_unit == 1) continue;
        pack_row(d + tile.from, keys, w->score_rows + (r * score_stride + tile.from) / depth_unit);
        if (r % 2 == 0) continue;
        const size_t unit = (place + r) / depth_unit * score_stride + tile.from;
        pack_unit((const float *[]){p - score_stride + tile.from, p + tile.from}, keys, w->score_units + unit);
        pack_unit((const float *[]){d - score_stride + tile.from, d + tile.from}, keys, w->score_gradient_units + unit);
    }
    const left_side left = {
        (depth_unit > 1 ? w->score_rows : (const packed *)w->score_gradients + at) + tile.from / depth_unit,
        score_stride / depth_unit, 1};
    sum(left, w->key_units + (block + tile.from) / depth_unit * w->width, keys / depth_unit, w->width, a->width, &to);
}

// Rows of a block, in whole tiles, some of which see some of eight keys. `first` is the block's first row in the span,
// `key` the first of the eight.
static inline range rows_of_keys(const hone_attention *a, size_t first, size_t count, size_t key) {
    const size_t before = a->key_count - a->token_count, token = key > before ? key - before : 0;
    const size_t from = token * a->group;
    size_t to = first + count;
    if (a->window < a->key_count) {
        const size_t end = key + tile_rows - 1 + a->window; // the first key whose token sees none of the eight
        const size_t limit = end > before ? (end - before) * a->group : 0;
        if (limit < to) to = limit;
    }
    const size_t start = from > first ? (from - first) / tile_rows * tile_rows : 0;
    return (range){start, to > first ? rounded_up(to - first, tile_rows) : 0};
}

// What one block of rows adds to ∂k and ∂v of one block of keys.
TARGET static void differentiate_keys(
    const hone_attention *a, const workspace *w, size_t first, size_t count, size_t block, size_t end) {
    for (size_t key = block; key < end; key += tile_rows) {
        const range rows = rows_of_keys(a, first, count, key);
        if (rows.from >= rows.to) continue;
        result_tile dk = {.count = end - key < tile_rows ? end - key : tile_rows}, dv = dk;
        for (size_t r = 0; r < dk.count; r++) {
            const size_t place = (size_t)a->keys[key + r];
            dk.rows[r] = a->dk + place * a->dk_stride;
            dv.rows[r] = a->dv + place * a->dv_stride;
            dk.factors[r] = dv.factors[r] = 1;
        }
        const size_t unit = rows.from / depth_unit, units = (rows.to - rows.from) / depth_unit;
        const size_t at = unit * score_stride + key - block;
        sum((left_side){w->score_units + at, 1, score_stride}, w->gradient_units + unit * w->width, units, w->width,
            a->width, &dv);
        sum((left_side){w->score_gradient_units + at, 1, score_stride}, w->query_units + unit * w->width, units,
            w->width, a->width, &dk);
    }
}

// Packs some rows of queries and of the output's gradient; Σ ∂y·y of each, and no ∂q so far.
TARGET static void prepare_rows(const hone_attention *a, const workspace *w, size_t first, size_t rows) {
    pack_rows(a, a->q, a->q_stride, first, rows, w, w->query_rows);
    pack_rows(a, a->dout, a->dout_stride, first, rows, w, w->gradient_rows);
    if (depth_unit > 1) {
        pack_rows_as_depth(a, a->q, a->q_stride, first, rows, w, w->query_units);
        pack_rows_as_depth(a, a->dout, a->dout_stride, first, rows, w, w->gradient_units);
    }
    for (size_t r = 0; r < rows; r++) {
        const float *out = row_of(a->out, a->out_stride, a, first + r);
        const float *dout = row_of(a->dout, a->dout_stride, a, first + r);
        float *dq = row_of(a->dq, a->dq_stride, a, first + r);
        __m512 dot = _mm512_setzero_ps();
        for (size_t at = 0; at < a->width; at += lanes) {
            const __mmask16 mask = first_lanes(a->width - at);
            dot = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, out + at), _mm512_maskz_loadu_ps(mask, dout + at), dot);
            _mm512_mask_storeu_ps(dq + at, mask, _mm512_setzero_ps());
        }
        w->dots[r] = _mm512_reduce_add_ps(dot);
    }
}

// Some tokens of the span.
TARGET static void differentiate_block(const hone_attention *a, const workspace *w, size_t token, size_t count) {
    const size_t first = token * a->group, rows = count * a->group;
    prepare_rows(a, w, first, rows);
    const range keys = {keys_of_token(a, token).from, keys_of_token(a, token + count - 1).to};
    for (size_t block = keys.from / key_block * key_block; block < keys.to; block += key_block) {
        for (size_t place = 0; place < rows; place += tile_rows)
            differentiate_tile(a, w, first + place, place, rows - place < tile_rows ? rows - place : tile_rows, block);
        differentiate_keys(a, w, first, rows, block, keys.to - block < key_block ? keys.to : block + key_block);
    }
}

TARGET static void differentiate_attention(const hone_attention *a) {
    workspace w;
    lay_out(&w, a->scratch, a->width, a->group, a->key_count, 1);
    const size_t tokens = block_tokens(a->group);
    if (a->part * tokens >= a->token_count) return;
    pack_strips(a, a->k, a->k_stride, w.key_strips);
    pack_strips(a, a->v, a->v_stride, w.value_strips);
    pack_keys(a, a->k, a->k_stride, &w, w.key_units);
    for (size_t token = a->part * tokens; token < a->token_count; token += a->parts * tokens)
        differentiate_block(a, &w, token, a->token_count - token < tokens ? a->token_count - token : tokens);
}
