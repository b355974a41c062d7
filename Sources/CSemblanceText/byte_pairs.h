// What byte-pair encoding needs while it works on a word.
#ifndef SEMBLANCE_BYTE_PAIRS_H
#define SEMBLANCE_BYTE_PAIRS_H

#include <stddef.h>
#include <stdint.h>

/// The word being merged: symbols in a list linked both ways, and a heap of merges that can be made.
typedef struct {
    int32_t *symbols, *next, *previous;
    size_t symbol_capacity, next_capacity, previous_capacity;
    uint64_t *heap; // rank of the merge, then place of its left symbol
    size_t heap_count, heap_capacity;
} semblance_byte_pairs_memory;

void semblance_byte_pairs_memory_free(semblance_byte_pairs_memory *memory);

#endif
