// SHA-256, FIPS 180-4.
#ifndef SEMBLANCE_SHA256_H
#define SEMBLANCE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t state[8];
    uint64_t length; // bytes taken
    uint8_t block[64];
} semblance_sha256;

void semblance_sha256_begin(semblance_sha256 *_Nonnull digest);
void semblance_sha256_update(semblance_sha256 *_Nonnull digest, const void *_Nullable bytes, size_t count);
/// Writes the 32 bytes of the digest; `digest` is used up.
void semblance_sha256_end(semblance_sha256 *_Nonnull digest, uint8_t *_Nonnull out);

#endif
