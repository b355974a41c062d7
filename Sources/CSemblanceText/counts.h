#ifndef SEMBLANCE_COUNTS_H
#define SEMBLANCE_COUNTS_H

#include "normalize.h"
#include "strings.h"

struct semblance_word_counts {
    uint32_t options;
    size_t maximum_word;
    semblance_strings words;
    uint64_t *counts; // of each word
    size_t capacity;
    semblance_normalized scratch;
};

#endif
