// The words of a text, and the English stop words.
#include "semblance_lexical.h"

#include <stdlib.h>
#include <string.h>

#include "lexical_unicode.h"
#include "storage.h"
#include "unicode.h"

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
            words->next += semblance_decode(words->next, words->end, &last);
            uint32_t small = lowercase(last);
            if (small == 0) break;
            if (words->count + 4 > words->capacity) {
                size_t both = 2 * words->capacity;
                words->word = semblance_grow(words->word, both + 64, &both, 1);
                words->capacity = both / 2;
                words->scratch = words->word + words->capacity;
            }
            if (last == CAPITAL_SIGMA && characters > 0) {
                uint32_t after = 0;
                if (words->next < words->end) semblance_decode(words->next, words->end, &after);
                if (lowercase(after) == 0) small = FINAL_SIGMA;
            }
            words->count = (size_t)(semblance_encode(small, words->word + words->count) - words->word);
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
