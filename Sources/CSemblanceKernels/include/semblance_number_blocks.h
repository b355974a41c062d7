// Sets of 16-bit numbers, the blocks of a set of 32-bit numbers: up to 4,096 members as a sorted list, more as 65,536
// bits. Which of the two follows from the count alone, so equal sets look alike.
//
// - Source: S. Chambi, D. Lemire, O. Kaser and R. Godin, "Better bitmap performance with Roaring bitmaps", 2016.
#ifndef SEMBLANCE_NUMBER_BLOCKS_H
#define SEMBLANCE_NUMBER_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SEMBLANCE_BLOCK_NUMBERS = 65536,
    SEMBLANCE_BLOCK_LIST = 4096, // more members than this are bits
    SEMBLANCE_BLOCK_WORDS = SEMBLANCE_BLOCK_NUMBERS / 64,
};

/// Zeroed, an empty set. Memory is taken as needed; running out of it ends the process, as it does everywhere in Swift.
typedef struct {
    uint16_t *_Nullable list;
    uint64_t *_Nullable bits;
    uint32_t count, capacity;
} semblance_number_block;

void semblance_number_block_free(semblance_number_block *_Nonnull block);

/// Makes `copy`, which is zeroed, equal to `block`.
void semblance_number_block_copy(
    const semblance_number_block *_Nonnull block, semblance_number_block *_Nonnull copy
);

bool semblance_number_block_contains(const semblance_number_block *_Nonnull block, uint16_t number);
bool semblance_number_block_equals(
    const semblance_number_block *_Nonnull block, const semblance_number_block *_Nonnull other
);

/// Returns whether the number was new.
bool semblance_number_block_insert(semblance_number_block *_Nonnull block, uint16_t number);
/// Returns whether the number was there.
bool semblance_number_block_remove(semblance_number_block *_Nonnull block, uint16_t number);
void semblance_number_block_insert_range(semblance_number_block *_Nonnull block, uint16_t first, uint16_t last);

/// Inserts the lower halves of `count` ascending numbers.
void semblance_number_block_insert_sorted(
    semblance_number_block *_Nonnull block, const uint32_t *_Nonnull numbers, size_t count
);

/// Makes `block`, which is zeroed, the set of the bits of 1,024 words.
void semblance_number_block_from_bits(semblance_number_block *_Nonnull block, const uint64_t *_Nonnull words);

// In place; a block may be given twice. O(members), or O(1,024) for bits.
void semblance_number_block_unite(semblance_number_block *_Nonnull block, const semblance_number_block *_Nonnull other);
void semblance_number_block_intersect(
    semblance_number_block *_Nonnull block, const semblance_number_block *_Nonnull other
);
void semblance_number_block_subtract(
    semblance_number_block *_Nonnull block, const semblance_number_block *_Nonnull other
);

/// Writes `base` + each member, ascending; room for `count` of them.
void semblance_number_block_members(
    const semblance_number_block *_Nonnull block, uint32_t base, uint32_t *_Nonnull numbers
);

/// Sets the bits of the members below `limit` among those at `bytes`: member n is bit n % 8 of byte n / 8.
void semblance_number_block_set_bits(
    const semblance_number_block *_Nonnull block, uint8_t *_Nonnull bytes, size_t limit
);

/// The first i with numbers[i] ≥ numbers[i + 1], `count` if there is none.
size_t semblance_first_descent(const uint32_t *_Nonnull numbers, size_t count);

#endif
