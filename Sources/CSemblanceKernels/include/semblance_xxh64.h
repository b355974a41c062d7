// XXH64 with seed 0: what files are checked by. Source: the specification at https://github.com/Cyan4973/xxHash.
#ifndef SEMBLANCE_XXH64_H
#define SEMBLANCE_XXH64_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint64_t lanes[4];
    uint64_t total; // bytes taken
    uint8_t rest[32];
} semblance_xxh64_state;

void semblance_xxh64_begin(semblance_xxh64_state *_Nonnull state);
void semblance_xxh64_add(semblance_xxh64_state *_Nonnull state, const void *_Nullable bytes, size_t count);
/// The hash of what was added so far; more may follow.
uint64_t semblance_xxh64_value(const semblance_xxh64_state *_Nonnull state);
/// The hash of one buffer.
uint64_t semblance_xxh64(const void *_Nullable bytes, size_t count);

#ifdef __cplusplus
}
#endif
#endif
