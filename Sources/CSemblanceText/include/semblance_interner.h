// Equal byte strings get equal numbers, counted from 0 in the order they first came.
#ifndef SEMBLANCE_INTERNER_H
#define SEMBLANCE_INTERNER_H

#include <stddef.h>
#include <stdint.h>

typedef struct semblance_interner semblance_interner;

semblance_interner *_Nullable semblance_interner_create(void);
void semblance_interner_destroy(semblance_interner *_Nonnull interner);

/// The number of these bytes; -1 when there is no memory left or 2^31 - 1 strings are held.
int32_t semblance_intern(semblance_interner *_Nonnull interner, const uint8_t *_Nullable bytes, size_t count);

/// The number of these bytes; -1 if they are not held. Threads may look up at once while none interns.
int32_t semblance_interner_find(
    const semblance_interner *_Nonnull interner, const uint8_t *_Nullable bytes, size_t count
);

/// How many strings are held.
size_t semblance_interner_count(const semblance_interner *_Nonnull interner);

/// The bytes of a number below the count; they move when a string is interned.
const uint8_t *_Nonnull semblance_interner_bytes(
    const semblance_interner *_Nonnull interner, int32_t number, size_t *_Nonnull count
);

#endif
