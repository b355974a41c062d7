#include "include/semblance_number_blocks.h"

#include <stdlib.h>
#include <string.h>

static void *memory(void *old, size_t bytes) {
    void *taken = realloc(old, bytes);
    if (!taken) abort();
    return taken;
}

static uint64_t *cleared_bits(void) {
    uint64_t *bits = calloc(SEMBLANCE_BLOCK_WORDS, sizeof *bits);
    if (!bits) abort();
    return bits;
}

static bool has(const uint64_t *bits, uint16_t number) { return bits[number >> 6] >> (number & 63) & 1; }

static uint32_t count_bits(const uint64_t *bits) {
    uint32_t count = 0;
    for (size_t i = 0; i < SEMBLANCE_BLOCK_WORDS; i++) count += (uint32_t)__builtin_popcountll(bits[i]);
    return count;
}

/// Sets the bits of a list; returns how many weren't set.
static uint32_t set_all(uint64_t *bits, const uint16_t *list, size_t count) {
    uint32_t new = 0;
    for (size_t i = 0; i < count; i++) {
        new += !has(bits, list[i]);
        bits[list[i] >> 6] |= 1ull << (list[i] & 63);
    }
    return new;
}

/// The first place in a sorted list whose number isn't below `number`.
static size_t place(const uint16_t *list, size_t count, uint16_t number) {
    size_t first = 0;
    while (count > 0) {
        size_t half = count / 2;
        bool below = list[first + half] < number;
        first = below ? first + half + 1 : first;
        count = below ? count - half - 1 : half;
    }
    return first;
}

static void reserve(semblance_number_block *block, uint32_t count) {
    if (count <= block->capacity) return;
    uint32_t wanted = block->capacity * 2 > count ? block->capacity * 2 : count;
    if (wanted < 4) wanted = 4;
    if (wanted > SEMBLANCE_BLOCK_LIST) wanted = SEMBLANCE_BLOCK_LIST;
    block->list = memory(block->list, wanted * sizeof *block->list);
    block->capacity = wanted;
}

/// Puts a list of its own in place of what the block has.
static void become_list(semblance_number_block *block, uint16_t *list, uint32_t count, uint32_t capacity) {
    semblance_number_block_free(block);
    *block = (semblance_number_block){.list = list, .count = count, .capacity = capacity};
}

static void become_bits(semblance_number_block *block) {
    uint64_t *bits = cleared_bits();
    set_all(bits, block->list, block->count);
    free(block->list);
    *block = (semblance_number_block){.bits = bits, .count = block->count};
}

/// The representation that the count asks for.
static void settle(semblance_number_block *block) {
    if (!block->bits || block->count > SEMBLANCE_BLOCK_LIST) return;
    uint16_t *list = block->count ? memory(NULL, block->count * sizeof *list) : NULL;
    size_t next = 0;
    for (size_t word = 0; word < SEMBLANCE_BLOCK_WORDS; word++)
        for (uint64_t left = block->bits[word]; left; left &= left - 1)
            list[next++] = (uint16_t)(word * 64 + (size_t)__builtin_ctzll(left));
    become_list(block, list, block->count, block->count);
}

void semblance_number_block_free(semblance_number_block *block) {
    free(block->list);
    free(block->bits);
    *block = (semblance_number_block){0};
}

void semblance_number_block_copy(const semblance_number_block *block, semblance_number_block *copy) {
    copy->count = block->count;
    if (block->bits) {
        copy->bits = memory(NULL, SEMBLANCE_BLOCK_WORDS * sizeof *copy->bits);
        memcpy(copy->bits, block->bits, SEMBLANCE_BLOCK_WORDS * sizeof *copy->bits);
    } else if (block->count) {
        copy->capacity = block->count;
        copy->list = memory(NULL, block->count * sizeof *copy->list);
        memcpy(copy->list, block->list, block->count * sizeof *copy->list);
    }
}

bool semblance_number_block_contains(const semblance_number_block *block, uint16_t number) {
    if (block->bits) return has(block->bits, number);
    size_t at = place(block->list, block->count, number);
    return at < block->count && block->list[at] == number;
}

bool semblance_number_block_equals(const semblance_number_block *block, const semblance_number_block *other) {
    if (block->count != other->count) return false;
    if (block->count == 0) return true;
    return block->bits ? memcmp(block->bits, other->bits, SEMBLANCE_BLOCK_WORDS * sizeof *block->bits) == 0
                       : memcmp(block->list, other->list, block->count * sizeof *block->list) == 0;
}

bool semblance_number_block_insert(semblance_number_block *block, uint16_t number) {
    if (!block->bits) {
        bool last = block->count == 0 || block->list[block->count - 1] < number;
        size_t at = last ? block->count : place(block->list, block->count, number);
        if (!last && block->list[at] == number) return false;
        if (block->count < SEMBLANCE_BLOCK_LIST) {
            reserve(block, block->count + 1);
            memmove(block->list + at + 1, block->list + at, (block->count - at) * sizeof *block->list);
            block->list[at] = number;
            block->count++;
            return true;
        }
        become_bits(block);
    }
    bool new = !has(block->bits, number);
    block->bits[number >> 6] |= 1ull << (number & 63);
    block->count += new;
    return new;
}

bool semblance_number_block_remove(semblance_number_block *block, uint16_t number) {
    if (block->bits) {
        if (!has(block->bits, number)) return false;
        block->bits[number >> 6] &= ~(1ull << (number & 63));
        block->count--;
        settle(block);
        return true;
    }
    size_t at = place(block->list, block->count, number);
    if (at == block->count || block->list[at] != number) return false;
    block->count--;
    memmove(block->list + at, block->list + at + 1, (block->count - at) * sizeof *block->list);
    return true;
}

void semblance_number_block_insert_range(semblance_number_block *block, uint16_t first, uint16_t last) {
    if (!block->bits) become_bits(block);
    for (size_t word = first >> 6; word <= last >> 6; word++) {
        uint64_t from = word == first >> 6 ? ~0ull << (first & 63) : ~0ull;
        uint64_t to = word == last >> 6 ? ~0ull >> (63 - (last & 63)) : ~0ull;
        block->bits[word] |= from & to;
    }
    block->count = count_bits(block->bits);
    settle(block);
}

void semblance_number_block_insert_sorted(semblance_number_block *block, const uint32_t *numbers, size_t count) {
    if (block->count + count > SEMBLANCE_BLOCK_LIST) {
        if (!block->bits) become_bits(block);
        for (size_t i = 0; i < count; i++) block->bits[(uint16_t)numbers[i] >> 6] |= 1ull << (numbers[i] & 63);
        block->count = count_bits(block->bits);
        settle(block);
    } else {
        reserve(block, block->count + (uint32_t)count);
        for (size_t i = 0; i < count; i++) semblance_number_block_insert(block, (uint16_t)numbers[i]);
    }
}

void semblance_number_block_from_bits(semblance_number_block *block, const uint64_t *words) {
    block->bits = (uint64_t *)(uintptr_t)words;
    block->count = count_bits(words);
    if (block->count > SEMBLANCE_BLOCK_LIST) {
        block->bits = memory(NULL, SEMBLANCE_BLOCK_WORDS * sizeof *words);
        memcpy(block->bits, words, SEMBLANCE_BLOCK_WORDS * sizeof *words);
        return;
    }
    block->bits = NULL;
    block->capacity = block->count;
    if (block->count == 0) return;
    block->list = memory(NULL, block->count * sizeof *block->list);
    size_t next = 0;
    for (size_t word = 0; word < SEMBLANCE_BLOCK_WORDS; word++)
        for (uint64_t left = words[word]; left; left &= left - 1)
            block->list[next++] = (uint16_t)(word * 64 + (size_t)__builtin_ctzll(left));
}

void semblance_number_block_unite(semblance_number_block *block, const semblance_number_block *other) {
    if (other->count == 0 || block == other) return;
    if (!other->bits && other->count <= 4) { // a few insertions cost less than a new list
        for (size_t i = 0; i < other->count; i++) semblance_number_block_insert(block, other->list[i]);
        return;
    }
    if (!block->bits && !other->bits && block->count + other->count <= SEMBLANCE_BLOCK_LIST) {
        uint32_t capacity = block->count + other->count;
        uint16_t *list = memory(NULL, capacity * sizeof *list);
        size_t i = 0, j = 0, count = 0;
        while (i < block->count && j < other->count) {
            uint16_t x = block->list[i], y = other->list[j];
            list[count++] = x < y ? x : y;
            i += x <= y;
            j += y <= x;
        }
        while (i < block->count) list[count++] = block->list[i++];
        while (j < other->count) list[count++] = other->list[j++];
        become_list(block, list, (uint32_t)count, capacity);
        return;
    }
    if (!block->bits) become_bits(block);
    if (other->bits) {
        for (size_t i = 0; i < SEMBLANCE_BLOCK_WORDS; i++) block->bits[i] |= other->bits[i];
        block->count = count_bits(block->bits);
    } else {
        block->count += set_all(block->bits, other->list, other->count);
    }
    settle(block);
}

/// Keeps the members of a list that are in the bits, or that aren't.
static uint32_t filter(uint16_t *out, const uint16_t *list, size_t count, const uint64_t *bits, bool kept) {
    size_t next = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t number = list[i];
        out[next] = number;
        next += has(bits, number) == kept;
    }
    return (uint32_t)next;
}

void semblance_number_block_intersect(semblance_number_block *block, const semblance_number_block *other) {
    if (block == other) return;
    if (block->bits && other->bits) {
        for (size_t i = 0; i < SEMBLANCE_BLOCK_WORDS; i++) block->bits[i] &= other->bits[i];
        block->count = count_bits(block->bits);
        settle(block);
    } else if (block->bits) {
        uint16_t *list = other->count ? memory(NULL, other->count * sizeof *list) : NULL;
        become_list(block, list, filter(list, other->list, other->count, block->bits, true), other->count);
    } else if (other->bits) {
        block->count = filter(block->list, block->list, block->count, other->bits, true);
    } else if (block->count * 32 < other->count) {
        size_t next = 0, from = 0;
        for (size_t i = 0; i < block->count && from < other->count; i++) {
            uint16_t number = block->list[i];
            from += place(other->list + from, other->count - from, number);
            block->list[next] = number;
            next += from < other->count && other->list[from] == number;
        }
        block->count = (uint32_t)next;
    } else {
        size_t i = 0, j = 0, next = 0;
        while (i < block->count && j < other->count) {
            uint16_t x = block->list[i], y = other->list[j];
            block->list[next] = x;
            next += x == y;
            i += x <= y;
            j += y <= x;
        }
        block->count = (uint32_t)next;
    }
}

void semblance_number_block_subtract(semblance_number_block *block, const semblance_number_block *other) {
    if (block == other) {
        semblance_number_block_free(block);
    } else if (block->bits) {
        if (other->bits) {
            for (size_t i = 0; i < SEMBLANCE_BLOCK_WORDS; i++) block->bits[i] &= ~other->bits[i];
            block->count = count_bits(block->bits);
        } else {
            for (size_t i = 0; i < other->count; i++) {
                block->count -= has(block->bits, other->list[i]);
                block->bits[other->list[i] >> 6] &= ~(1ull << (other->list[i] & 63));
            }
        }
        settle(block);
    } else if (other->bits) {
        block->count = filter(block->list, block->list, block->count, other->bits, false);
    } else {
        size_t i = 0, j = 0, next = 0;
        while (i < block->count && j < other->count) {
            uint16_t x = block->list[i], y = other->list[j];
            block->list[next] = x;
            next += x < y;
            i += x <= y;
            j += y <= x;
        }
        while (i < block->count) block->list[next++] = block->list[i++];
        block->count = (uint32_t)next;
    }
}

void semblance_number_block_members(const semblance_number_block *block, uint32_t base, uint32_t *numbers) {
    if (block->bits) {
        for (size_t word = 0; word < SEMBLANCE_BLOCK_WORDS; word++)
            for (uint64_t left = block->bits[word]; left; left &= left - 1)
                *numbers++ = base + (uint32_t)(word * 64 + (size_t)__builtin_ctzll(left));
    } else {
        for (size_t i = 0; i < block->count; i++) numbers[i] = base + block->list[i];
    }
}

void semblance_number_block_set_bits(const semblance_number_block *block, uint8_t *bytes, size_t limit) {
    if (block->bits) {
        size_t whole = limit / 64 < SEMBLANCE_BLOCK_WORDS ? limit / 64 : SEMBLANCE_BLOCK_WORDS;
        for (size_t byte = 0; byte < whole * 8; byte++) bytes[byte] |= (uint8_t)(block->bits[byte / 8] >> byte % 8 * 8);
        size_t end = limit < SEMBLANCE_BLOCK_NUMBERS ? limit : SEMBLANCE_BLOCK_NUMBERS;
        for (size_t number = whole * 64; number < end; number++)
            bytes[number / 8] |= (uint8_t)(has(block->bits, (uint16_t)number) << number % 8);
    } else {
        for (size_t i = 0; i < block->count && block->list[i] < limit; i++)
            bytes[block->list[i] / 8] |= (uint8_t)(1 << block->list[i] % 8);
    }
}

size_t semblance_first_descent(const uint32_t *numbers, size_t count) {
    for (size_t i = 0; i + 1 < count; i++)
        if (numbers[i] >= numbers[i + 1]) return i;
    return count;
}
