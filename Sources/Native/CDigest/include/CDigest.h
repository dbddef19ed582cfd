// SHA-256 (FIPS 180-4), with the processor's own instructions where it has them.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t state[8];
    uint64_t length;      // bytes taken so far
    uint8_t pending[64];  // the bytes of an unfinished block
} hone_sha256;

void hone_sha256_begin(hone_sha256 *digest);
void hone_sha256_update(hone_sha256 *digest, const void *bytes, size_t count);
void hone_sha256_finish(hone_sha256 *digest, uint8_t result[32]);

// The same over whole blocks with portable code only, so that a test can compare the two.
void hone_sha256_blocks_portable(uint32_t state[8], const uint8_t *blocks, size_t count);
// With the processor's instructions; 0 where it has none and nothing was done.
int hone_sha256_blocks_native(uint32_t state[8], const uint8_t *blocks, size_t count);
