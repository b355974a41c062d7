// BM25 over segments. N texts that are left, df of them with a term, tf times in a text of l terms:
//     score = ln(1 + (N − df + ½) / (df + ½)) · tf / (tf + k1 (1 − b + b l / mean l))     (Lucene's variant)
// All of it is computed here from whole numbers, and a text's sum runs over the query's terms from the heaviest to the
// lightest, so that scores don't depend on how texts are spread over segments.
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lexical_segment.h"
#include "storage.h"

#pragma STDC FP_CONTRACT OFF // the same scores on every CPU

enum {
    BLOCK = 4096, // texts whose scores are added up at a time: they stay in the L1 cache
    RUN = 64,     // texts that are compared with the worst hit at a time
};

/// A distinct term of the query.
typedef struct {
    uint32_t hash;
    size_t start, count; // its letters
    size_t place;        // among the query's terms
    float weight;
} query_term;

/// A term's list in one segment.
typedef struct {
    uint64_t at, end; // what is left of it
    float weight;
} cursor;

struct semblance_lexical_search {
    semblance_words words;
    semblance_bytes letters;
    query_term *terms;
    int64_t *numbers; // term's place, part → the term's number there, or -1
    cursor *cursors;
    size_t term_capacity, number_capacity, cursor_capacity;
    float scores[BLOCK];
};

semblance_lexical_search *semblance_lexical_search_create(void) {
    return semblance_allocate(1, sizeof(semblance_lexical_search));
}

void semblance_lexical_search_destroy(semblance_lexical_search *search) {
    semblance_words_free(&search->words);
    free(search->letters.bytes);
    free(search->terms);
    free(search->numbers);
    free(search->cursors);
    free(search);
}

// Reading the query.

static int by_hash(const void *left, const void *right) {
    const query_term *a = left, *b = right;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    return (a->start > b->start) - (a->start < b->start);
}

static int by_weight(const void *left, const void *right) {
    const query_term *a = left, *b = right;
    return a->weight != b->weight ? (a->weight > b->weight ? -1 : 1) : by_hash(left, right);
}

/// Collects the query's distinct terms, with how often it names each for a weight; returns how many.
static size_t read_query(semblance_lexical_search *s, const uint8_t *query, size_t count, bool english) {
    semblance_words *w = &s->words;
    size_t words = 0, terms = 0;
    s->letters.count = 0;
    semblance_words_begin(w, query, count);
    while (semblance_words_next(w)) {
        if (english) {
            if (semblance_english_is_stop_word(w->word, w->count)) continue;
            w->count = semblance_english_stem(w->word, w->count, w->scratch);
        }
        memcpy(semblance_bytes_reserve(&s->letters, w->count), w->word, w->count);
        s->terms = semblance_grow(s->terms, words + 1, &s->term_capacity, sizeof *s->terms);
        s->terms[words++] = (query_term){semblance_lexical_hash(w->word, w->count), s->letters.count, w->count, 0, 1};
        s->letters.count += w->count;
    }
    if (words > 1) qsort(s->terms, words, sizeof *s->terms, by_hash);
    for (size_t i = 0; i < words; i++) {
        query_term word = s->terms[i];
        const uint8_t *letters = s->letters.bytes + word.start;
        size_t same = terms;
        for (; same > 0 && s->terms[same - 1].hash == word.hash; same--) {
            query_term term = s->terms[same - 1];
            if (term.count == word.count && memcmp(s->letters.bytes + term.start, letters, word.count) == 0) break;
        }
        if (same > 0 && s->terms[same - 1].hash == word.hash) s->terms[same - 1].weight++;
        else s->terms[terms++] = word;
    }
    return terms;
}

/// Looks the terms up in every part and weighs them; those that no text has are left out. Returns how many stay.
static size_t weigh(
    semblance_lexical_search *s, size_t terms, const semblance_lexical_part *parts, size_t count,
    const semblance_lexical_statistics *statistics) {
    size_t known = 0;
    s->numbers = semblance_grow(s->numbers, terms * count, &s->number_capacity, sizeof *s->numbers);
    for (size_t i = 0; i < terms; i++) {
        query_term term = s->terms[i];
        int64_t *numbers = s->numbers + known * count;
        uint64_t texts = 0;
        for (size_t p = 0; p < count; p++) {
            const semblance_lexical_segment *segment = parts[p].segment;
            numbers[p] = semblance_lexical_term(segment, term.hash, s->letters.bytes + term.start, term.count);
            if (numbers[p] < 0) continue;
            texts += segment->starts[numbers[p] + 1] - segment->starts[numbers[p]];
            if (parts[p].removed_postings) texts -= parts[p].removed_postings[numbers[p]];
        }
        if (texts == 0) continue;
        double with = (double)texts, all = (double)statistics->texts;
        term.weight = (float)(term.weight * log(1 + (all - with + 0.5) / (with + 0.5)));
        term.place = known;
        s->terms[known++] = term;
    }
    if (known > 1) qsort(s->terms, known, sizeof *s->terms, by_weight);
    return known;
}

// The best hits: a heap whose top is the worst.

static bool is_worse(semblance_lexical_hit left, semblance_lexical_hit right) {
    return left.score < right.score || (left.score == right.score && left.number > right.number);
}

/// Moves `hit` down from the top of a heap of `count`.
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

typedef struct {
    semblance_lexical_hit *heap;
    size_t found, wanted;
    const uint64_t *allowed;
    size_t allowed_words;
} best;

static void offer(best *best, const semblance_lexical_part *part, uint32_t slot, float score) {
    if (part->removed && semblance_bit(part->removed, slot)) return;
    semblance_lexical_hit hit = {part->segment->numbers[slot], score};
    if (best->found == best->wanted && !is_worse(best->heap[0], hit)) return;
    if (best->allowed && (hit.number / 64 >= best->allowed_words || !semblance_bit(best->allowed, hit.number))) return;
    if (best->found < best->wanted) push(best->heap, best->found++, hit);
    else sift(best->heap, best->found, hit);
}

// Scoring.

/// What a text's length does to its scores: tf + constant + slope · l is what tf is divided by.
typedef struct {
    float constant, slope;
} dampening;

/// Adds a term's scores to those of the block that begins at text `base`.
static void add_scores(
    float *scores, const uint32_t *slots, const uint32_t *frequencies, size_t count, const uint32_t *lengths,
    uint32_t base, float weight, dampening d) {
    enum { PIECE = 64 };
    for (size_t start = 0; start < count; start += PIECE) {
        size_t size = count - start < PIECE ? count - start : PIECE;
        float gains[PIECE];
        for (size_t i = 0; i < size; i++) {
            float frequency = (float)(int32_t)frequencies[start + i];
            float length = (float)(int32_t)lengths[slots[start + i]];
            gains[i] = weight * (frequency / (frequency + (d.constant + d.slope * length)));
        }
        for (size_t i = 0; i < size; i++) scores[slots[start + i] - base] += gains[i];
    }
}

/// Where, from `at` on, the first slot from `limit` on is.
static uint64_t first_from(const uint32_t *slots, uint64_t at, uint64_t end, uint64_t limit) {
    uint64_t step = 1;
    while (at + step < end && slots[at + step] < limit) {
        at += step;
        step *= 2;
    }
    uint64_t high = at + step < end ? at + step : end;
    while (at < high) {
        uint64_t middle = at + (high - at) / 2;
        if (slots[middle] < limit) at = middle + 1;
        else high = middle;
    }
    return at;
}

static bool any_from(const float *scores, size_t count, float bar) {
    int any = 0;
    for (size_t i = 0; i < count; i++) any |= scores[i] >= bar;
    return any;
}

/// Offers the texts of one part that have any of the terms.
static void search_part(
    semblance_lexical_search *s, const semblance_lexical_part *part, size_t cursors, dampening d, best *best) {
    const semblance_lexical_segment *segment = part->segment;
    for (;;) {
        uint64_t first = UINT64_MAX;
        for (const cursor *c = s->cursors; c < s->cursors + cursors; c++) {
            if (c->at < c->end && segment->slots[c->at] < first) first = segment->slots[c->at];
        }
        if (first == UINT64_MAX) return;
        uint32_t base = (uint32_t)first / BLOCK * BLOCK;
        size_t size = segment->texts - base < BLOCK ? segment->texts - base : BLOCK;
        size_t runs = (size + RUN - 1) / RUN;
        memset(s->scores, 0, runs * RUN * sizeof *s->scores);
        for (cursor *c = s->cursors; c < s->cursors + cursors; c++) {
            uint64_t end = first_from(segment->slots, c->at, c->end, base + size);
            add_scores(s->scores, segment->slots + c->at, segment->frequencies + c->at, end - c->at, segment->lengths,
                base, c->weight, d);
            c->at = end;
        }
        for (size_t run = 0; run < runs * RUN; run += RUN) {
            float bar = best->found < best->wanted ? FLT_TRUE_MIN : best->heap[0].score;
            if (!any_from(s->scores + run, RUN, bar)) continue;
            for (size_t i = run; i < run + RUN; i++) {
                if (s->scores[i] >= bar) offer(best, part, base + (uint32_t)i, s->scores[i]);
            }
        }
    }
}

size_t semblance_lexical_search_run(
    semblance_lexical_search *s, const semblance_lexical_part *parts, size_t count,
    const semblance_lexical_statistics *statistics, const uint8_t *query, size_t query_count, const uint64_t *allowed,
    size_t allowed_words, size_t wanted, semblance_lexical_hit *hits) {
    if (wanted == 0 || statistics->length == 0) return 0;
    size_t terms = weigh(s, read_query(s, query, query_count, statistics->english), parts, count, statistics);
    double mean = (double)statistics->length / (double)statistics->texts;
    dampening d = {(float)(statistics->k1 * (1 - statistics->b)), (float)(statistics->k1 * statistics->b / mean)};
    best best = {hits, 0, wanted, allowed, allowed_words};
    s->cursors = semblance_grow(s->cursors, terms, &s->cursor_capacity, sizeof *s->cursors);
    for (size_t p = 0; p < count; p++) {
        size_t cursors = 0;
        for (size_t i = 0; i < terms; i++) {
            int64_t number = s->numbers[s->terms[i].place * count + p];
            if (number < 0) continue;
            const uint64_t *starts = parts[p].segment->starts + number;
            s->cursors[cursors++] = (cursor){starts[0], starts[1], s->terms[i].weight};
        }
        if (cursors > 0) search_part(s, &parts[p], cursors, d, &best);
    }
    for (size_t left = best.found; left > 1; left--) {
        semblance_lexical_hit worst = hits[0];
        sift(hits, left - 1, hits[left - 1]);
        hits[left - 1] = worst;
    }
    return best.found;
}
