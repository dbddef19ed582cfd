// The calls of attention for one type of packed number (see attention.h). The including file defines LANES, the header
// of that type, and NAMED(call), the name of a call in it.
#pragma once
#include "CKernels.h"

#if !defined(HONE_DOUBLE) && defined(__x86_64__)
#include LANES
#include "attention_backward.h"
#include "attention_forward.h"

size_t NAMED(attention_scratch)(size_t width, size_t group, size_t keys, int backward) {
    workspace w;
    return lay_out(&w, 0, width, group, keys, backward);
}
void NAMED(attention)(const hone_attention *a) { attend(a); }
void NAMED(attention_gradient)(const hone_attention *a) { differentiate_attention(a); }

#else

size_t NAMED(attention_scratch)(size_t width, size_t group, size_t keys, int backward) { return 0; }
void NAMED(attention)(const hone_attention *a) { __builtin_trap(); }          // never called: not available
void NAMED(attention_gradient)(const hone_attention *a) { __builtin_trap(); } // never called: not available

#endif
