// Products of few rows of a with a large b: decoding, which waits for b to arrive from memory. b is read once and is
// not packed. Every element is one sum over the depth in sixteen lanes, added up in one order: the same bits whatever
// the number of rows, and wherever the columns are split.
//
// Products in bfloat16 round both sides as bfloat16.c does, so a row has the same factors alone and among many.
#include "CKernels.h"

#if !defined(HONE_DOUBLE) && defined(__x86_64__)
#include "vectors.h"

enum { most_sums = 24, group = 8 };

// How b is stored and multiplied.
enum side { full, rounded, narrow };

// To nearest, ties to even; what is no number stays none.
INLINE_AVX512 __m512 nearest(__m512 x) {
    __m512i bits = (__m512i)x, odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __m512 near = (__m512)_mm512_and_si512(up, _mm512_set1_epi32((int)0xffff0000));
    return _mm512_mask_mov_ps(near, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}

// Sixteen numbers of b, from `index` on.
INLINE_AVX512 __m512 load(const hone_operand *from, size_t index, __mmask16 wanted, const enum side side) {
    if (side == narrow) {
        __m256i numbers = _mm256_maskz_loadu_epi16(wanted, (const uint16_t *)from->base + index);
        return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(numbers), 16);
    }
    __m512 numbers = _mm512_maskz_loadu_ps(wanted, (const float *)from->base + index);
    return side == rounded ? nearest(numbers) : numbers;
}

// Into the second-level cache: it has more requests to memory under way than the first, which it then fills in time.
INLINE_AVX512 void prefetch(const hone_operand *from, size_t index, const enum side side) {
    const size_t size = side == narrow ? sizeof(uint16_t) : sizeof(float);
    __builtin_prefetch((const char *)from->base + index * size, 0, 2);
}

// The lanes of every vector, added up: sum i in lane i.
INLINE_AVX512 __m512 lane_sums(const __m512 *sums, const int count) {
    __m512i lanes[16];
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) lanes[i] = i < count ? (__m512i)sums[i] : _mm512_setzero_si512();
    transpose(lanes);
    __m512 total[16];
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) total[i] = (__m512)lanes[i];
#pragma clang loop unroll(full)
    for (int half = 8; half > 0; half /= 2)
#pragma clang loop unroll(full)
        for (int i = 0; i < half; i++) total[i] = _mm512_add_ps(total[i], total[i + half]);
    return total[0];
}

// `rows` rows of a by `columns` columns of b, of which `present` exist.
INLINE_AVX512 void multiply_block(
    const float *a, size_t a_stride, const hone_operand *b, size_t column, float *c, size_t stride, const int rows,
    const int columns, int present, size_t depth, float scale, int accumulate, const enum side side) {
    __m512 sums[most_sums];
    size_t starts[most_sums];
#pragma clang loop unroll(full)
    for (int i = 0; i < most_sums; i++) sums[i] = _mm512_setzero_ps();
#pragma clang loop unroll(full)
    for (int j = 0; j < columns; j++) starts[j] = (column + (size_t)(j < present ? j : 0)) * b->stride;
    const size_t ahead = (size_t)columns * b->stride;
    for (size_t k = 0; k < depth; k += 16) {
        const __mmask16 wanted = first_lanes(depth - k);
        __m512 right[most_sums];
#pragma clang loop unroll(full)
        for (int j = 0; j < columns; j++) right[j] = load(b, starts[j] + k, wanted, side);
#pragma clang loop unroll(full)
        for (int row = 0; row < rows; row++) {
            __m512 left = _mm512_maskz_loadu_ps(wanted, a + (size_t)row * a_stride + k);
#pragma clang loop unroll(full)
            for (int j = 0; j < columns; j++)
                sums[row * columns + j] = _mm512_fmadd_ps(left, right[j], sums[row * columns + j]);
#pragma clang loop unroll(full)
            for (int j = row; j < columns; j += rows) prefetch(b, starts[j] + ahead + k, side);
        }
    }
    float found[32];
    _mm512_storeu_ps(found, lane_sums(sums, rows * columns));
    if (rows * columns > 16) _mm512_storeu_ps(found + 16, lane_sums(sums + 16, rows * columns - 16));
#pragma clang loop unroll(full)
    for (int row = 0; row < rows; row++) {
        float *to = c + (size_t)row * stride + column;
#pragma clang loop unroll(full)
        for (int j = 0; j < columns; j++) {
            float value = scale * found[row * columns + j];
            if (j < present) to[j] = accumulate ? to[j] + value : value;
        }
    }
}

#define BLOCK(ROWS, COLUMNS)                                                                                           \
    AVX512 static void block_##ROWS(                                                                                   \
        const float *a, size_t a_stride, const hone_operand *b, size_t column, float *c, size_t stride, int present,   \
        size_t depth, float scale, int accumulate, enum side side) {                                                   \
        switch (side) {                                                                                                \
        case full: SIDE(ROWS, COLUMNS, full); break;                                                                   \
        case rounded: SIDE(ROWS, COLUMNS, rounded); break;                                                             \
        case narrow: SIDE(ROWS, COLUMNS, narrow); break;                                                               \
        }                                                                                                              \
    }
#define SIDE(ROWS, COLUMNS, KIND)                                                                                      \
    multiply_block(a, a_stride, b, column, c, stride, ROWS, COLUMNS, present, depth, scale, accumulate, KIND)
BLOCK(1, 8)
BLOCK(2, 8)
BLOCK(3, 8)
BLOCK(4, 6)
BLOCK(5, 4)
BLOCK(6, 4)
BLOCK(7, 3)
BLOCK(8, 3)
#undef SIDE
#undef BLOCK

typedef void (*block)(
    const float *, size_t, const hone_operand *, size_t, float *, size_t, int, size_t, float, int, enum side);
static const block blocks[group + 1] = {0,       block_1, block_2, block_3, block_4,
                                        block_5, block_6, block_7, block_8};
static const int widths[group + 1] = {0, 8, 8, 8, 6, 4, 4, 3, 3};

// The rows of a, rounded, end to end.
AVX512 static const float *round_rows(const hone_operand *a, size_t rows, size_t depth, float *to) {
    for (size_t row = 0; row < rows; row++) {
        const float *from = (const float *)a->base + row * a->stride;
        for (size_t k = 0; k < depth; k += 16) {
            const __mmask16 wanted = first_lanes(depth - k);
            _mm512_mask_storeu_ps(to + row * depth + k, wanted, nearest(_mm512_maskz_loadu_ps(wanted, from + k)));
        }
    }
    return to;
}

// The columns that stay near while all rows of a pass by, eight at a time: as many as fill the blocks of eight rows and
// those of the last rows, which are fewer.
static size_t near_columns(size_t rows) {
    const size_t rest = rows % group, width = (size_t)widths[rest ? rest : group], whole = (size_t)widths[group];
    return rows > group && width % whole ? width * whole : width;
}

int hone_f32_multiply_rows(
    const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows, size_t columns, size_t depth,
    float scale, int accumulate, int in_bf16) {
    const float *left = a->base;
    size_t left_stride = a->stride;
    if (in_bf16) {
        float *memory = hone_packing_memory();
        if (!memory) return 0;
        left = round_rows(a, rows, depth, memory);
        left_stride = depth;
    }
    const enum side side = !in_bf16 ? full : b->narrow ? narrow : rounded;
    const size_t width = near_columns(rows);
    for (size_t column = 0; column < columns; column += width) {
        const size_t end = column + width < columns ? column + width : columns;
        for (size_t row = 0; row < rows; row += group) {
            const size_t count = rows - row < group ? rows - row : group, wide = (size_t)widths[count];
            for (size_t from = column; from < end; from += wide) {
                const size_t present = end - from < wide ? end - from : wide;
                blocks[count](
                    left + row * left_stride, left_stride, b, from, c + row * stride, stride, (int)present, depth,
                    scale, accumulate, side);
            }
        }
    }
    return 1;
}

#else

int hone_f32_multiply_rows(
    const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows, size_t columns, size_t depth,
    float scale, int accumulate, int in_bf16) {
    __builtin_trap(); // never called: not available
}

#endif
