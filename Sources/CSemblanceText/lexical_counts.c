// Texts to terms and how often each text has them.
#include "lexical_counts.h"

#include <stdlib.h>

#include "storage.h"

/// Without memory for it the process ends, as it does everywhere in Swift.
static semblance_interner *interner(void) {
    semblance_interner *created = semblance_interner_create();
    if (!created) abort();
    return created;
}

static uint32_t number_of(semblance_interner *strings, const uint8_t *bytes, size_t count) {
    int32_t number = semblance_intern(strings, bytes, count);
    if (number < 0) abort();
    return (uint32_t)number;
}

semblance_lexical_counts *semblance_lexical_counts_create(bool english) {
    semblance_lexical_counts *c = semblance_allocate(1, sizeof *c);
    c->english = english;
    c->terms = interner();
    c->surfaces = interner();
    return c;
}

/// The number of the current word's term + 1, or 0 if it is a stop word.
static uint32_t term_of_word(semblance_lexical_counts *c) {
    semblance_words *w = &c->words;
    if (!c->english) return number_of(c->terms, w->word, w->count) + 1;
    size_t known = semblance_interner_count(c->surfaces);
    uint32_t surface = number_of(c->surfaces, w->word, w->count);
    if (surface == known) {
        c->term_of = semblance_grow(c->term_of, known + 1, &c->term_of_capacity, sizeof *c->term_of);
        if (semblance_english_is_stop_word(w->word, w->count)) {
            c->term_of[surface] = 0;
        } else {
            size_t count = semblance_english_stem(w->word, w->count, w->scratch);
            c->term_of[surface] = number_of(c->terms, w->word, count) + 1;
        }
    }
    return c->term_of[surface];
}

void semblance_lexical_counts_add(semblance_lexical_counts *c, const uint8_t *text, size_t count) {
    size_t start = c->count;
    uint32_t length = 0;
    semblance_words_begin(&c->words, text, count);
    while (semblance_words_next(&c->words)) {
        size_t known = semblance_interner_count(c->terms);
        uint32_t term = term_of_word(c);
        if (term-- == 0) continue;
        c->latest = semblance_grow(c->latest, (size_t)term + 1, &c->latest_capacity, sizeof *c->latest);
        if (term == known) c->latest[term] = 0;
        if (c->latest[term] <= start) {
            c->counts = semblance_grow(c->counts, c->count + 1, &c->capacity, sizeof *c->counts);
            c->counts[c->count++] = (semblance_term_count){term, 0};
            c->latest[term] = c->count;
        }
        c->counts[c->latest[term] - 1].frequency++;
        length++;
    }
    c->ends = semblance_grow(c->ends, c->texts + 1, &c->end_capacity, sizeof *c->ends);
    c->lengths = semblance_grow(c->lengths, c->texts + 1, &c->length_capacity, sizeof *c->lengths);
    c->ends[c->texts] = c->count;
    c->lengths[c->texts++] = length;
}

void semblance_lexical_counts_destroy(semblance_lexical_counts *c) {
    semblance_words_free(&c->words);
    semblance_interner_destroy(c->terms);
    semblance_interner_destroy(c->surfaces);
    free(c->term_of);
    free(c->latest);
    free(c->counts);
    free(c->ends);
    free(c->lengths);
    free(c);
}
