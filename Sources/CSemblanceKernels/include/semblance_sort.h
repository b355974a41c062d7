#ifndef SEMBLANCE_SORT_H
#define SEMBLANCE_SORT_H

#include <stddef.h>
#include <stdint.h>

/// Sorts keys ascending, by bytes from the lowest up (radix sort). `scratch` holds `count` keys.
void semblance_sort_keys(uint64_t *_Nonnull keys, uint64_t *_Nonnull scratch, size_t count);

#endif
