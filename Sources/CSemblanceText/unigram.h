// What the unigram model needs while it works on a word.
#ifndef SEMBLANCE_UNIGRAM_H
#define SEMBLANCE_UNIGRAM_H

#include <stddef.h>
#include <stdint.h>

/// The best way to cut a word up to one of its places.
typedef struct {
    double score;
    int32_t id;     // of its last piece; -1 where no piece ends
    uint32_t start; // of its last piece
} semblance_unigram_cut;

typedef struct {
    semblance_unigram_cut *cuts;
    size_t capacity;
} semblance_unigram_memory;

void semblance_unigram_memory_free(semblance_unigram_memory *memory);

#endif
