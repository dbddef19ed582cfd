// The inner loop of every product with AVX-512: 8 × 48 sums that stay in registers over their depth.
//
// Before this file is included, float32_lanes.h or bfloat16_lanes.h says what a unit of depth is.
#pragma once
#include <stddef.h>

enum {
    lanes = 16,
    tile_rows = 8,
    tile_strips = 3,
};

// Where the numbers of the left side are: packed units from one row to the next and from one unit of depth to the next.
typedef struct {
    const packed *base;
    size_t row, unit;
} left_side;

// Where the strips of the right side are: 16 lanes each, on a multiple of 64 bytes.
typedef struct {
    const packed *base;
    size_t strip, unit;
} right_side;

INLINE void add_products(
    __m512 sums[tile_rows][tile_strips], left_side a, right_side b, size_t units, const int strips) {
#pragma clang loop unroll(full)
    for (int row = 0; row < tile_rows; row++)
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++) sums[row][strip] = _mm512_setzero_ps();
    for (size_t unit = 0; unit < units; unit++, a.base += a.unit, b.base += b.unit) {
        side right[tile_strips];
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++) right[strip] = load_lanes(b.base + (size_t)strip * b.strip);
#pragma clang loop unroll(full)
        for (int row = 0; row < tile_rows; row++) {
            side left = spread_lane(a.base[(size_t)row * a.row]);
#pragma clang loop unroll(full)
            for (int strip = 0; strip < strips; strip++)
                sums[row][strip] = multiply_add(sums[row][strip], left, right[strip]);
        }
    }
}

// Strips of the next tile. Four that are left make two tiles alike: one of a single strip waits for its loads. Heads of
// 64 channels are four strips.
static inline int next_strips(size_t left) { return left == 4 ? 2 : left < tile_strips ? (int)left : tile_strips; }
