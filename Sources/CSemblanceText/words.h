// BERT's pre-tokenizer: words lie between white space, and each punctuation mark is a word.
#ifndef SEMBLANCE_WORDS_H
#define SEMBLANCE_WORDS_H

#include "unicode.h"

enum { SEMBLANCE_IN_WORD = 0, SEMBLANCE_IS_SPACE = 1, SEMBLANCE_IS_PUNCTUATION = 2, SEMBLANCE_IS_WIDE = 3 };

/// For each byte, what it is, or that it takes more bytes to tell.
extern const uint8_t semblance_byte_classes[256];

static inline int semblance_class_of(const semblance_scalar_record *record) {
    return record->flags & SEMBLANCE_SPACE         ? SEMBLANCE_IS_SPACE
           : record->flags & SEMBLANCE_PUNCTUATION ? SEMBLANCE_IS_PUNCTUATION
                                                   : SEMBLANCE_IN_WORD;
}

/// What stands at `p`, and how many bytes it has.
static inline int semblance_class_at(const uint8_t *p, const uint8_t *end, size_t *length) {
    int class = semblance_byte_classes[*p];
    *length = 1;
    if (class != SEMBLANCE_IS_WIDE) return class;
    uint32_t scalar;
    *length = semblance_decode(p, end, &scalar);
    return semblance_class_of(semblance_scalar(scalar));
}

/// The first word at or after `*p`: sets `*p` to its beginning and returns its end, or NULL if there is none.
static inline const uint8_t *semblance_next_word(const uint8_t **p, const uint8_t *end) {
    const uint8_t *at = *p;
    size_t length;
    while (at < end) {
        int class = semblance_class_at(at, end, &length);
        if (class == SEMBLANCE_IS_SPACE) {
            at += length;
            continue;
        }
        *p = at;
        at += length;
        if (class == SEMBLANCE_IS_PUNCTUATION) return at;
        while (at < end && semblance_class_at(at, end, &length) == SEMBLANCE_IN_WORD) at += length;
        return at;
    }
    return NULL;
}

#endif
