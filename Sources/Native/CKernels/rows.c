#include "CKernels.h"
#include "clones.h"
#include "exponential.h"

typedef hone_real real;

MANY void hone_rms_norm(const real *x, ptrdiff_t xs, const real *weight, double epsilon, real *y, ptrdiff_t ys,
                        real *inverse, ptrdiff_t is, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        RELAXED
        const real *a = x + r * xs;
        real *b = y + r * ys;
        real sum = 0;
        for (ptrdiff_t c = 0; c < columns; c++) sum += a[c] * a[c];
        real scale = (real)(1.0 / sqrt((double)sum / (double)columns + epsilon));
        inverse[r * is] = scale;
        for (ptrdiff_t c = 0; c < columns; c++) b[c] = a[c] * scale * weight[c];
    }
}

MANY void hone_rms_norm_input_gradient(real *dy, ptrdiff_t dys, int restores, const real *x, ptrdiff_t xs,
                                       const real *weight, const real *inverse, ptrdiff_t is, real *dx, ptrdiff_t dxs,
                                       ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        RELAXED
        const real *a = x + r * xs;
        real *d = dx + r * dxs, *g = dy + r * dys;
        real scale = inverse[r * is], dot = 0;
        for (ptrdiff_t c = 0; c < columns; c++) dot += g[c] * weight[c] * a[c];
        real pull = dot * scale * scale * scale / (real)columns;
        for (ptrdiff_t c = 0; c < columns; c++) d[c] += g[c] * weight[c] * scale - a[c] * pull;
        if (restores)
            for (ptrdiff_t c = 0; c < columns; c++) g[c] = a[c] * scale * weight[c];
    }
}

MANY void hone_rms_norm_weight_gradient(const real *dy, ptrdiff_t dys, const real *x, ptrdiff_t xs, const real *inverse,
                                        ptrdiff_t is, real *dweight, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        const real *a = x + r * xs, *g = dy + r * dys;
        real scale = inverse[r * is];
        for (ptrdiff_t c = 0; c < columns; c++) dweight[c] += g[c] * a[c] * scale;
    }
}

MANY void hone_gated_silu(const real *gate, ptrdiff_t gs, const real *up, ptrdiff_t us, real *y, ptrdiff_t ys,
                          ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        const real *g = gate + r * gs, *u = up + r * us;
        real *o = y + r * ys;
        for (ptrdiff_t c = 0; c < columns; c++) o[c] = g[c] / ((real)1 + exponential(-g[c])) * u[c];
    }
}

MANY void hone_gated_silu_gradient(real *dy, ptrdiff_t dys, const real *gate, ptrdiff_t gs, const real *up,
                                   ptrdiff_t us, real *dgate, ptrdiff_t dgs, real *dup, ptrdiff_t dus, ptrdiff_t rows,
                                   ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        const real *g = gate + r * gs, *u = up + r * us;
        real *d = dy + r * dys, *dg = dgate + r * dgs, *du = dup + r * dus;
        // In place is usual: an element is read before it is written, so vectors are safe.
#pragma clang loop vectorize(assume_safety)
        for (ptrdiff_t c = 0; c < columns; c++) {
            real divisor = (real)1 + exponential(-g[c]);
            real sigmoid = (real)1 / divisor, silu = g[c] / divisor; // as in the forward pass, to the bit
            real slope = sigmoid + silu * ((real)1 - sigmoid);
            real through = d[c];
            real upward = through * silu, inward = through * u[c] * slope;
            d[c] = silu * u[c];
            du[c] = upward;
            dg[c] = inward;
        }
    }
}

MANY void hone_add_bias(const real *bias, real *y, ptrdiff_t ys, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < columns; c++) y[r * ys + c] += bias[c];
}

MANY void hone_column_sums(const real *x, ptrdiff_t xs, real *sums, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < columns; c++) sums[c] += x[r * xs + c];
}

MANY void hone_axpy(real scale, const real *x, ptrdiff_t xs, real *y, ptrdiff_t ys, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < columns; c++) y[r * ys + c] += scale * x[r * xs + c];
}

MANY void hone_scale(real scale, real *x, ptrdiff_t xs, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < columns; c++) x[r * xs + c] *= scale;
}

MANY void hone_row_norms(const real *x, ptrdiff_t xs, int order, double *norms, ptrdiff_t rows, ptrdiff_t columns) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        RELAXED
        const real *a = x + r * xs;
        double sum = 0;
        if (order == 1)
            for (ptrdiff_t c = 0; c < columns; c++) sum += a[c] < 0 ? -(double)a[c] : (double)a[c];
        else
            for (ptrdiff_t c = 0; c < columns; c++) sum += (double)a[c] * (double)a[c];
        norms[r] = order == 1 ? sum : sqrt(sum);
    }
}

MANY double hone_sum_of_squares(const real *x, ptrdiff_t count) {
    RELAXED
    double total = 0;
    for (ptrdiff_t i = 0; i < count; i++) total += (double)x[i] * (double)x[i];
    return total;
}

const char *hone_kernel_level(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4")) return "x86-64-v4";
    if (__builtin_cpu_supports("x86-64-v3")) return "x86-64-v3";
#endif
    return "baseline";
}
