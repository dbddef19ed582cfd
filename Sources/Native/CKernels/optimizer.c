#include "CKernels.h"
#include "clones.h"
#include <math.h>

#ifdef HONE_DOUBLE
#define ROOT sqrt
#else
#define ROOT sqrtf
#endif

MANY void hone_adamw(hone_real *w, const hone_real *g, hone_real *m, hone_real *v, ptrdiff_t count, double rate,
                     double beta1, double beta2, double epsilon, double decay, double correction1, double correction2,
                     double gradient_scale) {
    const hone_real b1 = (hone_real)beta1, b2 = (hone_real)beta2, c1 = (hone_real)(1 - beta1), c2 = (hone_real)(1 - beta2);
    const hone_real keep = (hone_real)(1 - rate * decay), clip = (hone_real)gradient_scale, eps = (hone_real)epsilon;
    const hone_real step = (hone_real)(rate / correction1), root = (hone_real)(1 / sqrt(correction2));
    for (ptrdiff_t i = 0; i < count; i++) {
        hone_real gradient = g[i] * clip;
        m[i] = b1 * m[i] + c1 * gradient;
        v[i] = b2 * v[i] + c2 * gradient * gradient;
        w[i] = w[i] * keep - step * m[i] / (ROOT(v[i]) * root + eps);
    }
}
