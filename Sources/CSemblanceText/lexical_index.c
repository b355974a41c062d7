// BM25 over inverted lists whose scores are computed once, when the index is made: X. H. Lù, arXiv:2407.03618.
// N texts, df texts with a term, tf times in a text of l terms:
//     score = ln(1 + (N − df + ½) / (df + ½)) · tf / (tf + k1 (1 − b + b l / mean l))     (Lucene's variant)
#include "semblance_lexical.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "semblance_interner.h"
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

// Counting.

typedef struct {
    uint32_t term, frequency;
} term_count;

struct semblance_lexical_counts {
    bool english;
    semblance_words words;
    semblance_interner *terms, *surfaces;
    uint32_t *term_of; // surface → term + 1, or 0 for a stop word
    size_t *latest;    // term → its latest count's position + 1
    term_count *counts;
    size_t *ends;      // text → where its counts end
    uint32_t *lengths; // text → how many terms it has, repeated ones counted
    size_t term_of_capacity, latest_capacity, count, capacity, texts, end_capacity, length_capacity;
};

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
            c->counts[c->count++] = (term_count){term, 0};
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

// The index.

struct semblance_lexical_index {
    bool english;
    semblance_interner *terms;
    size_t texts;
    size_t *starts; // term → where its list begins in texts_of and scores; one more at the end
    uint32_t *texts_of;
    float *scores;
};

/// Counts each term's texts and lays out the lists; returns each run's terms numbered for the whole index.
static uint32_t **join(semblance_lexical_index *index, semblance_lexical_counts *const *runs, size_t count) {
    uint32_t **numbers = semblance_allocate(count, sizeof *numbers);
    for (size_t r = 0; r < count; r++) {
        size_t terms = semblance_interner_count(runs[r]->terms);
        numbers[r] = semblance_allocate(terms, sizeof **numbers);
        for (size_t t = 0; t < terms; t++) {
            size_t length;
            const uint8_t *bytes = semblance_interner_bytes(runs[r]->terms, (int32_t)t, &length);
            numbers[r][t] = number_of(index->terms, bytes, length);
        }
    }
    size_t terms = semblance_interner_count(index->terms);
    index->starts = semblance_allocate(terms + 1, sizeof *index->starts);
    for (size_t r = 0; r < count; r++) {
        for (size_t i = 0; i < runs[r]->count; i++) index->starts[numbers[r][runs[r]->counts[i].term] + 1]++;
    }
    for (size_t t = 0; t < terms; t++) index->starts[t + 1] += index->starts[t];
    return numbers;
}

semblance_lexical_index *semblance_lexical_index_create(
    semblance_lexical_counts *const *runs, size_t count, bool english, double k1, double b) {
    semblance_lexical_index *index = semblance_allocate(1, sizeof *index);
    index->english = english;
    index->terms = interner();
    double total = 0;
    for (size_t r = 0; r < count; r++) {
        for (size_t i = 0; i < runs[r]->texts; i++) total += runs[r]->lengths[i];
        index->texts += runs[r]->texts;
    }
    double mean = index->texts ? total / (double)index->texts : 0;
    uint32_t **numbers = join(index, runs, count);
    size_t terms = semblance_interner_count(index->terms), postings = index->starts[terms];
    index->texts_of = semblance_allocate(postings, sizeof *index->texts_of);
    index->scores = semblance_allocate(postings, sizeof *index->scores);

    size_t *next = semblance_allocate(terms, sizeof *next);
    double *weight = semblance_allocate(terms, sizeof *weight);
    for (size_t t = 0; t < terms; t++) {
        double df = (double)(index->starts[t + 1] - index->starts[t]);
        weight[t] = log(1 + ((double)index->texts - df + 0.5) / (df + 0.5));
        next[t] = index->starts[t];
    }
    uint32_t text = 0;
    for (size_t r = 0; r < count; r++) {
        size_t at = 0;
        for (size_t i = 0; i < runs[r]->texts; i++, text++) {
            double slow = k1 * (1 - b + b * runs[r]->lengths[i] / mean);
            for (; at < runs[r]->ends[i]; at++) {
                uint32_t term = numbers[r][runs[r]->counts[at].term];
                double frequency = runs[r]->counts[at].frequency;
                index->texts_of[next[term]] = text;
                index->scores[next[term]++] = (float)(weight[term] * frequency / (frequency + slow));
            }
        }
        free(numbers[r]);
    }
    free(numbers);
    free(next);
    free(weight);
    return index;
}

void semblance_lexical_index_destroy(semblance_lexical_index *index) {
    semblance_interner_destroy(index->terms);
    free(index->starts);
    free(index->texts_of);
    free(index->scores);
    free(index);
}

// Searching.

enum { BLOCK = 4096 }; // texts whose scores are added up at a time: they stay in the L1 cache

typedef struct {
    size_t at, end; // what is left of the term's list
    float times;    // how often the query names the term
} cursor;

struct semblance_lexical_search {
    semblance_words words;
    uint32_t *terms;
    cursor *cursors;
    size_t term_capacity, cursor_capacity;
    float scores[BLOCK];
};

semblance_lexical_search *semblance_lexical_search_create(void) {
    return semblance_allocate(1, sizeof(semblance_lexical_search));
}

void semblance_lexical_search_destroy(semblance_lexical_search *search) {
    semblance_words_free(&search->words);
    free(search->terms);
    free(search->cursors);
    free(search);
}

static int by_number(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/// A cursor for each term of the query that the index has, in the order of their numbers; returns how many.
static size_t set_cursors(
    semblance_lexical_search *s, const semblance_lexical_index *index, const uint8_t *query, size_t count) {
    semblance_words *w = &s->words;
    size_t terms = 0, cursors = 0;
    semblance_words_begin(w, query, count);
    while (semblance_words_next(w)) {
        if (index->english) {
            if (semblance_english_is_stop_word(w->word, w->count)) continue;
            w->count = semblance_english_stem(w->word, w->count, w->scratch);
        }
        int32_t term = semblance_interner_find(index->terms, w->word, w->count);
        if (term < 0) continue;
        s->terms = semblance_grow(s->terms, terms + 1, &s->term_capacity, sizeof *s->terms);
        s->terms[terms++] = (uint32_t)term;
    }
    if (terms > 0) qsort(s->terms, terms, sizeof *s->terms, by_number);
    for (size_t i = 0; i < terms; i++) {
        uint32_t term = s->terms[i];
        if (i > 0 && term == s->terms[i - 1]) {
            s->cursors[cursors - 1].times++;
            continue;
        }
        s->cursors = semblance_grow(s->cursors, cursors + 1, &s->cursor_capacity, sizeof *s->cursors);
        s->cursors[cursors++] = (cursor){index->starts[term], index->starts[term + 1], 1};
    }
    return cursors;
}

static bool is_worse(semblance_lexical_hit left, semblance_lexical_hit right) {
    return left.score < right.score || (left.score == right.score && left.text > right.text);
}

/// Moves `hit` down from the top of a heap of `count` whose top is the worst.
static void sift(semblance_lexical_hit *heap, size_t count, semblance_lexical_hit hit) {
    size_t at = 0;
    for (size_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && is_worse(heap[child + 1], heap[child])) child++;
        if (!is_worse(heap[child], hit)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = hit;
}

static void push(semblance_lexical_hit *heap, size_t count, semblance_lexical_hit hit) {
    size_t at = count;
    for (; at > 0 && is_worse(hit, heap[(at - 1) / 2]); at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = hit;
}

/// The block of the first text that is left in any list; the end of the texts if there is none.
static size_t next_block(const semblance_lexical_search *s, const semblance_lexical_index *index, size_t cursors) {
    size_t first = SIZE_MAX;
    for (const cursor *c = s->cursors; c < s->cursors + cursors; c++) {
        if (c->at < c->end && index->texts_of[c->at] < first) first = index->texts_of[c->at];
    }
    return first == SIZE_MAX ? index->texts : first / BLOCK * BLOCK;
}

static bool any_above(const float *scores, size_t count, float bar) {
    int any = 0;
    for (size_t i = 0; i < count; i++) any |= scores[i] > bar;
    return any;
}

size_t semblance_lexical_search_run(
    semblance_lexical_search *s, const semblance_lexical_index *index, const uint8_t *query, size_t count,
    size_t wanted, semblance_lexical_hit *hits) {
    enum { RUN = 64 };
    size_t cursors = set_cursors(s, index, query, count), found = 0;
    if (wanted == 0) return 0;
    for (size_t base; (base = next_block(s, index, cursors)) < index->texts;) {
        size_t size = index->texts - base < BLOCK ? index->texts - base : BLOCK;
        memset(s->scores, 0, sizeof s->scores);
        for (cursor *c = s->cursors; c < s->cursors + cursors; c++) {
            size_t at = c->at;
            for (; at < c->end && index->texts_of[at] < base + size; at++) {
                s->scores[index->texts_of[at] - base] += c->times * index->scores[at];
            }
            c->at = at;
        }
        for (size_t run = 0; run < size; run += RUN) {
            float bar = found < wanted ? 0 : hits[0].score;
            if (!any_above(s->scores + run, RUN, bar)) continue;
            for (size_t i = run; i < run + RUN && i < size; i++) {
                semblance_lexical_hit hit = {(uint32_t)(base + i), s->scores[i]};
                if (found < wanted && hit.score > 0) push(hits, found++, hit);
                else if (found == wanted && hit.score > hits[0].score) sift(hits, found, hit);
            }
        }
    }
    for (size_t left = found; left > 1; left--) {
        semblance_lexical_hit worst = hits[0];
        sift(hits, left - 1, hits[left - 1]);
        hits[left - 1] = worst;
    }
    return found;
}
