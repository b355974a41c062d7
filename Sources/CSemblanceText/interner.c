// Open addressing over the strings' hashes; the bytes themselves lie one after another in one block.

#include "include/semblance_interner.h"

#include <stdlib.h>
#include <string.h>

struct semblance_interner {
    int32_t *slots; // number + 1, or 0 where free
    size_t slot_count; // a power of two, at least twice the strings
    uint64_t *hashes;
    size_t *ends; // string i is bytes[ends[i - 1]..<ends[i]]
    size_t count, capacity;
    uint8_t *bytes;
    size_t byte_capacity;
};

/// FNV-1a over eight bytes at a time, then mixed.
static uint64_t hash(const uint8_t *bytes, size_t count) {
    uint64_t h = 0xcbf29ce484222325ull ^ count;
    while (count >= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        h = (h ^ word) * 0x9e3779b97f4a7c15ull;
        h ^= h >> 32;
        bytes += 8;
        count -= 8;
    }
    uint64_t rest = 0;
    if (count) memcpy(&rest, bytes, count);
    h = (h ^ rest) * 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 29);
}

semblance_interner *semblance_interner_create(void) {
    semblance_interner *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->slot_count = 1024;
    t->slots = calloc(t->slot_count, sizeof *t->slots);
    if (!t->slots) {
        free(t);
        return NULL;
    }
    return t;
}

void semblance_interner_destroy(semblance_interner *t) {
    free(t->slots);
    free(t->hashes);
    free(t->ends);
    free(t->bytes);
    free(t);
}

static int grow(semblance_interner *t, size_t more_bytes) {
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? 2 * t->capacity : 512;
        uint64_t *hashes = realloc(t->hashes, capacity * sizeof *hashes);
        if (hashes) t->hashes = hashes;
        size_t *ends = realloc(t->ends, capacity * sizeof *ends);
        if (ends) t->ends = ends;
        if (!hashes || !ends) return 0;
        t->capacity = capacity;
    }
    size_t used = t->count ? t->ends[t->count - 1] : 0;
    if (t->byte_capacity - used < more_bytes) {
        size_t capacity = 2 * t->byte_capacity + more_bytes + 4096;
        uint8_t *bytes = realloc(t->bytes, capacity);
        if (!bytes) return 0;
        t->bytes = bytes;
        t->byte_capacity = capacity;
    }
    if (2 * (t->count + 1) > t->slot_count) {
        size_t slot_count = 2 * t->slot_count;
        int32_t *slots = calloc(slot_count, sizeof *slots);
        if (!slots) return 0;
        for (size_t i = 0; i < t->count; i++) {
            size_t at = t->hashes[i] & (slot_count - 1);
            while (slots[at]) at = (at + 1) & (slot_count - 1);
            slots[at] = (int32_t)i + 1;
        }
        free(t->slots);
        t->slots = slots;
        t->slot_count = slot_count;
    }
    return 1;
}

/// The slot that holds these bytes, or the free one where they belong.
static size_t slot_of(const semblance_interner *t, const uint8_t *bytes, size_t count, uint64_t h) {
    size_t at = h & (t->slot_count - 1);
    for (; t->slots[at]; at = (at + 1) & (t->slot_count - 1)) {
        size_t i = (size_t)t->slots[at] - 1;
        size_t start = i ? t->ends[i - 1] : 0;
        if (t->hashes[i] == h && t->ends[i] - start == count && (!count || memcmp(t->bytes + start, bytes, count) == 0))
            break;
    }
    return at;
}

int32_t semblance_interner_find(const semblance_interner *t, const uint8_t *bytes, size_t count) {
    return t->slots[slot_of(t, bytes, count, hash(bytes, count))] - 1;
}

int32_t semblance_intern(semblance_interner *t, const uint8_t *bytes, size_t count) {
    uint64_t h = hash(bytes, count);
    size_t at = slot_of(t, bytes, count, h);
    if (t->slots[at]) return t->slots[at] - 1;
    if (t->count >= INT32_MAX - 1 || !grow(t, count)) return -1;
    size_t start = t->count ? t->ends[t->count - 1] : 0;
    if (count) memcpy(t->bytes + start, bytes, count);
    t->ends[t->count] = start + count;
    t->hashes[t->count] = h;
    t->slots[slot_of(t, bytes, count, h)] = (int32_t)t->count + 1;
    return (int32_t)t->count++;
}

size_t semblance_interner_count(const semblance_interner *t) { return t->count; }

const uint8_t *semblance_interner_bytes(const semblance_interner *t, int32_t number, size_t *count) {
    size_t start = number ? t->ends[number - 1] : 0;
    *count = t->ends[number] - start;
    return t->bytes + start;
}
