#include "semblance_passages.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "graphemes.h"
#include "storage.h"
#include "unicode.h"

enum { LONGEST_WORD = 24, LONGEST_GRAPHEME = 64 }; // graphemes, bytes

static bool is_space(uint32_t scalar) {
    return (semblance_scalar(scalar)->flags & (SEMBLANCE_SPACE | SEMBLANCE_BLANK)) != 0;
}

static bool is_ideograph(uint32_t scalar) { return (semblance_scalar(scalar)->flags & SEMBLANCE_IDEOGRAPH) != 0; }

/// Full stops of scripts that put no blank after them.
static bool is_full_stop(uint32_t scalar) {
    return scalar == 0x3002 || scalar == 0xFF01 || scalar == 0xFF1F || scalar == 0xFF61;
}

static bool closes(uint32_t scalar) {
    static const uint32_t marks[] = {'"', '\'', ')', ']', '}', 0xBB, 0x2019, 0x201D, 0x300D, 0x300F, 0x3011, 0xFF09};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (marks[i] == scalar) return true;
    return false;
}

static bool is_one_of(uint32_t scalar, const char *marks) { return scalar < 0x80 && strchr(marks, (int)scalar) && scalar; }

/// Whether the word at `begin` ..< `end` looks like the last one of a sentence: it has a full stop, which isn't that of
/// an initial.
static bool ends_sentence(const uint8_t *begin, const uint8_t *end) {
    const uint8_t *last = end;
    uint32_t scalar = 0;
    while (last > begin) {
        last = semblance_previous(last, begin);
        semblance_decode(last, end, &scalar);
        if (!closes(scalar)) break;
    }
    if (is_full_stop(scalar) || is_one_of(scalar, "!?") || scalar == 0x2026 || scalar == 0x964 || scalar == 0x6D4)
        return true;
    bool is_initial = last - begin == 1 && *begin >= 'A' && *begin <= 'Z';
    return scalar == '.' && !is_initial;
}

/// The end of the grapheme at `p`; of one of very many scalars, the end of a scalar in it.
static const uint8_t *grapheme_end(const uint8_t *p, const uint8_t *end) {
    if (p[0] < 0x80 && (p + 1 == end || p[1] < 0x80)) return p + 1;
    const uint8_t *near = p;
    uint32_t scalar;
    while (near < end && near - p < LONGEST_GRAPHEME) near += semblance_decode(near, end, &scalar);
    return semblance_grapheme_end(p, near);
}

/// Passes white space; counts what ends lines in it.
static const uint8_t *pass_space(const uint8_t *p, const uint8_t *end, size_t *lines) {
    *lines = 0;
    while (p < end) {
        uint32_t scalar;
        size_t length = semblance_decode(p, end, &scalar);
        if (!is_space(scalar)) break;
        bool is_pair = scalar == '\r' && p + 1 < end && p[1] == '\n';
        if ((is_one_of(scalar, "\n\v\f\r") && !is_pair) || scalar == 0x85 || scalar == 0x2028) *lines += 1;
        if (scalar == 0x2029) *lines += 2;
        p += length;
    }
    return p;
}

void semblance_text_units_read(semblance_text_units *units, const uint8_t *text, size_t count) {
    if (count == 0) return;
    const uint8_t *end = text + count;
    size_t lines;
    const uint8_t *next = pass_space(text, end, &lines);
    while (next < end) {
        const uint8_t *begin = next;
        bool ends_here = false; // a word without white space after it
        for (size_t graphemes = 0; next < end && graphemes < LONGEST_WORD && !ends_here; graphemes++) {
            uint32_t scalar;
            semblance_decode(next, end, &scalar);
            if (is_space(scalar)) break;
            if (is_ideograph(scalar) && graphemes > 0) {
                ends_here = true;
                break;
            }
            next = grapheme_end(next, end);
            if (is_full_stop(scalar) || is_ideograph(scalar)) {
                // What closes belongs to what it closes, and so does a full stop.
                while (next < end) {
                    semblance_decode(next, end, &scalar);
                    if (!is_full_stop(scalar) && !closes(scalar) && scalar != 0x3001 && scalar != 0xFF0C) break;
                    next = grapheme_end(next, end);
                }
                ends_here = true;
            }
        }
        const uint8_t *word_end = next;
        next = pass_space(next, end, &lines);
        bool is_apart = next > word_end;
        semblance_text_end ends = is_apart || ends_here ? SEMBLANCE_ENDS_WORD : SEMBLANCE_ENDS_NOTHING;
        if (lines == 1) ends = SEMBLANCE_ENDS_LINE;
        bool goes_on = next < end && *next >= 'a' && *next <= 'z';
        if (ends != SEMBLANCE_ENDS_NOTHING && !goes_on && ends_sentence(begin, word_end)) ends = SEMBLANCE_ENDS_SENTENCE;
        if (lines > 1) ends = SEMBLANCE_ENDS_PARAGRAPH;
        units->units = semblance_grow(units->units, units->count + 1, &units->capacity, sizeof *units->units);
        units->units[units->count++] =
            (semblance_text_unit){(size_t)(begin - text), (size_t)(word_end - text), ends};
    }
}

void semblance_text_units_free(semblance_text_units *units) { free(units->units); }

semblance_unit_run semblance_next_run(
    const semblance_text_unit *units, const uint64_t *tokens, size_t count, uint64_t length, uint64_t overlap,
    semblance_unit_run before
) {
    // Back into the run before, where one sentence or at least one word begins; but the next unit must fit.
    size_t first = before.end, best = before.end;
    while (first > before.first + 1 && tokens[before.end] - tokens[first - 1] <= overlap
           && tokens[before.end + 1] - tokens[first - 1] <= length) {
        first--;
        bool is_enough = 2 * (tokens[before.end] - tokens[first]) >= overlap;
        if (best == before.end || !is_enough || units[first - 1].ends >= units[best - 1].ends) best = first;
    }
    first = best;

    size_t end = before.end + 1;
    while (end < count && tokens[end + 1] - tokens[first] <= length) end++;
    if (end == count) return (semblance_unit_run){first, end};
    size_t cut = end;
    for (size_t at = end; at > before.end + 1 && 3 * (tokens[at - 1] - tokens[first]) >= 2 * length;) {
        at--;
        if (units[at - 1].ends > units[cut - 1].ends) cut = at;
    }
    return (semblance_unit_run){first, cut};
}
