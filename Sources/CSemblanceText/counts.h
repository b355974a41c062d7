#ifndef SEMBLANCE_COUNTS_H
#define SEMBLANCE_COUNTS_H

#include "include/semblance_interner.h"
#include "normalize.h"

struct semblance_word_counts {
    uint32_t options;
    size_t maximum_word;
    semblance_interner *words;
    uint64_t *counts; // of each word
    size_t capacity;
    semblance_normalized scratch;
};

static inline semblance_interner *semblance_new_interner(void) {
    semblance_interner *created = semblance_interner_create();
    if (!created) abort();
    return created;
}

/// The number of a string, which is added if it is new.
static inline int32_t semblance_number(semblance_interner *strings, const uint8_t *bytes, size_t count) {
    int32_t number = semblance_intern(strings, bytes, count);
    if (number < 0) abort();
    return number;
}

#endif
