// The words of a text, and the English stop words.
#include "semblance_lexical.h"

#include <stdlib.h>
#include <string.h>

#include "lexical_unicode.h"


/// The lowercase of a word character, 0 for any other character.
static uint32_t lowercase(uint32_t scalar) {
    if (scalar < 0x80) {
        if ((scalar >= 'a' && scalar <= 'z') || (scalar >= '0' && scalar <= '9') || scalar == '_') return scalar;
        return scalar >= 'A' && scalar <= 'Z' ? scalar + 32 : 0;
    }
    size_t low = 0, high = semblance_word_range_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const semblance_word_range *range = &semblance_word_ranges[middle];
        if (scalar < range->first) high = middle;
        else if (scalar > range->last) low = middle + 1;
        else if (range->lower == STEP) return scalar + ((scalar - range->first) % 2 == 0);
        else return scalar + (uint32_t)range->lower;
    }
    return 0;
}

/// The scalar that begins valid UTF-8; moves past it.
static uint32_t decode(const uint8_t **next) {
    const uint8_t *p = *next;
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    uint32_t scalar = length == 1 ? p[0] : p[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) scalar = scalar << 6 | (p[i] & 0x3F);
    *next = p + length;
    return scalar;
}

static size_t encode(uint32_t scalar, uint8_t *out) {
    if (scalar < 0x80) {
        out[0] = (uint8_t)scalar;
        return 1;
    }
    size_t length = scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, scalar >>= 6) out[i] = (uint8_t)(0x80 | (scalar & 0x3F));
    out[0] = (uint8_t)((0xF00u >> length & 0xFF) | scalar);
    return length;
}

void semblance_words_begin(semblance_words *words, const uint8_t *text, size_t count) {
    words->next = text;
    words->end = text + count;
}

bool semblance_words_next(semblance_words *words) {
    enum { CAPITAL_SIGMA = 0x3A3, FINAL_SIGMA = 0x3C2 };
    while (words->next < words->end) {
        size_t characters = 0;
        uint32_t last = 0;
        words->count = 0;
        while (words->next < words->end) {
            last = decode(&words->next);
            uint32_t small = lowercase(last);
            if (small == 0) break;
            if (words->count + 4 > words->capacity) {
                words->capacity = words->capacity ? 2 * words->capacity : 256;
                words->word = realloc(words->word, 2 * words->capacity);
                if (!words->word) abort();
                words->scratch = words->word + words->capacity;
            }
            if (last == CAPITAL_SIGMA && characters > 0) {
                const uint8_t *after = words->next;
                if (after == words->end || lowercase(decode(&after)) == 0) small = FINAL_SIGMA;
            }
            words->count += encode(small, words->word + words->count);
            characters++;
        }
        if (characters >= 2) return true;
    }
    return false;
}

void semblance_words_free(semblance_words *words) { free(words->word); }

bool semblance_english_is_stop_word(const uint8_t *word, size_t count) {
    static const char *const stops[] = {
        "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not",
        "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was",
        "will", "with",
    };
    if (count > 5) return false;
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        if (strlen(stops[i]) == count && memcmp(stops[i], word, count) == 0) return true;
    }
    return false;
}
