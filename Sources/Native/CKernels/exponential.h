// exp for vector loops. Float: argument reduction by ln 2 in two parts and a polynomial of degree 6; relative error
// below 2e-7 (2 ulp) on [-87, 88], 0 below, clamped above. Double: the C library, for gradient checks.
#pragma once
#include "CKernels.h"
#include <math.h>

#ifdef HONE_DOUBLE
static inline __attribute__((always_inline)) double exponential(double x) { return exp(x); }
#else
static inline __attribute__((always_inline)) float exponential(float x) {
    const float low = -87.33654f, high = 88.37626f;
    float clamped = x < low ? low : (x > high ? high : x);
    float n = __builtin_rintf(clamped * 1.44269504088896341f);
    float r = clamped - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    float e = p * r * r + r + 1.0f;
    union { int32_t i; float f; } power = { .i = ((int32_t)n + 127) << 23 };
    float y = e * power.f;
    return x < low ? 0.0f : y;
}
#endif
