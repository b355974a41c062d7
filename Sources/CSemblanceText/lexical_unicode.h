// Which scalars are parts of words, and their lowercase.
#ifndef SEMBLANCE_LEXICAL_UNICODE_H
#define SEMBLANCE_LEXICAL_UNICODE_H

#include <stddef.h>
#include <stdint.h>

/// Neighbouring word characters; the lowercase of each is itself + lower. With STEP, every other one, from the first
/// on, is a capital whose lowercase is the next.
typedef struct {
    uint32_t first, last;
    int32_t lower;
} semblance_word_range;

enum { STEP = INT32_MAX };

/// Sorted; without ASCII.
extern const semblance_word_range semblance_word_ranges[];
extern const size_t semblance_word_range_count;

#endif
