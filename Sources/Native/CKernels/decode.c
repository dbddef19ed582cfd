#include "CKernels.h"
#include "clones.h"
#include "exponential.h"

typedef hone_real real;

MANY void hone_attention_decode(const real *q, ptrdiff_t group, ptrdiff_t width, const real *k, ptrdiff_t ks,
                                const real *v, ptrdiff_t vs, ptrdiff_t lo, ptrdiff_t hi, real scale, real *scores,
                                real *y) {
    ptrdiff_t count = hi - lo;
    for (ptrdiff_t j = 0; j < count; j++) {
        const real *key = k + (lo + j) * ks;
        for (ptrdiff_t h = 0; h < group; h++) {
            RELAXED
            real dot = 0;
            for (ptrdiff_t c = 0; c < width; c++) dot += q[h * width + c] * key[c];
            scores[h * count + j] = dot * scale;
        }
    }
    for (ptrdiff_t h = 0; h < group; h++) {
        RELAXED
        real *s = scores + h * count, top = s[0], sum = 0;
        for (ptrdiff_t j = 1; j < count; j++) top = s[j] > top ? s[j] : top;
        for (ptrdiff_t j = 0; j < count; j++) {
            s[j] = exponential(s[j] - top);
            sum += s[j];
        }
        for (ptrdiff_t j = 0; j < count; j++) s[j] /= sum;
    }
    for (ptrdiff_t c = 0; c < group * width; c++) y[c] = 0;
    for (ptrdiff_t j = 0; j < count; j++) {
        const real *value = v + (lo + j) * vs;
        for (ptrdiff_t h = 0; h < group; h++) {
            real weight = scores[h * count + j];
            for (ptrdiff_t c = 0; c < width; c++) y[h * width + c] += weight * value[c];
        }
    }
}
