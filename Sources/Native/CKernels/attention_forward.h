// Attention's forward pass by blocks of keys, whose softmax is corrected as greater scores come (Dao et al. 2022).
#pragma once
#include "attention_packing.h"
#include "attention_softmax.h"
#include "attention_tiles.h"

// One block of keys for one tile of rows. `row` is the tile's first in the span, `place` in the block.
TARGET static void attend_tile(
    const hone_attention *a, const workspace *w, size_t row, size_t place, size_t count, size_t block) {
    const range tile = tile_keys(a, row, count, block);
    if (tile.from >= tile.to) return;
    score(w, w->query_rows + place * w->row_units, w->key_strips + block * w->row_units, tile, a->scale * log2_e,
        w->scores);
    result_tile to = {.count = count};
    range keys[tile_rows] = {0};
    float tops[tile_rows] = {0};
    // First of all rows, so that none waits for its own.
    for (size_t r = 0; r < count; r++) {
        keys[r] = in_block(keys_of_token(a, (row + r) / a->group), block);
        tops[r] = greatest(w->scores + r * score_stride, tile, keys[r], w->tops[place + r]);
    }
    for (size_t r = 0; r < tile_rows; r++) {
        float *scores = w->scores + r * score_stride;
        to.factors[r] =
            soften(scores, tile, keys[r], w->tops[place + r], tops[r], w->totals + (place + r) * lanes);
        if (depth_unit > 1)
            pack_row(
                scores + tile.from, tile.to - tile.from, w->score_rows + (r * score_stride + tile.from) / depth_unit);
        if (r >= count) continue;
        w->tops[place + r] = tops[r];
        to.rows[r] = row_of(a->out, a->out_stride, a, row + r);
    }
    const packed *softened = depth_unit > 1 ? w->score_rows : (const packed *)w->scores;
    sum((left_side){softened + tile.from / depth_unit, score_stride / depth_unit, 1},
        w->value_units + (block + tile.from) / depth_unit * w->width, (tile.to - tile.from) / depth_unit, w->width,
        a->width, &to);
}

// The sums of a row become its output.
TARGET static void finish_row(const hone_attention *a, const workspace *w, size_t row, size_t place) {
    const float total = _mm512_reduce_add_ps(_mm512_load_ps(w->totals + place * lanes));
    const __m512 factor = _mm512_set1_ps(1 / total);
    float *out = row_of(a->out, a->out_stride, a, row);
    for (size_t at = 0; at < a->width; at += lanes) {
        const __mmask16 mask = first_lanes(a->width - at);
        _mm512_mask_storeu_ps(out + at, mask, _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, out + at), factor));
    }
    a->log_sum[row / a->group * a->log_sum_stride + row % a->group] =
        (float)((double)w->tops[place] * M_LN2 + log((double)total));
}

// Some tokens of the span.
TARGET static void attend_block(const hone_attention *a, const workspace *w, size_t token, size_t count) {
    const size_t first = token * a->group, rows = count * a->group;
    pack_rows(a, a->q, a->q_stride, first, rows, w, w->query_rows);
    for (size_t r = 0; r < rounded_up(rows, tile_rows); r++) {
        w->tops[r] = -INFINITY;
        _mm512_store_ps(w->totals + r * lanes, _mm512_setzero_ps());
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t at = 0; at < a->width; at += lanes)
            _mm512_mask_storeu_ps(
                row_of(a->out, a->out_stride, a, first + r) + at, first_lanes(a->width - at), _mm512_setzero_ps());
    const range keys = {keys_of_token(a, token).from, keys_of_token(a, token + count - 1).to};
    for (size_t block = keys.from / key_block * key_block; block < keys.to; block += key_block)
        for (size_t place = 0; place < rows; place += tile_rows)
            attend_tile(a, w, first + place, place, rows - place < tile_rows ? rows - place : tile_rows, block);
    for (size_t r = 0; r < rows; r++) finish_row(a, w, first + r, r);
}

TARGET static void attend(const hone_attention *a) {
    workspace w;
    lay_out(&w, a->scratch, a->width, a->group, a->key_count, 0);
    const size_t tokens = block_tokens(a->group);
    if (a->part * tokens >= a->token_count) return;
    pack_strips(a, a->k, a->k_stride, w.key_strips);
    pack_keys(a, a->v, a->v_stride, &w, w.value_units);
    for (size_t token = a->part * tokens; token < a->token_count; token += a->parts * tokens)
        attend_block(a, &w, token, a->token_count - token < tokens ? a->token_count - token : tokens);
}
