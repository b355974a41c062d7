#include "forms.h"

#include <string.h>

#include "properties.h"
#include "unicode.h"

enum { SYLLABLES = 0xAC00, LEADS = 0x1100, VOWELS = 0x1161, TAILS = 0x11A7 };
enum { LEAD_COUNT = 19, VOWEL_COUNT = 21, TAIL_COUNT = 28, SYLLABLE_COUNT = LEAD_COUNT * VOWEL_COUNT * TAIL_COUNT };

static bool composes(semblance_form form) { return form == SEMBLANCE_NFC || form == SEMBLANCE_NFKC; }

static bool is_compatible(semblance_form form) { return form == SEMBLANCE_NFKD || form == SEMBLANCE_NFKC; }

/// Whether a scalar stays, no mark goes before it, and nothing before it is composed with it.
static bool is_stable(semblance_form form, uint32_t scalar) {
    uint16_t properties = semblance_properties(scalar);
    if (is_compatible(form) && (properties & SEMBLANCE_COMPATIBLE)) return false;
    if (composes(form)) return !(properties & SEMBLANCE_UNSTABLE);
    const semblance_scalar_record *record = semblance_scalar(scalar);
    return !record->combining && !record->decomposition_count && scalar - SYLLABLES >= SYLLABLE_COUNT;
}

// Decomposition.

static void put(uint32_t scalar, semblance_normalized *work) {
    work->marks =
        semblance_grow(work->marks, work->mark_count + 1, &work->mark_capacity, sizeof(semblance_mark));
    work->marks[work->mark_count++] = (semblance_mark){scalar, semblance_scalar(scalar)->combining};
}

static const semblance_compatibility *find_compatibility(uint32_t scalar) {
    size_t low = 0, high = semblance_compatibility_count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (semblance_compatibilities[middle].scalar <= scalar) low = middle;
        else high = middle;
    }
    return &semblance_compatibilities[low];
}

static void decompose(semblance_form form, uint32_t scalar, semblance_normalized *work) {
    const semblance_scalar_record *record = semblance_scalar(scalar);
    uint32_t syllable = scalar - SYLLABLES;
    if (is_compatible(form) && (semblance_properties(scalar) & SEMBLANCE_COMPATIBLE)) {
        const semblance_compatibility *found = find_compatibility(scalar);
        for (size_t i = 0; i < found->count; i++) put(semblance_compatibility_pool[found->start + i], work);
    } else if (record->decomposition_count) {
        for (size_t i = 0; i < record->decomposition_count; i++)
            put(semblance_scalar_pool[record->decomposition_start + i], work);
    } else if (syllable < SYLLABLE_COUNT) {
        put(LEADS + syllable / (VOWEL_COUNT * TAIL_COUNT), work);
        put(VOWELS + syllable / TAIL_COUNT % VOWEL_COUNT, work);
        if (syllable % TAIL_COUNT) put(TAILS + syllable % TAIL_COUNT, work);
    } else {
        put(scalar, work);
    }
}

/// Sorts each run of marks by combining class; equal ones stay in order. Counting keeps it linear.
static void sort_marks(semblance_normalized *work) {
    size_t count = work->mark_count;
    work->marks = semblance_grow(work->marks, 2 * count, &work->mark_capacity, sizeof(semblance_mark));
    for (size_t first = 0, last; first < count; first = last + 1) {
        bool sorted = true;
        for (last = first; last < count && work->marks[last].combining; last++)
            sorted = sorted && (last == first || work->marks[last - 1].combining <= work->marks[last].combining);
        if (sorted) continue;
        size_t starts[257] = {0};
        semblance_mark *run = work->marks + first, *copy = work->marks + count;
        memcpy(copy, run, (last - first) * sizeof(semblance_mark));
        for (size_t i = 0; i < last - first; i++) starts[copy[i].combining + 1]++;
        for (size_t i = 0; i < 256; i++) starts[i + 1] += starts[i];
        for (size_t i = 0; i < last - first; i++) run[starts[copy[i].combining]++] = copy[i];
    }
}

// Composition.

/// What two scalars are composed to, or 0.
static uint32_t compose(uint32_t first, uint32_t second) {
    if (first - LEADS < LEAD_COUNT && second - VOWELS < VOWEL_COUNT)
        return SYLLABLES + ((first - LEADS) * VOWEL_COUNT + second - VOWELS) * TAIL_COUNT;
    if (first - SYLLABLES < SYLLABLE_COUNT && (first - SYLLABLES) % TAIL_COUNT == 0 && second - TAILS - 1 < TAIL_COUNT - 1)
        return first + second - TAILS;
    size_t low = 0, high = semblance_composition_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const semblance_composition *at = &semblance_compositions[middle];
        if (at->first == first && at->second == second) return at->whole;
        if (at->first < first || (at->first == first && at->second < second)) low = middle + 1;
        else high = middle;
    }
    return 0;
}

/// Composes each starter with what follows it, unless something of the same or a higher class stands between.
static void compose_marks(semblance_normalized *work) {
    semblance_mark *marks = work->marks;
    size_t kept = 0, starter = SIZE_MAX;
    for (size_t i = 0; i < work->mark_count; i++) {
        semblance_mark at = marks[i];
        bool adjacent = starter != SIZE_MAX && kept == starter + 1;
        bool free = adjacent || (starter != SIZE_MAX && marks[kept - 1].combining < at.combining);
        uint32_t whole = free && (semblance_properties(at.scalar) & SEMBLANCE_COMPOSES)
                             ? compose(marks[starter].scalar, at.scalar)
                             : 0;
        if (whole) {
            marks[starter].scalar = whole;
            continue;
        }
        if (at.combining == 0) starter = kept;
        marks[kept++] = at;
    }
    work->mark_count = kept;
}

// Stretches.

void semblance_form_append(
    semblance_form form, const uint8_t *text, size_t count, semblance_normalized *work, semblance_bytes *out) {
    const uint8_t *p = text, *end = text + count;
    uint32_t scalar = 0;
    size_t length = 0;
    while (p < end) {
        // What is stable is copied, but for the last scalar before others: they may be composed with it.
        const uint8_t *last = p, *at = p;
        for (; at < end; at += length) {
            if (*at < 0x80) {
                length = 1;
            } else {
                length = semblance_decode(at, end, &scalar);
                if (!is_stable(form, scalar)) break;
            }
            last = at;
        }
        const uint8_t *copied = at == end ? end : last;
        if (copied > p) {
            memcpy(semblance_bytes_reserve(out, (size_t)(copied - p)), p, (size_t)(copied - p));
            out->count += (size_t)(copied - p);
        }
        work->mark_count = 0;
        for (p = copied; p < end; p += length) {
            length = semblance_decode(p, end, &scalar);
            if (p >= at && is_stable(form, scalar)) break;
            decompose(form, scalar, work);
        }
        sort_marks(work);
        if (composes(form)) compose_marks(work);
        uint8_t *o = semblance_bytes_reserve(out, 4 * work->mark_count);
        for (size_t i = 0; i < work->mark_count; i++) o = semblance_encode(work->marks[i].scalar, o);
        out->count = (size_t)(o - out->bytes);
    }
}
