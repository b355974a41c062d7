#include "charsmap.h"

#include <stdbool.h>
#include <string.h>

#include "graphemes.h"
#include "unicode.h"

// A unit of the trie: the label of the step that led to it, and how far its children are.

static uint32_t label(uint32_t unit) { return unit & (0x80000000 | 0xFF); }

static uint32_t offset(uint32_t unit) { return unit >> 10 << (unit >> 6 & 8); }

static bool has_value(uint32_t unit) { return unit >> 8 & 1; }

enum { VALUE = 0x7FFFFFFF };

/// What replaces the shortest string of the map that a text begins with; NULL if there is none. That it is the shortest
/// and stands for the whole text is how `tokenizers` reads the table.
static const uint8_t *replacement(const semblance_charsmap *map, const uint8_t *text, size_t count) {
    size_t at = offset(map->units[0]);
    for (size_t i = 0; i < count && text[i] != 0; i++) {
        at ^= text[i];
        if (at >= map->unit_count || label(map->units[at]) != text[i]) return NULL;
        uint32_t unit = map->units[at];
        at ^= offset(unit);
        if (!has_value(unit)) continue;
        size_t start = at < map->unit_count ? map->units[at] & VALUE : SIZE_MAX;
        return start <= map->replacement_count ? map->replacements + start : NULL;
    }
    return NULL;
}

static bool is_printable(uint8_t c) { return c >= ' ' && c < 0x7F; }

static void append(const uint8_t *bytes, size_t count, semblance_bytes *out) {
    if (count) memcpy(semblance_bytes_reserve(out, count), bytes, count);
    out->count += count;
}

void semblance_charsmap_append(
    const semblance_charsmap *map, const uint8_t *text, size_t count, semblance_bytes *out) {
    enum { LONGEST = 5 }; // a longer cluster is replaced scalar by scalar
    const uint8_t *p = text, *end = text + count;
    while (p < end) {
        const uint8_t *plain = p;
        while (plain < end && is_printable(*plain) && !map->replaces[*plain] && (plain + 1 == end || is_printable(plain[1])))
            plain++;
        append(p, (size_t)(plain - p), out);
        p = plain;
        if (p == end) break;
        const uint8_t *cluster = semblance_grapheme_end(p, end);
        const uint8_t *found = cluster - p <= LONGEST ? replacement(map, p, (size_t)(cluster - p)) : NULL;
        if (found) {
            append(found, strlen((const char *)found), out);
            p = cluster;
        }
        while (p < cluster) {
            uint32_t scalar;
            size_t length = semblance_decode(p, end, &scalar);
            found = replacement(map, p, length);
            if (found) append(found, strlen((const char *)found), out);
            else append(p, length, out);
            p += length;
        }
    }
}

static int digit(uint8_t c) {
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/// Decodes base64 with its padding; false if it is broken.
static bool decode(const uint8_t *text, size_t count, semblance_bytes *out) {
    if (count % 4) return false;
    semblance_bytes_reserve(out, count / 4 * 3);
    for (size_t i = 0; i < count; i += 4) {
        int padding = i + 4 < count || text[i + 3] != '=' ? 0 : text[i + 2] == '=' ? 2 : 1;
        uint32_t bits = 0;
        for (int j = 0; j < 4 - padding; j++) {
            int value = digit(text[i + (size_t)j]);
            if (value < 0) return false;
            bits |= (uint32_t)value << (18 - 6 * j);
        }
        if (bits & ((1u << 8 * padding) - 1)) return false;
        for (int j = 0; j < 3 - padding; j++) out->bytes[out->count++] = (uint8_t)(bits >> (16 - 8 * j));
    }
    return true;
}

/// Whether every value of the trie is the beginning of a replacement in valid UTF-8.
static bool is_sound(const semblance_charsmap *map) {
    const uint8_t *p = map->replacements, *end = p + map->replacement_count;
    while (p < end) {
        size_t length = semblance_valid_scalar(p, end);
        if (length == 0) return false;
        p += length;
    }
    for (size_t i = 0; i < map->unit_count; i++) {
        if (!(map->units[i] & ~(uint32_t)VALUE)) continue;
        size_t start = map->units[i] & VALUE;
        if (start > map->replacement_count || (map->replacements[start] & 0xC0) == 0x80) return false;
    }
    return true;
}

semblance_charsmap *semblance_charsmap_create(const uint8_t *base64, size_t count) {
    semblance_bytes bytes = {0};
    semblance_charsmap *map = semblance_allocate(1, sizeof(semblance_charsmap));
    bool sound = decode(base64, count, &bytes) && bytes.count >= 8;
    size_t trie = 0;
    for (size_t i = 0; sound && i < 4; i++) trie |= (size_t)bytes.bytes[i] << 8 * i;
    trie = trie / 4 * 4;
    sound = sound && trie > 0 && trie <= bytes.count - 4;
    if (sound) {
        map->unit_count = trie / 4;
        map->units = semblance_allocate(map->unit_count, sizeof(uint32_t));
        for (size_t i = 0; i < trie; i++) map->units[i / 4] |= (uint32_t)bytes.bytes[4 + i] << i % 4 * 8;
        map->replacement_count = bytes.count - 4 - trie;
        map->replacements = semblance_allocate(map->replacement_count + 1, 1);
        memcpy(map->replacements, bytes.bytes + 4 + trie, map->replacement_count);
        sound = is_sound(map);
    }
    free(bytes.bytes);
    for (uint8_t c = 0; sound && c < 0x80; c++) map->replaces[c] = replacement(map, &c, 1) != NULL;
    if (sound) return map;
    semblance_charsmap_destroy(map);
    return NULL;
}

void semblance_charsmap_destroy(semblance_charsmap *map) {
    free(map->units);
    free(map->replacements);
    free(map);
}
