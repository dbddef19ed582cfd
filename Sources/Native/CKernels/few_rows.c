// Products of few rows of a with a large b: decoding, which waits for b to arrive from memory. b is read once and
// nothing is packed. Every element is one sum over the depth in sixteen lanes, added up in one order: the same bits
// whatever the number of rows, and wherever the columns are split.
#include "CKernels.h"

#if !defined(HONE_DOUBLE) && defined(__x86_64__)
#include "vectors.h"

enum { most_sums = 16, group = 8 };

// Sixteen numbers of b, from `index` on.
INLINE_AVX512 __m512 load(const hone_operand *from, size_t index, __mmask16 wanted, const int narrow) {
    if (!narrow) return _mm512_maskz_loadu_ps(wanted, (const float *)from->base + index);
    __m256i numbers = _mm256_maskz_loadu_epi16(wanted, (const uint16_t *)from->base + index);
    return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(numbers), 16);
}

INLINE_AVX512 void prefetch(const hone_operand *from, size_t index, const int narrow) {
    __builtin_prefetch((const char *)from->base + index * (narrow ? sizeof(uint16_t) : sizeof(float)));
}

// The lanes of every vector, added up: sum i in lane i.
INLINE_AVX512 __m512 lane_sums(__m512 sums[most_sums]) {
    __m512i lanes[16];
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) lanes[i] = (__m512i)sums[i];
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
    const int columns, int present, size_t depth, float scale, int accumulate, const int narrow) {
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
        for (int j = 0; j < columns; j++) {
            right[j] = load(b, starts[j] + k, wanted, narrow);
            prefetch(b, starts[j] + ahead + k, narrow);
        }
#pragma clang loop unroll(full)
        for (int row = 0; row < rows; row++) {
            __m512 left = _mm512_maskz_loadu_ps(wanted, a + (size_t)row * a_stride + k);
#pragma clang loop unroll(full)
            for (int j = 0; j < columns; j++)
                sums[row * columns + j] = _mm512_fmadd_ps(left, right[j], sums[row * columns + j]);
        }
    }
    float found[most_sums];
    _mm512_storeu_ps(found, lane_sums(sums));
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
        size_t depth, float scale, int accumulate) {                                                                   \
        if (b->narrow)                                                                                                 \
            multiply_block(                                                                                            \
                a, a_stride, b, column, c, stride, ROWS, COLUMNS, present, depth, scale, accumulate, 1);               \
        else                                                                                                           \
            multiply_block(                                                                                            \
                a, a_stride, b, column, c, stride, ROWS, COLUMNS, present, depth, scale, accumulate, 0);               \
    }
BLOCK(1, 8)
BLOCK(2, 8)
BLOCK(3, 4)
BLOCK(4, 4)
BLOCK(5, 2)
BLOCK(6, 2)
BLOCK(7, 2)
BLOCK(8, 2)
#undef BLOCK

typedef void (*block)(
    const float *, size_t, const hone_operand *, size_t, float *, size_t, int, size_t, float, int);
static const block blocks[group + 1] = {0,       block_1, block_2, block_3, block_4,
                                        block_5, block_6, block_7, block_8};
static const int widths[group + 1] = {0, 8, 8, 4, 4, 2, 2, 2, 2};

// A few columns of b stay near while all rows of a pass by, eight at a time.
void hone_f32_multiply_rows(
    const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows, size_t columns, size_t depth,
    float scale, int accumulate) {
    const float *left = a->base;
    const size_t width = (size_t)widths[rows < group ? rows : group];
    for (size_t column = 0; column < columns; column += width) {
        for (size_t row = 0; row < rows; row += group) {
            const size_t count = rows - row < group ? rows - row : group;
            for (size_t from = column; from < column + width && from < columns; from += (size_t)widths[count]) {
                const size_t end = column + width < columns ? column + width : columns;
                const size_t present = end - from < (size_t)widths[count] ? end - from : (size_t)widths[count];
                blocks[count](
                    left + row * a->stride, a->stride, b, from, c + row * stride, stride, (int)present, depth, scale,
                    accumulate);
            }
        }
    }
}

#else

void hone_f32_multiply_rows(
    const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows, size_t columns, size_t depth,
    float scale, int accumulate) {
    __builtin_trap(); // never called: not available
}

#endif
