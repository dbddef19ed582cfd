// Attention with AVX-512 in bfloat16 (see attention.h).
#include "CKernels.h"

#if !defined(HONE_DOUBLE) && defined(__x86_64__)
#include "bfloat16_lanes.h"
#include "attention_backward.h"
#include "attention_forward.h"

size_t hone_bf16_attention_scratch(size_t width, size_t group, size_t keys, int backward) {
    workspace w;
    return lay_out(&w, 0, width, group, keys, backward);
}
void hone_bf16_attention(const hone_attention *a) { attend(a); }
void hone_bf16_attention_gradient(const hone_attention *a) { differentiate_attention(a); }

#else

size_t hone_bf16_attention_scratch(size_t width, size_t group, size_t keys, int backward) { return 0; }
void hone_bf16_attention(const hone_attention *a) { __builtin_trap(); }          // never called: not available
void hone_bf16_attention_gradient(const hone_attention *a) { __builtin_trap(); } // never called: not available

#endif
