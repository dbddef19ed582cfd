// The loops that every packed product with AVX-512 has in common, float32.c and bfloat16.c alike.
//
// Both sides are packed into strips of sixteen lanes (rows of a, columns of b), unit of depth by unit of depth. A tile
// of 8 × 48 sums stays in registers over one block of depth; a's block stays in the second-level cache for all columns.
// Every element of c adds its products in the same order, however rows and columns are split.
//
// Before this file is included, float32_lanes.h or bfloat16_lanes.h says what a unit of depth is, and the including file
// declares pack_lanes and pack_depth, which pack one strip from memory in either order.
#pragma once
#include "CKernels.h"
#include "sums.h"

enum {
    // Deep, so that c is read and written few times: a tile's part of b has 108 KB, and streams from the second level.
    depth_block = 576 * depth_unit,
    row_block = 384,     // of a: 864 KB
    column_block = 1536, // of b: 3.5 MB in the third level
    strip_size = (depth_block + hone_most_further_depth * depth_unit) / depth_unit * lanes,
    most_pieces = 8,
};

_Static_assert(
    (row_block + column_block) / lanes * strip_size * sizeof(packed) <= hone_packing_size, "blocks fit the packing memory");

// Strips of `count` lanes from `lane` on, over `depth` numbers from `k` on.
TARGET static void pack(
    const hone_operand *from, size_t lane, size_t count, size_t k, size_t depth, packed *strips) {
    if (!from->depth_is_contiguous) {
        pack_lanes(from, k * from->stride + lane, count, depth, strips);
        return;
    }
    for (size_t done = 0; done < count; done += lanes, strips += strip_size) {
        size_t part = count - done < lanes ? count - done : lanes;
        pack_depth(from, (lane + done) * from->stride + k, part, depth, strips);
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
    add_products(sums, (left_side){a, 1, lanes}, (right_side){b, strip_size, lanes}, units, strips);
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
    for (size_t column = 0, width; column < columns; column += width) {
        int strips = next_strips((columns - column + lanes - 1) / lanes);
        width = (size_t)strips * lanes < columns - column ? (size_t)strips * lanes : columns - column;
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
        b += strips * strip_size;
    }
}

// `total` in equal parts of at most `limit`, rounded up to `unit`.
static size_t equal_part(size_t total, size_t limit, size_t unit) {
    size_t parts = (total + limit - 1) / limit;
    return ((total + parts - 1) / parts + unit - 1) / unit * unit;
}

// Some columns of one product, packed into strips of the panel from `strip` on.
typedef struct {
    const hone_product *product;
    size_t column, width, strip;
} piece;

// The next columns of a group, as many as a panel holds; (product, column) moves on. The number of pieces.
static size_t next_panel(const hone_product *products, size_t count, size_t *product, size_t *column, piece *pieces) {
    size_t found = 0, strip = 0;
    while (*product < count && found < most_pieces) {
        const hone_product *p = products + *product;
        size_t wide = equal_part(p->columns, column_block, tile_strips * lanes);
        size_t width = p->columns - *column < wide ? p->columns - *column : wide;
        size_t strips = (width + lanes - 1) / lanes;
        if (strip + strips > column_block / lanes) break;
        pieces[found++] = (piece){p, *column, width, strip};
        strip += strips;
        *column += width;
        if (*column >= p->columns) *column = 0, ++*product;
    }
    return found;
}

// `part` numbers of the depth from `k` on, of one block of rows and all pieces of a panel. The further depth comes with
// the last of them, so its left side may be what an earlier product of the panel has just written.
TARGET static void multiply_panel(
    const hone_operand *a, const piece *pieces, size_t count, size_t row, size_t height, size_t k, size_t part,
    int is_last, packed *left, const packed *right) {
    const size_t units = (part + depth_unit - 1) / depth_unit;
    pack(a, row, height, k, part, left);
    for (const piece *p = pieces; p < pieces + count; p++) {
        const hone_product *product = p->product;
        size_t further = is_last ? product->further_depth : 0;
        if (further) pack(&product->further_a, row, height, 0, further, left + units * lanes);
        multiply_blocks(
            left, right + p->strip * strip_size, units + (further + depth_unit - 1) / depth_unit,
            product->c + row * product->stride + p->column, product->stride, height, p->width, product->scale,
            product->accumulate || k > 0);
    }
}

TARGET static int multiply_group(
    const hone_operand *a, const hone_product *products, size_t count, size_t rows, size_t depth) {
    packed *left = hone_packing_memory();
    if (!left) return 0;
    packed *right = left + row_block / lanes * strip_size;
    const size_t deep = equal_part(depth, depth_block, depth_unit);
    const size_t tall = equal_part(rows, row_block, lanes);
    piece pieces[most_pieces];
    for (size_t product = 0, column = 0; product < count;) {
        const size_t found = next_panel(products, count, &product, &column, pieces);
        for (size_t k = 0; k < depth; k += deep) {
            const size_t part = depth - k < deep ? depth - k : deep;
            const int is_last = k + deep >= depth;
            for (const piece *p = pieces; p < pieces + found; p++) {
                packed *strips = right + p->strip * strip_size;
                pack(&p->product->b, p->column, p->width, k, part, strips);
                if (is_last && p->product->further_depth)
                    pack(
                        &p->product->further_b, p->column, p->width, 0, p->product->further_depth,
                        strips + (part + depth_unit - 1) / depth_unit * lanes);
            }
            for (size_t row = 0; row < rows; row += tall)
                multiply_panel(
                    a, pieces, found, row, rows - row < tall ? rows - row : tall, k, part, is_last, left, right);
        }
    }
    return 1;
}

TARGET static int multiply_packed(
    const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows, size_t columns, size_t depth,
    float scale, int accumulate) {
    const hone_product product = {
        .b = *b, .c = c, .stride = stride, .columns = columns, .scale = scale, .accumulate = accumulate};
    return multiply_group(a, &product, 1, rows, depth);
}
