// Products of float32 matrices with AVX-512: own kernels where the shapes of training leave a library behind.
//
// Both sides are packed into strips of sixteen lanes (rows of a, columns of b). A tile of 8 × 48 sums stays in registers
// over one block of depth; its part of b stays near the first-level cache for all rows, a in the second. Every element of c
// adds its products in the same order however rows and columns are split over threads.
#include "CKernels.h"

#if !defined(HONE_DOUBLE) && defined(__x86_64__)
#include <immintrin.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WIDE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define INLINE_WIDE WIDE static inline __attribute__((always_inline))

enum {
    lanes = 16,
    tile_rows = 8,
    tile_strips = 3,
    depth_block = 288,   // of b: a tile of 54 KB
    row_block = 512,     // of a: 576 KB
    column_block = 2304, // of b: 2.6 MB
    strip_size = depth_block * lanes,
    few_rows = 8,
    few_rows_from = 1 << 15, // elements of b: smaller ones are packed, and a row's sums do not depend on its batch
};

static int found_kernels(void) {
    const char *choice = getenv("HONE_MATRIX_KERNELS");
    if (choice && strcmp(choice, "library") == 0) return 0;
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

static int available;
static pthread_key_t workspaces;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const size_t workspace_size = (size_t)(row_block + column_block) / lanes * strip_size * sizeof(float);

static void release(void *workspace) { hone_memory_unmap(workspace, workspace_size); }

static void prepare(void) { available = pthread_key_create(&workspaces, release) == 0 && found_kernels(); }

int hone_f32_available(void) {
    pthread_once(&once, prepare);
    return available;
}

// Packing memory of the calling thread; null when there is none.
static float *own_workspace(void) {
    static _Thread_local float *own;
    if (!own) {
        own = hone_memory_map(workspace_size);
        if (own) pthread_setspecific(workspaces, own);
    }
    return own;
}

INLINE_WIDE __mmask16 first(size_t count) {
    return count >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << count) - 1);
}

// A 16 × 16 transposition, in place.
INLINE_WIDE void transpose(__m512 r[16]) {
    __m512 t[16];
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
        r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 8] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
        t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd);
        r[i + 4] = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xdd);
    }
}

// A strip of an operand whose depth is contiguous in memory: up to sixteen of its rows, transposed.
WIDE static void pack_depth_contiguous(const float *from, size_t stride, size_t count, size_t depth, float *strip) {
    for (size_t k = 0; k < depth; k += lanes) {
        const __mmask16 wanted = first(depth - k);
        __m512 rows[16];
#pragma clang loop unroll(full)
        for (size_t lane = 0; lane < lanes; lane++)
            rows[lane] = lane < count ? _mm512_maskz_loadu_ps(wanted, from + lane * stride + k) : _mm512_setzero_ps();
        transpose(rows);
#pragma clang loop unroll(full)
        for (size_t d = 0; d < lanes; d++)
            if (k + d < depth) _mm512_store_ps(strip + (k + d) * lanes, rows[d]);
    }
}

// A strip of an operand whose lanes are contiguous in memory.
WIDE static void pack_lanes_contiguous(const float *from, size_t stride, size_t count, size_t depth, float *strip) {
    const __mmask16 wanted = first(count);
    for (size_t k = 0; k < depth; k++)
        _mm512_store_ps(strip + k * lanes, _mm512_maskz_loadu_ps(wanted, from + k * stride));
}

// Strips of `count` lanes from `lane` on, over `depth` numbers from `k` on.
WIDE static void pack(const hone_f32_operand *from, size_t lane, size_t count, size_t k, size_t depth, float *strips) {
    if (from->depth_is_contiguous) {
        for (size_t done = 0; done < count; done += lanes, strips += strip_size) {
            size_t part = count - done < lanes ? count - done : lanes;
            pack_depth_contiguous(from->base + (lane + done) * from->stride + k, from->stride, part, depth, strips);
        }
        return;
    }
    // Long rows of memory are read in order: several strips at a time.
    for (size_t done = 0; done < count; done += lanes, strips += strip_size) {
        size_t part = count - done < lanes ? count - done : lanes;
        pack_lanes_contiguous(from->base + k * from->stride + lane + done, from->stride, part, depth, strips);
    }
}

// c[8 × up to 48] from a half strip of a and up to three strips of b.
INLINE_WIDE void multiply_tile(
    const float *a, const float *b, size_t depth, float *c, size_t stride, size_t rows, int strips, __mmask16 last,
    float scale, int accumulate) {
    __m512 sums[tile_rows][tile_strips];
#pragma clang loop unroll(full)
    for (int row = 0; row < tile_rows; row++)
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++) sums[row][strip] = _mm512_setzero_ps();
    for (size_t k = 0; k < depth; k++) {
        __m512 right[tile_strips];
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++) right[strip] = _mm512_load_ps(b + strip * strip_size + k * lanes);
#pragma clang loop unroll(full)
        for (int row = 0; row < tile_rows; row++) {
            __m512 left = _mm512_set1_ps(a[k * lanes + row]);
#pragma clang loop unroll(full)
            for (int strip = 0; strip < strips; strip++)
                sums[row][strip] = _mm512_fmadd_ps(left, right[strip], sums[row][strip]);
        }
    }
    const __m512 factor = _mm512_set1_ps(scale);
#pragma clang loop unroll(full)
    for (int row = 0; row < tile_rows; row++) {
        if ((size_t)row >= rows) break;
#pragma clang loop unroll(full)
        for (int strip = 0; strip < strips; strip++) {
            float *to = c + (size_t)row * stride + strip * lanes;
            __mmask16 mask = strip == strips - 1 ? last : (__mmask16)0xffff;
            __m512 value = _mm512_mul_ps(sums[row][strip], factor);
            if (accumulate) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, to));
            _mm512_mask_storeu_ps(to, mask, value);
        }
    }
}

WIDE static void multiply_blocks(
    const float *a, const float *b, size_t depth, float *c, size_t stride, size_t rows, size_t columns, float scale,
    int accumulate) {
    for (size_t column = 0; column < columns; column += tile_strips * lanes, b += tile_strips * strip_size) {
        size_t width = columns - column < tile_strips * lanes ? columns - column : tile_strips * lanes;
        int strips = (int)((width + lanes - 1) / lanes);
        __mmask16 last = first(width - (size_t)(strips - 1) * lanes);
        for (size_t row = 0; row < rows; row += tile_rows) {
            const float *left = a + row / lanes * strip_size + row % lanes;
            float *to = c + row * stride + column;
            size_t height = rows - row < tile_rows ? rows - row : tile_rows;
            switch (strips) {
            case 1: multiply_tile(left, b, depth, to, stride, height, 1, last, scale, accumulate); break;
            case 2: multiply_tile(left, b, depth, to, stride, height, 2, last, scale, accumulate); break;
            default: multiply_tile(left, b, depth, to, stride, height, 3, last, scale, accumulate);
            }
        }
    }
}

// `total` in equal parts of at most `limit`, rounded up to `unit`.
static size_t equal_part(size_t total, size_t limit, size_t unit) {
    size_t parts = (total + limit - 1) / limit;
    return ((total + parts - 1) / parts + unit - 1) / unit * unit;
}

// Few rows: b is read once, from memory; nothing is packed. Two columns at a time share the loads of a.
INLINE_WIDE void multiply_few(
    const float *a, size_t a_stride, const float *b, size_t b_stride, float *c, size_t stride, int rows, size_t columns,
    size_t depth, float scale, int accumulate) {
    for (size_t column = 0; column < columns; column += 2) {
        const int both = column + 1 < columns;
        const float *b0 = b + column * b_stride, *b1 = both ? b0 + b_stride : b0;
        __m512 s0[few_rows], s1[few_rows];
#pragma clang loop unroll(full)
        for (int row = 0; row < rows; row++) s0[row] = s1[row] = _mm512_setzero_ps();
        for (size_t k = 0; k < depth; k += lanes) {
            const __mmask16 wanted = first(depth - k);
            __m512 r0 = _mm512_maskz_loadu_ps(wanted, b0 + k), r1 = _mm512_maskz_loadu_ps(wanted, b1 + k);
#pragma clang loop unroll(full)
            for (int row = 0; row < rows; row++) {
                __m512 left = _mm512_maskz_loadu_ps(wanted, a + (size_t)row * a_stride + k);
                s0[row] = _mm512_fmadd_ps(left, r0, s0[row]);
                s1[row] = _mm512_fmadd_ps(left, r1, s1[row]);
            }
        }
#pragma clang loop unroll(full)
        for (int row = 0; row < rows; row++) {
            float *to = c + (size_t)row * stride + column;
            float x0 = scale * _mm512_reduce_add_ps(s0[row]), x1 = scale * _mm512_reduce_add_ps(s1[row]);
            to[0] = accumulate ? to[0] + x0 : x0;
            if (both) to[1] = accumulate ? to[1] + x1 : x1;
        }
    }
}

WIDE static int multiply_without_packing(
    const hone_f32_operand *a, const hone_f32_operand *b, float *c, size_t stride, size_t rows, size_t columns,
    size_t depth, float scale, int accumulate) {
    if (rows > few_rows || columns * depth < few_rows_from || !a->depth_is_contiguous || !b->depth_is_contiguous) return 0;
#define FEW(N)                                                                                                         \
    case N:                                                                                                            \
        multiply_few(a->base, a->stride, b->base, b->stride, c, stride, N, columns, depth, scale, accumulate);         \
        return 1
    switch (rows) {
        FEW(1);
        FEW(2);
        FEW(3);
        FEW(4);
        FEW(5);
        FEW(6);
        FEW(7);
        FEW(8);
    }
#undef FEW
    return 0;
}

WIDE static void multiply_packed(
    const hone_f32_operand *a, const hone_f32_operand *b, float *c, size_t stride, size_t rows, size_t columns,
    size_t depth, float scale, int accumulate, float *workspace) {
    float *left = workspace, *right = left + row_block / lanes * strip_size;
    const size_t deep = equal_part(depth, depth_block, 1);
    const size_t tall = equal_part(rows, row_block, lanes), wide = equal_part(columns, column_block, 48);
    for (size_t k = 0; k < depth; k += deep) {
        size_t part = depth - k < deep ? depth - k : deep;
        for (size_t column = 0; column < columns; column += wide) {
            size_t width = columns - column < wide ? columns - column : wide;
            pack(b, column, width, k, part, right);
            for (size_t row = 0; row < rows; row += tall) {
                size_t height = rows - row < tall ? rows - row : tall;
                pack(a, row, height, k, part, left);
                multiply_blocks(
                    left, right, part, c + row * stride + column, stride, height, width, scale, accumulate || k > 0);
            }
        }
    }
}

int hone_f32_multiply(
    const hone_f32_operand *a, const hone_f32_operand *b, float *c, size_t stride, size_t rows, size_t columns,
    size_t depth, float scale, int accumulate) {
    if (!hone_f32_available()) return 0;
    if (multiply_without_packing(a, b, c, stride, rows, columns, depth, scale, accumulate)) return 1;
    float *workspace = own_workspace();
    if (!workspace) return 0;
    multiply_packed(a, b, c, stride, rows, columns, depth, scale, accumulate, workspace);
    return 1;
}

#else

int hone_f32_available(void) { return 0; }
int hone_f32_multiply(
    const hone_f32_operand *a, const hone_f32_operand *b, float *c, size_t stride, size_t rows, size_t columns,
    size_t depth, float scale, int accumulate) {
    return 0;
}

#endif
