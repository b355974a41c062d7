// A set of byte strings, numbered in the order in which they came.
#ifndef SEMBLANCE_STRINGS_H
#define SEMBLANCE_STRINGS_H

#include "storage.h"

typedef struct {
    uint8_t *bytes;
    size_t *ends;      // of each string in `bytes`
    uint32_t *hashes;  // of each string
    uint32_t *slots;   // number + 1 of the string there, 0 where there is none; a power of two of them
    size_t count, slot_count, byte_capacity, end_capacity, hash_capacity;
} semblance_strings;

/// The number of a string, which is added if it is new.
uint32_t semblance_strings_add(semblance_strings *strings, const uint8_t *bytes, size_t count);

static inline const uint8_t *semblance_strings_get(const semblance_strings *strings, uint32_t number, size_t *count) {
    size_t start = number ? strings->ends[number - 1] : 0;
    *count = strings->ends[number] - start;
    return strings->bytes + start;
}

void semblance_strings_free(semblance_strings *strings);

#endif
