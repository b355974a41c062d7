// The table with which sentencepiece normalises: strings and what replaces them.
#ifndef SEMBLANCE_CHARSMAP_H
#define SEMBLANCE_CHARSMAP_H

#include <stdbool.h>

#include "storage.h"

typedef struct {
    uint32_t *units; // a double-array trie as the library Darts-clone writes it
    size_t unit_count;
    uint8_t *replacements; // each ends in a zero byte
    size_t replacement_count;
    bool replaces[128]; // each scalar of ASCII alone
} semblance_charsmap;

/// Decodes the table from base64; NULL if it is broken.
semblance_charsmap *semblance_charsmap_create(const uint8_t *base64, size_t count);

void semblance_charsmap_destroy(semblance_charsmap *map);

/// Appends a text to `out` with what the map has replaced. Linear in `count`.
void semblance_charsmap_append(
    const semblance_charsmap *map, const uint8_t *text, size_t count, semblance_bytes *out);

#endif
