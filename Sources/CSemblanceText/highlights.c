#include "semblance_highlights.h"

#include <stdlib.h>

#include "lexical_unicode.h"
#include "semblance_interner.h"
#include "semblance_lexical.h"
#include "storage.h"
#include "unicode.h"

/// Whether a scalar is part of a word, as semblance_words has it.
static bool is_word(uint32_t scalar) {
    if (scalar < 0x80) {
        uint32_t small = scalar | 32;
        return (small >= 'a' && small <= 'z') || (scalar >= '0' && scalar <= '9') || scalar == '_';
    }
    size_t low = 0, high = semblance_word_range_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (scalar < semblance_word_ranges[middle].first) high = middle;
        else if (scalar > semblance_word_ranges[middle].last) low = middle + 1;
        else return true;
    }
    return false;
}

/// Words of a text and where they are; `scalar` counts what has been read.
typedef struct {
    const uint8_t *text, *next, *end;
    size_t scalar;
} walk;

static bool next_word(walk *w, semblance_word_place *place) {
    while (w->next < w->end) {
        *place = (semblance_word_place){.begin = (size_t)(w->next - w->text), .scalar = w->scalar};
        while (w->next < w->end) {
            uint32_t scalar;
            size_t length = semblance_decode(w->next, w->end, &scalar);
            bool belongs = is_word(scalar);
            if (!belongs && place->scalars > 0) break;
            w->next += length;
            w->scalar++;
            if (!belongs) break;
            place->scalars++;
        }
        place->end = (size_t)(w->next - w->text);
        if (place->scalars >= 2) return true;
    }
    return false;
}

/// Reads a word into `words` as a term; false for a stop word.
static bool read_term(semblance_words *words, const uint8_t *text, semblance_word_place place, bool english) {
    semblance_words_begin(words, text + place.begin, place.end - place.begin);
    if (!semblance_words_next(words)) return false;
    if (!english) return true;
    if (semblance_english_is_stop_word(words->word, words->count)) return false;
    words->count = semblance_english_stem(words->word, words->count, words->scratch);
    return true;
}

void semblance_word_places_find(
    semblance_word_places *found, const uint8_t *query, size_t query_count, const uint8_t *text, size_t count, bool english
) {
    semblance_words words = {0};
    semblance_interner *terms = semblance_interner_create();
    if (!terms) abort();
    semblance_word_place place;
    if (query_count > 0) {
        walk w = {.text = query, .next = query, .end = query + query_count};
        while (next_word(&w, &place))
            if (read_term(&words, query, place, english) && semblance_intern(terms, words.word, words.count) < 0) abort();
    }
    found->terms = semblance_interner_count(terms);
    if (count > 0) {
        walk w = {.text = text, .next = text, .end = text + count};
        while (next_word(&w, &place)) {
            if (found->terms == 0 || !read_term(&words, text, place, english)) continue;
            int32_t term = semblance_interner_find(terms, words.word, words.count);
            if (term < 0) continue;
            place.term = (uint32_t)term;
            found->places = semblance_grow(found->places, found->count + 1, &found->capacity, sizeof *found->places);
            found->places[found->count++] = place;
        }
        found->scalars = w.scalar;
    }
    semblance_interner_destroy(terms);
    semblance_words_free(&words);
}

void semblance_word_places_free(semblance_word_places *found) { free(found->places); }

/// The first and the one after the last of the places that fit into `length` and are the best.
static semblance_byte_range best_places(const semblance_word_places *found, size_t length) {
    semblance_byte_range best = {0, 0};
    uint32_t *times = semblance_allocate(found->terms, sizeof *times);
    size_t first = 0, different = 0, most = 0;
    for (size_t last = 0; last < found->count; last++) {
        const semblance_word_place *places = found->places;
        different += times[places[last].term]++ == 0;
        while (first < last && places[last].scalar + places[last].scalars - places[first].scalar > length)
            different -= --times[places[first++].term] == 0;
        if (different > most || (different == most && last + 1 - first > best.end - best.begin)) {
            most = different;
            best = (semblance_byte_range){first, last + 1};
        }
    }
    free(times);
    return best;
}

static bool is_space_at(const uint8_t *p, const uint8_t *end) {
    uint32_t scalar;
    semblance_decode(p, end, &scalar);
    return (semblance_scalar(scalar)->flags & (SEMBLANCE_SPACE | SEMBLANCE_BLANK)) != 0;
}

static const uint8_t *after(const uint8_t *p, const uint8_t *end) {
    uint32_t scalar;
    return p + semblance_decode(p, end, &scalar);
}

semblance_byte_range semblance_best_snippet(
    const semblance_word_places *found, const uint8_t *text, size_t count, size_t length
) {
    if (count == 0) return (semblance_byte_range){0, 0};
    const uint8_t *end = text + count, *inner_begin = text, *inner_end = text;
    size_t before = 0, inside = 0; // scalars
    if (found->count > 0) {
        semblance_byte_range best = best_places(found, length);
        const semblance_word_place *first = &found->places[best.begin], *last = &found->places[best.end - 1];
        inner_begin = text + first->begin;
        inner_end = text + last->end;
        before = first->scalar;
        inside = last->scalar + last->scalars - first->scalar;
    }
    size_t left = length > inside ? length - inside : 0, behind = found->scalars - before - inside;
    size_t to_begin = left / 2 > behind ? left - behind : left / 2;
    if (to_begin > before) to_begin = before;
    size_t to_end = left - to_begin < behind ? left - to_begin : behind;

    const uint8_t *begin = inner_begin, *finish = inner_end;
    for (size_t i = 0; i < to_begin; i++) begin = semblance_previous(begin, text);
    for (size_t i = 0; i < to_end; i++) finish = after(finish, end);
    // To the next white space inwards, if there is some and a word is cut.
    if (begin > text && !is_space_at(semblance_previous(begin, text), end)) {
        const uint8_t *space = begin;
        while (space < inner_begin && !is_space_at(space, end)) space = after(space, end);
        if (space < inner_begin) begin = space;
    }
    if (finish < end && !is_space_at(finish, end)) {
        const uint8_t *space = finish;
        while (space > inner_end && !is_space_at(semblance_previous(space, text), end)) space = semblance_previous(space, text);
        if (space > inner_end) finish = space;
    }
    while (begin < inner_begin && is_space_at(begin, end)) begin = after(begin, end);
    while (finish > inner_end && finish > begin && is_space_at(semblance_previous(finish, text), end))
        finish = semblance_previous(finish, text);
    while (begin < finish && is_space_at(begin, end)) begin = after(begin, end);
    return (semblance_byte_range){(size_t)(begin - text), (size_t)(finish - text)};
}
