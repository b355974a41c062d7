// Where a text has the words of a query, as the lexical index reads words. Texts are valid UTF-8.
#ifndef SEMBLANCE_HIGHLIGHTS_H
#define SEMBLANCE_HIGHLIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A word of a text: bytes `begin` ..< `end`, scalars `scalar` ..< `scalar` + `scalars`; which of the query's terms it is.
typedef struct {
    size_t begin, end, scalar, scalars;
    uint32_t term;
} semblance_word_place;

typedef struct {
    semblance_word_place *_Nullable places;
    size_t count, capacity;
    size_t terms;   // different terms of the query
    size_t scalars; // of the text
} semblance_word_places;

/// The words of a text that the query has too, into a list that is zeroed at first. With `english`, stop words match
/// nothing and words match by their stems. Linear in both.
void semblance_word_places_find(
    semblance_word_places *_Nonnull found, const uint8_t *_Nullable query, size_t query_count,
    const uint8_t *_Nullable text, size_t count, bool english
);

void semblance_word_places_free(semblance_word_places *_Nonnull found);

typedef struct {
    size_t begin, end;
} semblance_byte_range;

/// The part of the text, of about `length` scalars at most, that has the most different terms; of equals the one with
/// the most words found, then the first one. Cut at white space where there is some. Linear in the text.
semblance_byte_range semblance_best_snippet(
    const semblance_word_places *_Nonnull found, const uint8_t *_Nullable text, size_t count, size_t length
);

#endif
