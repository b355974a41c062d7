// The terms of a run of texts, as counting leaves them.
#ifndef SEMBLANCE_LEXICAL_COUNTS_H
#define SEMBLANCE_LEXICAL_COUNTS_H

#include "semblance_interner.h"
#include "semblance_lexical.h"

typedef struct {
    uint32_t term, frequency;
} semblance_term_count;

struct semblance_lexical_counts {
    bool english;
    semblance_words words;
    semblance_interner *terms, *surfaces;
    uint32_t *term_of; // surface → term + 1, or 0 for a stop word
    size_t *latest;    // term → its latest count's position + 1
    semblance_term_count *counts;
    size_t *ends;      // text → where its counts end
    uint32_t *lengths; // text → how many terms it has, repeated ones counted
    size_t term_of_capacity, latest_capacity, count, capacity, texts, end_capacity, length_capacity;
};

#endif
