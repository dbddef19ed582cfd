#include "CKernels.h"

static inline void philox_round(uint32_t c[4], uint32_t k0, uint32_t k1) {
    uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t n0 = (uint32_t)(b >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(a >> 32) ^ c[3] ^ k1;
    c[0] = n0;
    c[1] = (uint32_t)b;
    c[2] = n2;
    c[3] = (uint32_t)a;
}

void hone_philox(uint64_t key, uint64_t high, uint64_t low, uint32_t words[4]) {
    uint32_t c[4] = {(uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high, (uint32_t)(high >> 32)};
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        philox_round(c, k0, k1);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; i++) words[i] = c[i];
}

void hone_dropout(const hone_real *x, hone_real *y, ptrdiff_t count, double rate, uint64_t key, uint64_t stream,
                  uint64_t first) {
    uint64_t limit = (uint64_t)(rate * 4294967296.0);
    hone_real scale = (hone_real)(1.0 / (1.0 - rate));
    uint32_t words[4];
    uint64_t block = UINT64_MAX;
    for (ptrdiff_t i = 0; i < count; i++) {
        uint64_t index = first + (uint64_t)i;
        if (index / 4 != block) {
            block = index / 4;
            hone_philox(key, stream, block, words);
        }
        y[i] = words[index % 4] < limit ? 0 : x[i] * scale;
    }
}
