// The inner loops of the engine: plain C, compiled for several instruction sets and chosen at load time.
// Every function works on row-major windows (base pointer + stride, in elements) and on one part of the
// rows or columns; splitting work over threads is the caller's business (Compute). No function allocates.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef HONE_DOUBLE
typedef double hone_real;
#else
typedef float hone_real;
#endif

// Name of the instruction-set level that the dispatcher picks on this machine: "baseline", "x86-64-v3", "x86-64-v4".
const char *hone_kernel_level(void);

// ---- rows.c: normalisation, activation, bias, sums ------------------------------------------------------------

// y = x · rsqrt(mean(x²) + epsilon) · weight; inverse[r] keeps the reciprocal root mean square of row r.
void hone_rms_norm(const hone_real *x, ptrdiff_t x_stride, const hone_real *weight, double epsilon,
                   hone_real *y, ptrdiff_t y_stride, hone_real *inverse, ptrdiff_t inverse_stride,
                   ptrdiff_t rows, ptrdiff_t columns);
// dx += ∂/∂x of the above. With `restores` dy becomes y again.
void hone_rms_norm_input_gradient(hone_real *dy, ptrdiff_t dy_stride, int restores, const hone_real *x,
                                  ptrdiff_t x_stride, const hone_real *weight, const hone_real *inverse,
                                  ptrdiff_t inverse_stride, hone_real *dx, ptrdiff_t dx_stride, ptrdiff_t rows,
                                  ptrdiff_t columns);
// dweight += ∂/∂weight, for the given columns; rows are added in ascending order.
void hone_rms_norm_weight_gradient(const hone_real *dy, ptrdiff_t dy_stride, const hone_real *x, ptrdiff_t x_stride,
                                   const hone_real *inverse, ptrdiff_t inverse_stride, hone_real *dweight,
                                   ptrdiff_t rows, ptrdiff_t columns);
// y = silu(gate) · up.
void hone_gated_silu(const hone_real *gate, ptrdiff_t gate_stride, const hone_real *up, ptrdiff_t up_stride,
                     hone_real *y, ptrdiff_t y_stride, ptrdiff_t rows, ptrdiff_t columns);
// dgate, dup (overwritten) from dy, which becomes y again. They may be the same memory as gate and up.
void hone_gated_silu_gradient(hone_real *dy, ptrdiff_t dy_stride, const hone_real *gate, ptrdiff_t gate_stride,
                              const hone_real *up, ptrdiff_t up_stride, hone_real *dgate, ptrdiff_t dgate_stride,
                              hone_real *dup, ptrdiff_t dup_stride, ptrdiff_t rows, ptrdiff_t columns);
// y[r] += bias.
void hone_add_bias(const hone_real *bias, hone_real *y, ptrdiff_t y_stride, ptrdiff_t rows, ptrdiff_t columns);
// sums += Σ_r x[r], rows in ascending order.
void hone_column_sums(const hone_real *x, ptrdiff_t x_stride, hone_real *sums, ptrdiff_t rows, ptrdiff_t columns);
// y += scale · x.
void hone_axpy(hone_real scale, const hone_real *x, ptrdiff_t x_stride, hone_real *y, ptrdiff_t y_stride,
               ptrdiff_t rows, ptrdiff_t columns);
// x *= scale.
void hone_scale(hone_real scale, hone_real *x, ptrdiff_t x_stride, ptrdiff_t rows, ptrdiff_t columns);
// norms[r] = Σ_c |x[r][c]| (order 1) or the Euclidean norm (order 2).
void hone_row_norms(const hone_real *x, ptrdiff_t x_stride, int order, double *norms, ptrdiff_t rows,
                    ptrdiff_t columns);
// Σ x², accumulated in double over blocks of fixed size.
double hone_sum_of_squares(const hone_real *x, ptrdiff_t count);

// ---- rotary.c --------------------------------------------------------------------------------------------------

// Rotates the heads of every row in place, half-split as in Hugging Face: (a, b) → (a·cos − b·sin, b·cos + a·sin).
// table holds half_dimension cosines then half_dimension sines for each position. direction −1 is the adjoint.
void hone_rotate(hone_real *x, ptrdiff_t x_stride, const int32_t *positions, const hone_real *table,
                 ptrdiff_t heads, ptrdiff_t half_dimension, hone_real direction, ptrdiff_t rows);

// ---- softmax.c -------------------------------------------------------------------------------------------------

// log Σ exp of every row.
void hone_log_sum_exp(const hone_real *x, ptrdiff_t x_stride, hone_real *result, ptrdiff_t rows, ptrdiff_t columns);
// x[r] = scales[r] · exp(x[r] − log_sum[r]); scales may be null for 1.
void hone_softmax(hone_real *x, ptrdiff_t x_stride, const hone_real *log_sum, const hone_real *scales, ptrdiff_t rows,
                  ptrdiff_t columns);
// Softmax over the visible keys of a block of queries. Query r sees keys max(0, first + r + 1 − window) ... first + r;
// the other columns become 0. log_sum[r·log_sum_stride] keeps the logarithm of the normaliser.
void hone_causal_softmax(hone_real *scores, ptrdiff_t stride, ptrdiff_t first, ptrdiff_t window, hone_real *log_sum,
                         ptrdiff_t log_sum_stride, ptrdiff_t rows, ptrdiff_t columns);
// Probabilities again from scores and the kept normaliser (same visibility).
void hone_causal_probabilities(hone_real *scores, ptrdiff_t stride, ptrdiff_t first, ptrdiff_t window,
                               const hone_real *log_sum, ptrdiff_t log_sum_stride, ptrdiff_t rows, ptrdiff_t columns);
// dscores (in place of dprobabilities) = scale · p · (dp − Σ dy·y) for every row; width is the head dimension.
void hone_softmax_gradient(const hone_real *probabilities, hone_real *dprobabilities, ptrdiff_t stride,
                           const hone_real *dy, ptrdiff_t dy_stride, const hone_real *y, ptrdiff_t y_stride,
                           ptrdiff_t width, hone_real scale, ptrdiff_t rows, ptrdiff_t columns);

// ---- decode.c --------------------------------------------------------------------------------------------------

// Attention of one query token with `group` heads that share one key/value head, over keys lo ..< hi.
// scores is scratch for group × (hi − lo) values.
void hone_attention_decode(const hone_real *q, ptrdiff_t group, ptrdiff_t width, const hone_real *k, ptrdiff_t k_stride,
                           const hone_real *v, ptrdiff_t v_stride, ptrdiff_t lo, ptrdiff_t hi, hone_real scale,
                           hone_real *scores, hone_real *y);

// ---- optimizer.c -----------------------------------------------------------------------------------------------

// One AdamW step on `count` values: w ·= 1 − rate·decay; w −= rate · m̂ / (√v̂ + epsilon), the gradient first scaled by
// gradient_scale (clipping). correction1, correction2: 1 − β₁ᵗ, 1 − β₂ᵗ.
void hone_adamw(hone_real *w, const hone_real *g, hone_real *m, hone_real *v, ptrdiff_t count, double rate,
                double beta1, double beta2, double epsilon, double decay, double correction1, double correction2,
                double gradient_scale);

// ---- random.c --------------------------------------------------------------------------------------------------

// Philox4x32-10 (Salmon et al. 2011): four 32-bit words for one 128-bit counter under a 64-bit key.
void hone_philox(uint64_t key, uint64_t counter_high, uint64_t counter_low, uint32_t words[4]);
// y = x where the uniform of (key, stream, first + index) is at least `rate`, scaled by 1 / (1 − rate); else 0.
void hone_dropout(const hone_real *x, hone_real *y, ptrdiff_t count, double rate, uint64_t key, uint64_t stream,
                  uint64_t first);

// ---- team.c ----------------------------------------------------------------------------------------------------

typedef struct hone_team hone_team;
typedef void (*hone_team_body)(void *context, int32_t thread);
// A fixed team of `threads` threads, the caller being thread 0. Null when threads cannot be made.
hone_team *hone_team_create(int32_t threads);
void hone_team_destroy(hone_team *team);
// Runs body(context, t) once on every thread and returns when all have ended. Not reentrant.
void hone_team_run(hone_team *team, hone_team_body body, void *context);
// The next number of a shared counter that starts at 0 for every run: dynamic distribution of independent tasks.
int64_t hone_team_next(hone_team *team);

// ---- memory.c --------------------------------------------------------------------------------------------------

// Zero pages of anonymous memory with huge pages asked for; null when there are none.
void *hone_memory_map(size_t bytes);
void hone_memory_unmap(void *memory, size_t bytes);
enum { hone_packing_size = 8 << 20 };
// Memory of the calling thread in which products are packed, mapped at its first use; null when there is none.
void *hone_packing_memory(void);

// ---- float32.c -------------------------------------------------------------------------------------------------

// One side of a product: element (lane, depth) lies at lane · stride + depth when the depth is contiguous, else at
// depth · stride + lane. A lane is a row of a or a column of b. `narrow` numbers are bfloat16, others float32.
typedef struct {
    const void *base;
    size_t stride;
    int depth_is_contiguous;
    int narrow;
} hone_operand;

// Whether our own float32 products run here: with AVX-512, unless HONE_MATRIX_KERNELS=library is in the environment.
int hone_f32_available(void);
// c = scale · a · b (+ c when `accumulate`). Returns 0 without having done anything when there is no packing memory.
int hone_f32_multiply(const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows,
                      size_t columns, size_t depth, float scale, int accumulate);

enum { hone_most_further_depth = 64 };
// One product of a group that shares a: c = scale · (a · b + further_a · further_b) (+ c when `accumulate`).
typedef struct {
    hone_operand b;
    float *c;
    size_t stride, columns;
    float scale;
    int accumulate;
    hone_operand further_a, further_b;
    size_t further_depth; // 0 for none; at most hone_most_further_depth
} hone_product;
// As `hone_f32_multiply` for several products of one a, which is packed once for as many of their columns as are packed
// at a time. Rows of `further_a` may be the same rows of an earlier product's c.
int hone_f32_multiply_group(const hone_operand *a, const hone_product *products, size_t count, size_t rows,
                            size_t depth);

// ---- thin.c ----------------------------------------------------------------------------------------------------

enum { hone_most_thin_lanes = 64 };
// As `hone_f32_multiply` where the lanes of both sides are contiguous in memory, all is float32, and one side has at most
// `hone_most_thin_lanes` lanes: the other one is read once and not packed.
int hone_f32_multiply_thin(const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows,
                           size_t columns, size_t depth, float scale, int accumulate);

// ---- attention_float32.c, attention_bfloat16.c ------------------------------------------------------------------

// Causal attention of the tokens of one span with the heads that share one key/value head. Pointers are to the span's
// first token and the first of these heads, or to row 0 of the keys and values and their head; a token's heads lie
// beside each other. The last `token_count` keys are the tokens' own.
typedef struct {
    const hone_real *q, *k, *v;
    size_t q_stride, k_stride, v_stride;
    hone_real *out, *log_sum; // log_sum: a column for each head; both only read by the gradient
    size_t out_stride, log_sum_stride;
    const hone_real *dout;    // these only for the gradient; dk and dv are added to, dq is overwritten
    hone_real *dq, *dk, *dv;
    size_t dout_stride, dq_stride, dk_stride, dv_stride;
    const int32_t *keys;      // their rows
    size_t key_count, token_count, group, width, window;
    hone_real scale;
    size_t part, parts;       // every `parts`th block of tokens from `part` on is worked on
    void *scratch;            // of as many bytes as hone_…_attention_scratch says, on a multiple of 64
} hone_attention;

size_t hone_f32_attention_scratch(size_t width, size_t group, size_t keys, int backward);
void hone_f32_attention(const hone_attention *a);
void hone_f32_attention_gradient(const hone_attention *a);
// The same with both sides of every product rounded to bfloat16; softmax and sums are in float32.
size_t hone_bf16_attention_scratch(size_t width, size_t group, size_t keys, int backward);
void hone_bf16_attention(const hone_attention *a);
void hone_bf16_attention_gradient(const hone_attention *a);

// ---- few_rows.c ------------------------------------------------------------------------------------------------

// As `hone_f32_multiply` for few rows and contiguous depths: b is read once, from memory, and is not packed. Sums have
// another order than those of `hone_f32_multiply`, the same for any number of rows. With `in_bf16` both sides are
// rounded as `hone_bf16_multiply` rounds them, and b may be narrow; rows × depth numbers have to fit the packing
// memory.
enum { hone_f32_most_rows = 32 };
int hone_f32_multiply_rows(const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows,
                           size_t columns, size_t depth, float scale, int accumulate, int in_bf16);

// ---- bfloat16.c ------------------------------------------------------------------------------------------------

// to[i] = from[i], exactly.
void hone_bf16_widen(const uint16_t *from, hone_real *to, size_t count);
// Whether this processor has AVX512-BF16.
int hone_bf16_available(void);
// As `hone_f32_multiply` with both sides rounded to bfloat16 (to nearest even) and sums in float32. Subnormal numbers
// count as zero.
int hone_bf16_multiply(const hone_operand *a, const hone_operand *b, float *c, size_t stride, size_t rows,
                       size_t columns, size_t depth, float scale, int accumulate);
// As `hone_f32_multiply_group`, rounded likewise; further depth on both sides, too.
int hone_bf16_multiply_group(const hone_operand *a, const hone_product *products, size_t count, size_t rows,
                             size_t depth);
