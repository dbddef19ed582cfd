#include "CKernels.h"
#include "clones.h"

MANY void hone_rotate(hone_real *x, ptrdiff_t xs, const int32_t *positions, const hone_real *table, ptrdiff_t heads,
                      ptrdiff_t half, hone_real direction, ptrdiff_t rows) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        const hone_real *cosine = table + (ptrdiff_t)positions[r] * 2 * half, *sine = cosine + half;
        for (ptrdiff_t h = 0; h < heads; h++) {
            hone_real *restrict a = x + r * xs + h * 2 * half;
            hone_real *restrict b = a + half;
            for (ptrdiff_t i = 0; i < half; i++) {
                hone_real u = a[i], w = b[i], s = sine[i] * direction;
                a[i] = u * cosine[i] - w * s;
                b[i] = w * cosine[i] + u * s;
            }
        }
    }
}
