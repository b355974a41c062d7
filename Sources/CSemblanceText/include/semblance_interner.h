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

#endif
