// Attention with AVX-512 in float32.
#define LANES "float32_lanes.h"
#define NAMED(call) hone_f32_##call
#include "attention_calls.h"
