// The loops that every packed product with AVX-512 has in common, float32.c and bfloat16.c alike.
//
// Both sides are packed into strips of sixteen lanes (rows of a, columns of b), unit of depth by unit of depth. A tile of
// 8 × 48 sums stays in registers over one block of depth; a's block stays in the second-level cache for all columns. Every
// element of c adds its products in the same order, however rows and columns are split.
//
// Before this file is included, the including one defines
//   TARGET, INLINE     attributes of its functions
//   packed             type of one lane of one unit of depth
//   depth_unit         numbers in such a unit
//   side               type of 16 packed lanes, with load_lanes, spread_lane and multiply_add on it
//   pack_lanes, pack_depth                  pack one strip from memory in either order
#pragma once
#include "CKernels.h"
#include <immintrin.h>

enum {
    lanes = 16,
    tile_rows = 8,
    tile_strips = 3,
    // Deep, so that c is read and written few times: a tile's part of b has 108 KB, and streams from the second level.
    depth_block = 576 * depth_unit,
    row_block = 384,    // of a: 864 KB
    column_block = 768, // of b: 1.7 MB
    strip_size = depth_block / depth_unit * lanes,
};

_Static_assert(
    (row_block + column_block) / lanes * strip_size * sizeof(packed) <= hone_packing_size, "blocks fit the packing memory");

// Strips of `count` lanes from `lane` on, over `depth` numbers from `k` on.
TARGET static void pack(
    const hone_operand *from, size_t lane, size_t count, size_t k, size_t depth, packed *strips) {
    for (size_t done = 0; done < count; done += lanes, strips += strip_size) {
        size_t part = count - done < lanes ? count - done : lanes, first = lane + done;
        if (from->depth_is_contiguous) pack_depth(from, first * from->stride + k, part, depth, strips);
        else pack_lanes(from, k * from->stride + first, part, depth, strips);
    }
}

// c's part is on its way while the sums are made: it comes from memory, whatever else lies in the caches.
INLINE void prefetch_tile(const float *c, size_t stride, size_t rows, const int strips) {
#pragma clang loop unroll(full)
    for (int row = 0; row < tile_rows; row++) {
        if ((size_t)row >= rows) break;
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++)
            __builtin_prefetch(c + (size_t)row * stride + strip * lanes, 1, 3);
    }
}

// c[8 × up to 48] from half a strip of a and up to three strips of b.
INLINE void multiply_tile(
    const packed *a, const packed *b, size_t units, float *c, size_t stride, size_t rows, const int strips,
    __mmask16 last, float scale, int accumulate) {
    prefetch_tile(c, stride, rows, strips);
    __m512 sums[tile_rows][tile_strips];
#pragma clang loop unroll(full)
    for (int row = 0; row < tile_rows; row++)
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++) sums[row][strip] = _mm512_setzero_ps();
    for (size_t unit = 0; unit < units; unit++, a += lanes, b += lanes) {
        side right[tile_strips];
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++) right[strip] = load_lanes(b + (size_t)strip * strip_size);
#pragma clang loop unroll(full)
        for (int row = 0; row < tile_rows; row++) {
            side left = spread_lane(a[row]);
#pragma clang loop unroll(full)
            for (int strip = 0; strip < strips; strip++)
                sums[row][strip] = multiply_add(sums[row][strip], left, right[strip]);
        }
    }
    const __m512 factor = _mm512_set1_ps(scale);
#pragma clang loop unroll(full)
    for (int row = 0; row < tile_rows; row++) {
        if ((size_t)row >= rows) break;
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++) {
            float *to = c + (size_t)row * stride + strip * lanes;
            __mmask16 mask = strip == strips - 1 ? last : (__mmask16)0xffff;
            __m512 value = _mm512_mul_ps(sums[row][strip], factor);
            if (accumulate) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, to));
            _mm512_mask_storeu_ps(to, mask, value);
        }
    }
}

// All tiles of one packed block of a and one of b.
TARGET static void multiply_blocks(
    const packed *a, const packed *b, size_t units, float *c, size_t stride, size_t rows, size_t columns, float scale,
    int accumulate) {
    for (size_t column = 0; column < columns; column += tile_strips * lanes, b += tile_strips * strip_size) {
        size_t width = columns - column < tile_strips * lanes ? columns - column : tile_strips * lanes;
        int strips = (int)((width + lanes - 1) / lanes);
        __mmask16 last = first_lanes(width - (size_t)(strips - 1) * lanes);
        for (size_t row = 0; row < rows; row += tile_rows) {
            const packed *left = a + row / lanes * strip_size + row % lanes;
            float *to = c + row * stride + column;
            size_t height = rows - row < tile_rows ? rows - row : tile_rows;
            switch (strips) {
            case 1: multiply_tile(left, b, units, to, stride, height, 1, last, scale, accumulate); break;
            case 2: multiply_tile(left, b, units, to, stride, height, 2, last, scale, accumulate); break;
            default: multiply_tile(left, b, units, to, stride, height, 3, last, scale, accumulate);
            }
        }
    }
}

// `total` in equal parts of at most `limit`, rounded up to `unit`.
static size_t equal_part(size_t total, size_t limit, size_t unit) {
    size_t parts = (total + limit - 1) / limit;
    return ((total + parts - 1) / parts + unit - 1) / unit * unit;
}

TARGET static int multiply_packed(
    const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows, size_t columns, size_t depth,
    float scale, int accumulate) {
    packed *left = hone_packing_memory();
    if (!left) return 0;
    packed *right = left + row_block / lanes * strip_size;
    const size_t deep = equal_part(depth, depth_block, depth_unit);
    const size_t tall = equal_part(rows, row_block, lanes);
    const size_t wide = equal_part(columns, column_block, tile_strips * lanes);
    for (size_t column = 0; column < columns; column += wide) {
        size_t width = columns - column < wide ? columns - column : wide;
        for (size_t k = 0; k < depth; k += deep) {
            size_t part = depth - k < deep ? depth - k : deep;
            pack(b, column, width, k, part, right);
            for (size_t row = 0; row < rows; row += tall) {
                size_t height = rows - row < tall ? rows - row : tall;
                pack(a, row, height, k, part, left);
                multiply_blocks(
                    left, right, (part + depth_unit - 1) / depth_unit, c + row * stride + column, stride, height, width,
                    scale, accumulate || k > 0);
            }
        }
    }
    return 1;
}
