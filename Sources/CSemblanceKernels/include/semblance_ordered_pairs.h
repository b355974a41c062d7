// Blocks of pairs (key, number) in ascending order: the leaves of an index over numbers and dates.
#ifndef SEMBLANCE_ORDERED_PAIRS_H
#define SEMBLANCE_ORDERED_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEMBLANCE_PAIRS = 512 };

typedef struct {
    uint64_t key;
    uint32_t number;
} semblance_pair;

typedef struct {
    uint64_t keys[SEMBLANCE_PAIRS];
    uint32_t numbers[SEMBLANCE_PAIRS];
    uint32_t count;
} semblance_pair_block;

/// How many of ascending pairs aren't above `pair`.
size_t semblance_pairs_up_to(const semblance_pair *_Nullable pairs, size_t count, semblance_pair pair);

/// The first place whose pair isn't below `pair`; the count if there is none.
size_t semblance_pair_block_place(const semblance_pair_block *_Nonnull block, semblance_pair pair);

/// The first place whose key is above `key`; the count if there is none.
size_t semblance_pair_block_end(const semblance_pair_block *_Nonnull block, uint64_t key);

uint32_t semblance_pair_block_number(const semblance_pair_block *_Nonnull block, size_t place);

/// Returns whether the pair was new. A full block must not be given.
bool semblance_pair_block_insert(semblance_pair_block *_Nonnull block, semblance_pair pair);

/// Returns whether the pair was there.
bool semblance_pair_block_remove(semblance_pair_block *_Nonnull block, semblance_pair pair);

/// Moves the upper half of a full block to `upper`; returns its first pair.
semblance_pair semblance_pair_block_split(
    semblance_pair_block *_Nonnull block, semblance_pair_block *_Nonnull upper
);

/// Sets the bits of the numbers at `first` ..< `end`: number n is bit n % 64 of word n / 64.
void semblance_pair_block_set_bits(
    const semblance_pair_block *_Nonnull block, size_t first, size_t end, uint64_t *_Nonnull words
);

#endif
