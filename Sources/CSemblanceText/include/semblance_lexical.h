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

// Counting.

/// The terms of a run of texts, counted text by text; runs are counted in parallel.
typedef struct semblance_lexical_counts semblance_lexical_counts;

/// With `english`, stop words are left out and words are stemmed.
semblance_lexical_counts *_Nonnull semblance_lexical_counts_create(bool english);

void semblance_lexical_counts_add(
    semblance_lexical_counts *_Nonnull counts, const uint8_t *_Nullable text, size_t count
);

void semblance_lexical_counts_destroy(semblance_lexical_counts *_Nonnull counts);

// Segments: inverted lists over some texts, that never change. Threads may share them.

/// A segment's arrays, all of them in one block of bytes (Docs/Lexical.md); the block outlives this value.
typedef struct {
    uint32_t texts, terms, buckets;
    bool english;
    uint64_t postings;
    const uint64_t *_Nonnull starts, *_Nonnull word_starts, *_Nonnull table;
    const uint32_t *_Nonnull numbers, *_Nonnull lengths, *_Nonnull slots, *_Nonnull frequencies;
    const uint8_t *_Nonnull letters;
} semblance_lexical_segment;

/// Texts that were removed from a segment: a bit for each slot, and how many of them each term had. Or none, as NULL.
typedef struct {
    const semblance_lexical_segment *_Nonnull segment;
    const uint64_t *_Nullable removed;
    const uint32_t *_Nullable removed_postings;
} semblance_lexical_part;

/// The bytes of a segment over the counted texts, whose numbers ascend; for `free`. Sets their count.
///
/// Eight bytes at 8 are for a checksum, which is the caller's matter.
void *_Nonnull semblance_lexical_segment_create(
    const semblance_lexical_counts *_Nonnull counts, const uint32_t *_Nullable numbers, size_t *_Nonnull size
);

/// Whether two texts that are left in any of the parts have one number.
bool semblance_lexical_parts_share_number(const semblance_lexical_part *_Nonnull parts, size_t count);

/// The bytes of a segment over all texts that are left in the parts; NULL if two have one number.
///
/// The parts agree in `english`. Linear in the postings; O(n log n) in the texts where numbers of the parts interleave.
void *_Nullable semblance_lexical_segment_merge(
    const semblance_lexical_part *_Nonnull parts, size_t count, bool english, size_t *_Nonnull size
);

/// The segment in bytes that are known to hold one, at an address that 8 divides.
semblance_lexical_segment semblance_lexical_segment_view(const void *_Nonnull bytes);

/// What keeps these bytes, at an address that 8 divides, from being a segment; NULL if nothing. Linear, without memory.
const char *_Nullable semblance_lexical_segment_check(const void *_Nullable bytes, size_t count);

/// The slot of a number, -1 if the segment doesn't have it.
int64_t semblance_lexical_segment_find(const semblance_lexical_segment *_Nonnull segment, uint32_t number);

/// Whether a slot was made from a text of these terms, the counts' text number `text`.
bool semblance_lexical_segment_matches(
    const semblance_lexical_segment *_Nonnull segment, uint32_t slot,
    const semblance_lexical_counts *_Nonnull counts, size_t text
);

/// Adds 1 for each term of a text that matches a slot.
void semblance_lexical_segment_count_removed(
    const semblance_lexical_segment *_Nonnull segment, const semblance_lexical_counts *_Nonnull counts, size_t text,
    uint32_t *_Nonnull removed_postings
);

/// The same for all slots whose bit is set, from the lists; linear in the postings.
void semblance_lexical_segment_count_all_removed(
    const semblance_lexical_segment *_Nonnull segment, const uint64_t *_Nonnull removed,
    uint32_t *_Nonnull removed_postings
);

/// How many terms the texts have whose bit is not set, repeated ones counted.
uint64_t semblance_lexical_segment_length(
    const semblance_lexical_segment *_Nonnull segment, const uint64_t *_Nullable removed
);

// Searching.

typedef struct {
    uint32_t number;
    float score;
} semblance_lexical_hit;

/// What scores depend on beside the lists: all texts that are left, their terms, and the weights.
typedef struct {
    uint64_t texts, length;
    double k1, b;
    bool english;
} semblance_lexical_statistics;

/// What one thread's searches need, kept from query to query.
typedef struct semblance_lexical_search semblance_lexical_search;

semblance_lexical_search *_Nonnull semblance_lexical_search_create(void);

void semblance_lexical_search_destroy(semblance_lexical_search *_Nonnull search);

/// Writes up to `wanted` texts that share a term with the query, best first, equal scores by number; returns how many.
///
/// Numbers whose bit in `allowed` is not set, or that lie beyond its words, are no hits; NULL allows all.
/// O(postings of the query's terms + texts), and O(log wanted) for each text that enters the best.
size_t semblance_lexical_search_run(
    semblance_lexical_search *_Nonnull search, const semblance_lexical_part *_Nullable parts, size_t count,
    const semblance_lexical_statistics *_Nonnull statistics, const uint8_t *_Nullable query, size_t query_count,
    const uint64_t *_Nullable allowed, size_t allowed_words, size_t wanted, semblance_lexical_hit *_Nonnull hits
);

#endif
