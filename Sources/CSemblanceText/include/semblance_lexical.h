// Words, stems and BM25: the lexical side of retrieval. All texts are valid UTF-8 with their length in bytes.
#ifndef SEMBLANCE_LEXICAL_H
#define SEMBLANCE_LEXICAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Words.

/// Reads one text word by word. A word is a run of two or more letters, numbers and underscores, lowercased.
/// Zero it at first; `word` and as much room again, at `scratch`, are kept from text to text.
typedef struct {
    const uint8_t *_Nullable next, *_Nullable end;
    uint8_t *_Nullable word, *_Nullable scratch;
    size_t count, capacity;
} semblance_words;

void semblance_words_begin(semblance_words *_Nonnull words, const uint8_t *_Nullable text, size_t count);

/// Puts the next word into `word`, of `count` bytes; false at the end of the text. Linear in the text.
bool semblance_words_next(semblance_words *_Nonnull words);

void semblance_words_free(semblance_words *_Nonnull words);

/// Whether an English word is one of the 33 too common to be looked for.
bool semblance_english_is_stop_word(const uint8_t *_Nonnull word, size_t count);

/// Stems a lowercase word in place by Snowball's English algorithm; returns its new length.
///
/// A word never grows. `scratch` has room for `count` bytes. Linear in `count`.
size_t semblance_english_stem(uint8_t *_Nonnull word, size_t count, uint8_t *_Nonnull scratch);

// The index.

/// The terms of a run of texts, counted text by text; runs are counted in parallel and joined by an index.
typedef struct semblance_lexical_counts semblance_lexical_counts;

/// With `english`, stop words are left out and words are stemmed.
semblance_lexical_counts *_Nonnull semblance_lexical_counts_create(bool english);

void semblance_lexical_counts_add(semblance_lexical_counts *_Nonnull counts, const uint8_t *_Nullable text, size_t count);

void semblance_lexical_counts_destroy(semblance_lexical_counts *_Nonnull counts);

/// Inverted lists with a score for each term and text; never changes, so that threads may share it.
typedef struct semblance_lexical_index semblance_lexical_index;

/// The index over all texts of all runs, numbered in their order: fewer than 2³².
semblance_lexical_index *_Nonnull semblance_lexical_index_create(
    semblance_lexical_counts *_Nonnull const *_Nullable runs, size_t count, bool english, double k1, double b
);

void semblance_lexical_index_destroy(semblance_lexical_index *_Nonnull index);

typedef struct {
    uint32_t text;
    float score;
} semblance_lexical_hit;

/// What one thread's searches need, kept from query to query.
typedef struct semblance_lexical_search semblance_lexical_search;

semblance_lexical_search *_Nonnull semblance_lexical_search_create(void);

void semblance_lexical_search_destroy(semblance_lexical_search *_Nonnull search);

/// Writes up to `wanted` texts that share a term with the query, best first, equal scores by number; returns how many.
///
/// O(postings of the query's terms + texts), and O(log wanted) for each text that enters the best.
size_t semblance_lexical_search_run(
    semblance_lexical_search *_Nonnull search, const semblance_lexical_index *_Nonnull index,
    const uint8_t *_Nullable query, size_t count, size_t wanted, semblance_lexical_hit *_Nonnull hits
);

#endif
