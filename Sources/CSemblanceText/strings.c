#include "strings.h"

#include <string.h>

static uint32_t hash(const uint8_t *bytes, size_t count) {
    const uint64_t odd = 0x9E3779B97F4A7C15u;
    uint64_t h = count * odd;
    while (count > 0) {
        uint64_t chunk = 0;
        size_t part = count < 8 ? count : 8;
        memcpy(&chunk, bytes, part);
        h = (h ^ chunk) * odd;
        h ^= h >> 32;
        bytes += part;
        count -= part;
    }
    return (uint32_t)h;
}

static void insert(semblance_strings *s, uint32_t number) {
    size_t slot = s->hashes[number] & (s->slot_count - 1);
    while (s->slots[slot]) slot = (slot + 1) & (s->slot_count - 1);
    s->slots[slot] = number + 1;
}

static void make_room(semblance_strings *s) {
    if ((s->count + 1) * 2 <= s->slot_count) return;
    if (s->count >= UINT32_MAX - 1) abort();
    s->slot_count = s->slot_count ? 2 * s->slot_count : 1024;
    free(s->slots);
    s->slots = semblance_allocate(s->slot_count, sizeof(uint32_t));
    for (uint32_t i = 0; i < s->count; i++) insert(s, i);
}

uint32_t semblance_strings_add(semblance_strings *s, const uint8_t *bytes, size_t count) {
    make_room(s);
    uint32_t h = hash(bytes, count);
    for (size_t slot = h & (s->slot_count - 1); s->slots[slot]; slot = (slot + 1) & (s->slot_count - 1)) {
        uint32_t number = s->slots[slot] - 1;
        size_t length;
        if (s->hashes[number] != h) continue;
        const uint8_t *found = semblance_strings_get(s, number, &length);
        if (length == count && memcmp(found, bytes, count) == 0) return number;
    }
    size_t start = s->count ? s->ends[s->count - 1] : 0;
    uint32_t number = (uint32_t)s->count++;
    s->bytes = semblance_grow(s->bytes, start + count, &s->byte_capacity, 1);
    s->ends = semblance_grow(s->ends, s->count, &s->end_capacity, sizeof(size_t));
    s->hashes = semblance_grow(s->hashes, s->count, &s->hash_capacity, sizeof(uint32_t));
    if (count) memcpy(s->bytes + start, bytes, count);
    s->ends[number] = start + count;
    s->hashes[number] = h;
    insert(s, number);
    return number;
}

void semblance_strings_free(semblance_strings *strings) {
    free(strings->bytes);
    free(strings->ends);
    free(strings->hashes);
    free(strings->slots);
    *strings = (semblance_strings){0};
}
