#include "include/semblance_ordered_pairs.h"

#include <string.h>

static bool below(uint64_t key, uint32_t number, semblance_pair pair) {
    return key < pair.key || (key == pair.key && number < pair.number);
}

size_t semblance_pairs_up_to(const semblance_pair *pairs, size_t count, semblance_pair pair) {
    size_t first = 0;
    while (count > 0) {
        size_t half = count / 2;
        const semblance_pair *middle = &pairs[first + half];
        bool above = below(pair.key, pair.number, *middle);
        first = above ? first : first + half + 1;
        count = above ? half : count - half - 1;
    }
    return first;
}

size_t semblance_pair_block_place(const semblance_pair_block *block, semblance_pair pair) {
    size_t first = 0, count = block->count;
    while (count > 0) {
        size_t half = count / 2;
        bool less = below(block->keys[first + half], block->numbers[first + half], pair);
        first = less ? first + half + 1 : first;
        count = less ? count - half - 1 : half;
    }
    return first;
}

static bool is_at(const semblance_pair_block *block, size_t place, semblance_pair pair) {
    return place < block->count && block->keys[place] == pair.key && block->numbers[place] == pair.number;
}

size_t semblance_pair_block_end(const semblance_pair_block *block, uint64_t key) {
    semblance_pair last = {key, UINT32_MAX};
    size_t place = semblance_pair_block_place(block, last);
    return place + is_at(block, place, last);
}

uint32_t semblance_pair_block_number(const semblance_pair_block *block, size_t place) { return block->numbers[place]; }

bool semblance_pair_block_insert(semblance_pair_block *block, semblance_pair pair) {
    size_t place = semblance_pair_block_place(block, pair), after = block->count - place;
    if (is_at(block, place, pair)) return false;
    memmove(block->keys + place + 1, block->keys + place, after * sizeof *block->keys);
    memmove(block->numbers + place + 1, block->numbers + place, after * sizeof *block->numbers);
    block->keys[place] = pair.key;
    block->numbers[place] = pair.number;
    block->count++;
    return true;
}

bool semblance_pair_block_remove(semblance_pair_block *block, semblance_pair pair) {
    size_t place = semblance_pair_block_place(block, pair);
    if (!is_at(block, place, pair)) return false;
    block->count--;
    size_t after = block->count - place;
    memmove(block->keys + place, block->keys + place + 1, after * sizeof *block->keys);
    memmove(block->numbers + place, block->numbers + place + 1, after * sizeof *block->numbers);
    return true;
}

semblance_pair semblance_pair_block_split(semblance_pair_block *block, semblance_pair_block *upper) {
    size_t kept = block->count / 2, moved = block->count - kept;
    memcpy(upper->keys, block->keys + kept, moved * sizeof *block->keys);
    memcpy(upper->numbers, block->numbers + kept, moved * sizeof *block->numbers);
    upper->count = (uint32_t)moved;
    block->count = (uint32_t)kept;
    return (semblance_pair){upper->keys[0], upper->numbers[0]};
}

void semblance_pair_block_set_bits(const semblance_pair_block *block, size_t first, size_t end, uint64_t *words) {
    for (size_t i = first; i < end; i++) words[block->numbers[i] >> 6] |= 1ull << (block->numbers[i] & 63);
}
