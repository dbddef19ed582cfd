// Attention with AVX-512 in bfloat16.
#define LANES "bfloat16_lanes.h"
#define NAMED(call) hone_bf16_##call
#include "attention_calls.h"
