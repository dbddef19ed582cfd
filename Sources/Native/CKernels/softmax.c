#include "CKernels.h"
#include "clones.h"
#include "exponential.h"

typedef hone_real real;

// Maximum of count ≥ 1 values.
static inline __attribute__((always_inline)) real maximum(const real *x, ptrdiff_t count) {
    real best = x[0];
    for (ptrdiff_t c = 1; c < count; c++) best = x[c] > best ? x[c] : best;
    return best;
}

MANY void hone_log_sum_exp(const real *x, ptrdiff_t xs, real *result, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        RELAXED
        const real *a = x + r * xs;
        real top = maximum(a, columns);
        double total = 0;
        // Blocks: single precision inside (few terms), double across.
        for (ptrdiff_t from = 0; from < columns; from += 1024) {
            ptrdiff_t to = from + 1024 < columns ? from + 1024 : columns;
            real sum = 0;
            for (ptrdiff_t c = from; c < to; c++) sum += exponential(a[c] - top);
            total += (double)sum;
        }
        result[r] = (real)((double)top + log(total));
    }
}

MANY void hone_softmax(real *x, ptrdiff_t xs, const real *log_sum, const real *scales, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        real *a = x + r * xs;
        real shift = log_sum[r], scale = scales ? scales[r] : (real)1;
        for (ptrdiff_t c = 0; c < columns; c++) a[c] = scale * exponential(a[c] - shift);
    }
}

MANY void hone_causal_softmax(real *scores, ptrdiff_t stride, ptrdiff_t first, ptrdiff_t window, real *log_sum,
                              ptrdiff_t ls, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        RELAXED
        real *a = scores + r * stride;
        ptrdiff_t end = first + r + 1, start = end > window ? end - window : 0;
        real top = maximum(a + start, end - start), sum = 0;
        for (ptrdiff_t c = start; c < end; c++) {
            real e = exponential(a[c] - top);
            a[c] = e;
            sum += e;
        }
        real inverse = (real)1 / sum;
        for (ptrdiff_t c = 0; c < start; c++) a[c] = 0;
        for (ptrdiff_t c = start; c < end; c++) a[c] *= inverse;
        for (ptrdiff_t c = end; c < columns; c++) a[c] = 0;
        log_sum[r * ls] = top + (real)log((double)sum);
    }
}

MANY void hone_causal_probabilities(real *scores, ptrdiff_t stride, ptrdiff_t first, ptrdiff_t window,
                                    const real *log_sum, ptrdiff_t ls, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        real *a = scores + r * stride, shift = log_sum[r * ls];
        ptrdiff_t end = first + r + 1, start = end > window ? end - window : 0;
        for (ptrdiff_t c = 0; c < start; c++) a[c] = 0;
        for (ptrdiff_t c = start; c < end; c++) a[c] = exponential(a[c] - shift);
        for (ptrdiff_t c = end; c < columns; c++) a[c] = 0;
    }
}

MANY void hone_softmax_gradient(const real *p, real *dp, ptrdiff_t stride, const real *dy, ptrdiff_t dys, const real *y,
                                ptrdiff_t ys, ptrdiff_t width, real scale, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        RELAXED
        const real *a = p + r * stride, *g = dy + r * dys, *o = y + r * ys;
        real *d = dp + r * stride, dot = 0;
        for (ptrdiff_t c = 0; c < width; c++) dot += g[c] * o[c];
        for (ptrdiff_t c = 0; c < columns; c++) d[c] = scale * a[c] * (d[c] - dot);
    }
}
