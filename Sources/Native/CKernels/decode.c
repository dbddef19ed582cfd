#include "CKernels.h"
#include "clones.h"
#include "exponential.h"
#if !defined(HONE_DOUBLE) && defined(__x86_64__)
#include "vectors.h"
#endif

typedef hone_real real;

// Attention of one token. First the scores of all keys, then their softmax, then the mean of the values by it.

static inline __attribute__((always_inline)) void score_plainly(
    const real *q, ptrdiff_t group, ptrdiff_t width, const real *k, ptrdiff_t ks, ptrdiff_t count, real scale,
    real *scores) {
    for (ptrdiff_t j = 0; j < count; j++) {
        const real *key = k + j * ks;
        for (ptrdiff_t h = 0; h < group; h++) {
            RELAXED
            real dot = 0;
            for (ptrdiff_t c = 0; c < width; c++) dot += q[h * width + c] * key[c];
            scores[h * count + j] = dot * scale;
        }
    }
}

static inline __attribute__((always_inline)) void softmax(real *scores, ptrdiff_t group, ptrdiff_t count) {
    for (ptrdiff_t h = 0; h < group; h++) {
        RELAXED
        real *s = scores + h * count, top = s[0], sum = 0;
        for (ptrdiff_t j = 1; j < count; j++) top = s[j] > top ? s[j] : top;
        for (ptrdiff_t j = 0; j < count; j++) {
            s[j] = exponential(s[j] - top);
            sum += s[j];
        }
        const real share = 1 / sum;
        for (ptrdiff_t j = 0; j < count; j++) s[j] *= share;
    }
}

static inline __attribute__((always_inline)) void mix_plainly(
    const real *weights, ptrdiff_t group, ptrdiff_t width, const real *v, ptrdiff_t vs, ptrdiff_t count, real *y) {
    for (ptrdiff_t c = 0; c < group * width; c++) y[c] = 0;
    for (ptrdiff_t j = 0; j < count; j++) {
        const real *value = v + j * vs;
        for (ptrdiff_t h = 0; h < group; h++)
            for (ptrdiff_t c = 0; c < width; c++) y[h * width + c] += weights[h * count + j] * value[c];
    }
}

MANY static void decode_plainly(
    const real *q, ptrdiff_t group, ptrdiff_t width, const real *k, ptrdiff_t ks, const real *v, ptrdiff_t vs,
    ptrdiff_t count, real scale, real *scores, real *y) {
    score_plainly(q, group, width, k, ks, count, scale, scores);
    softmax(scores, group, count);
    mix_plainly(scores, group, width, v, vs, count, y);
}

#if !defined(HONE_DOUBLE) && defined(__x86_64__)
enum { most_heads = 4, vectors = 4, rows_ahead = 8 };

// y of `heads` heads in up to 64 channels, which stay in registers while the values pass by.
INLINE_AVX512 void mix_block(
    const float *weights, ptrdiff_t count, const float *v, ptrdiff_t vs, ptrdiff_t channels, const int heads, float *y,
    ptrdiff_t width) {
    __mmask16 wanted[vectors];
    __m512 sums[most_heads][vectors];
#pragma clang loop unroll(full)
    for (int i = 0; i < vectors; i++) {
        wanted[i] = channels > 16 * i ? first_lanes((size_t)(channels - 16 * i)) : 0;
#pragma clang loop unroll(full)
        for (int h = 0; h < heads; h++) sums[h][i] = _mm512_setzero_ps();
    }
    for (ptrdiff_t j = 0; j < count; j++) {
        const float *value = v + j * vs;
        __m512 numbers[vectors];
#pragma clang loop unroll(full)
        for (int i = 0; i < vectors; i++) {
            numbers[i] = _mm512_maskz_loadu_ps(wanted[i], value + 16 * i);
            __builtin_prefetch(value + rows_ahead * vs + 16 * i);
        }
#pragma clang loop unroll(full)
        for (int h = 0; h < heads; h++) {
            const __m512 weight = _mm512_set1_ps(weights[h * count + j]);
#pragma clang loop unroll(full)
            for (int i = 0; i < vectors; i++) sums[h][i] = _mm512_fmadd_ps(weight, numbers[i], sums[h][i]);
        }
    }
#pragma clang loop unroll(full)
    for (int h = 0; h < heads; h++)
#pragma clang loop unroll(full)
        for (int i = 0; i < vectors; i++) _mm512_mask_storeu_ps(y + h * width + 16 * i, wanted[i], sums[h][i]);
}

AVX512 static void mix(
    const float *weights, ptrdiff_t group, ptrdiff_t width, const float *v, ptrdiff_t vs, ptrdiff_t count, float *y) {
    for (ptrdiff_t h = 0; h < group; h += most_heads) {
        const float *own = weights + h * count;
        for (ptrdiff_t c = 0; c < width; c += 16 * vectors) {
            const float *values = v + c;
            float *to = y + h * width + c;
            switch (group - h) {
            case 1: mix_block(own, count, values, vs, width - c, 1, to, width); break;
            case 2: mix_block(own, count, values, vs, width - c, 2, to, width); break;
            case 3: mix_block(own, count, values, vs, width - c, 3, to, width); break;
            default: mix_block(own, count, values, vs, width - c, 4, to, width); break;
            }
        }
    }
}

MANY static void softmax_quickly(real *scores, ptrdiff_t group, ptrdiff_t count) { softmax(scores, group, count); }
#endif

void hone_attention_decode(const real *q, ptrdiff_t group, ptrdiff_t width, const real *k, ptrdiff_t ks,
                           const real *v, ptrdiff_t vs, ptrdiff_t lo, ptrdiff_t hi, real scale, real *scores,
                           real *y) {
    const ptrdiff_t count = hi - lo;
    k += lo * ks;
    v += lo * vs;
#if !defined(HONE_DOUBLE) && defined(__x86_64__)
    if (has_avx512()) {
        const hone_operand queries = {.base = q, .stride = (size_t)width, .depth_is_contiguous = 1};
        const hone_operand keys = {.base = k, .stride = (size_t)ks, .depth_is_contiguous = 1};
        hone_f32_multiply_rows(
            &queries, &keys, scores, (size_t)count, (size_t)group, (size_t)count, (size_t)width, scale, 0, 0);
        softmax_quickly(scores, group, count);
        mix(scores, group, width, v, vs, count, y);
        return;
    }
#endif
    decode_plainly(q, group, width, k, ks, v, vs, count, scale, scores, y);
}
