// The inverted lists of some texts in one block of bytes: made from counts, or from other segments.
#include "lexical_segment.h"

#include <stdlib.h>
#include <string.h>

#include "lexical_counts.h"
#include "storage.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "segments are little-endian");

// The layout: a header, then each array at a multiple of 8.

typedef struct {
    uint8_t magic[8];
    uint64_t checksum; // of what follows; the caller writes it, and checks it
    uint64_t size, postings, letters;
    uint32_t texts, terms, buckets, english;
    uint64_t reserved;
} header;

_Static_assert(sizeof(header) == 64, "the header is 64 bytes");

static const uint8_t magic[8] = {'s', 'e', 'm', 'b', 'l', 'e', 'x', 1};

/// Where each array begins.
typedef struct {
    size_t starts, word_starts, table, numbers, lengths, slots, frequencies, letters, end;
} layout;

static size_t after(size_t start, size_t count, size_t size) { return (start + count * size + 7) / 8 * 8; }

static layout lay_out(const header *h) {
    layout l;
    l.starts = sizeof *h;
    l.word_starts = after(l.starts, (size_t)h->terms + 1, 8);
    l.table = after(l.word_starts, (size_t)h->terms + 1, 8);
    l.numbers = after(l.table, h->buckets, 8);
    l.lengths = after(l.numbers, h->texts, 4);
    l.slots = after(l.lengths, h->texts, 4);
    l.frequencies = after(l.slots, h->postings, 4);
    l.letters = after(l.frequencies, h->postings, 4);
    l.end = after(l.letters, h->letters, 1);
    return l;
}

semblance_lexical_segment semblance_lexical_segment_view(const void *bytes) {
    const header *h = bytes;
    const uint8_t *base = bytes;
    layout l = lay_out(h);
    return (semblance_lexical_segment){
        .texts = h->texts,
        .terms = h->terms,
        .buckets = h->buckets,
        .english = h->english,
        .postings = h->postings,
        .starts = (const uint64_t *)(base + l.starts),
        .word_starts = (const uint64_t *)(base + l.word_starts),
        .table = (const uint64_t *)(base + l.table),
        .numbers = (const uint32_t *)(base + l.numbers),
        .lengths = (const uint32_t *)(base + l.lengths),
        .slots = (const uint32_t *)(base + l.slots),
        .frequencies = (const uint32_t *)(base + l.frequencies),
        .letters = base + l.letters,
    };
}

// Terms.

uint32_t semblance_lexical_hash(const uint8_t *word, size_t count) {
    const uint64_t factor = 0x9e3779b97f4a7c15ull;
    uint64_t hash = count;
    for (; count >= 8; word += 8, count -= 8) {
        uint64_t eight;
        memcpy(&eight, word, 8);
        hash = (hash ^ eight) * factor;
        hash ^= hash >> 32;
    }
    uint64_t rest = 0;
    memcpy(&rest, word, count);
    return (uint32_t)((hash ^ rest) * factor >> 32);
}

int64_t semblance_lexical_term(const semblance_lexical_segment *s, uint32_t hash, const uint8_t *word, size_t count) {
    for (uint32_t at = hash & (s->buckets - 1); s->table[at]; at = (at + 1) & (s->buckets - 1)) {
        if (s->table[at] >> 32 != hash) continue;
        uint32_t term = (uint32_t)s->table[at] - 1;
        uint64_t start = s->word_starts[term];
        if (s->word_starts[term + 1] - start == count && memcmp(s->letters + start, word, count) == 0) return term;
    }
    return -1;
}

// Making.

/// A block for these terms, which are written into it, and for texts whose lists hold `frequencies[term]` texts.
static uint8_t *block(
    const semblance_interner *terms, const uint32_t *frequencies, uint32_t texts, bool english, size_t *size) {
    header h = {.texts = texts, .terms = (uint32_t)semblance_interner_count(terms), .buckets = 2, .english = english};
    memcpy(h.magic, magic, sizeof magic);
    while (h.buckets < 2 * (uint64_t)h.terms) h.buckets *= 2;
    for (uint32_t t = 0; t < h.terms; t++) {
        size_t count;
        semblance_interner_bytes(terms, (int32_t)t, &count);
        h.letters += count;
        h.postings += frequencies[t];
    }
    layout l = lay_out(&h);
    h.size = *size = l.end;
    uint8_t *bytes = semblance_allocate(l.end, 1);
    memcpy(bytes, &h, sizeof h);
    uint64_t *starts = (uint64_t *)(bytes + l.starts), *word_starts = (uint64_t *)(bytes + l.word_starts);
    uint64_t *table = (uint64_t *)(bytes + l.table);
    for (uint32_t t = 0; t < h.terms; t++) {
        size_t count;
        const uint8_t *word = semblance_interner_bytes(terms, (int32_t)t, &count);
        starts[t + 1] = starts[t] + frequencies[t];
        word_starts[t + 1] = word_starts[t] + count;
        memcpy(bytes + l.letters + word_starts[t], word, count);
        uint32_t hash = semblance_lexical_hash(word, count), at = hash & (h.buckets - 1);
        while (table[at]) at = (at + 1) & (h.buckets - 1);
        table[at] = (uint64_t)hash << 32 | (t + 1);
    }
    return bytes;
}

void *semblance_lexical_segment_create(const semblance_lexical_counts *c, const uint32_t *numbers, size_t *size) {
    size_t terms = semblance_interner_count(c->terms);
    uint32_t *held = semblance_allocate(terms, sizeof *held);
    for (size_t i = 0; i < c->count; i++) held[c->counts[i].term]++;
    uint8_t *bytes = block(c->terms, held, (uint32_t)c->texts, c->english, size);
    layout l = lay_out((const header *)bytes);
    const uint64_t *starts = (const uint64_t *)(bytes + l.starts);
    uint32_t *slots = (uint32_t *)(bytes + l.slots), *frequencies = (uint32_t *)(bytes + l.frequencies);
    if (c->texts) {
        memcpy(bytes + l.numbers, numbers, c->texts * sizeof *numbers);
        memcpy(bytes + l.lengths, c->lengths, c->texts * sizeof *c->lengths);
    }
    memset(held, 0, terms * sizeof *held);
    size_t at = 0;
    for (size_t text = 0; text < c->texts; text++) {
        for (; at < c->ends[text]; at++) {
            semblance_term_count count = c->counts[at];
            uint64_t place = starts[count.term] + held[count.term]++;
            slots[place] = (uint32_t)text;
            frequencies[place] = count.frequency;
        }
    }
    free(held);
    return bytes;
}

static const uint32_t NONE = UINT32_MAX;

static int ascending(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/// The texts that are left, as number · 2³² + place, in order; NULL if two have one number.
///
/// A text's place is its slot, counted on from part to part.
static uint64_t *order_texts(const semblance_lexical_part *parts, size_t count, size_t places, uint32_t *texts) {
    uint64_t *order = semblance_allocate(places, sizeof *order), place = 0;
    bool sorted = true;
    *texts = 0;
    for (const semblance_lexical_part *p = parts; p < parts + count; p++) {
        for (uint32_t slot = 0; slot < p->segment->texts; slot++, place++) {
            if (p->removed && semblance_bit(p->removed, slot)) continue;
            uint64_t next = (uint64_t)p->segment->numbers[slot] << 32 | place;
            if (*texts > 0 && order[*texts - 1] > next) sorted = false;
            order[(*texts)++] = next;
        }
    }
    if (!sorted) qsort(order, *texts, sizeof *order, ascending);
    for (uint32_t i = 1; i < *texts; i++) {
        if (order[i] >> 32 == order[i - 1] >> 32) {
            free(order);
            return NULL;
        }
    }
    return order;
}

static size_t places_of(const semblance_lexical_part *parts, size_t count) {
    size_t places = 0;
    for (size_t i = 0; i < count; i++) places += parts[i].segment->texts;
    return places;
}

bool semblance_lexical_parts_share_number(const semblance_lexical_part *parts, size_t count) {
    uint32_t texts;
    uint64_t *order = order_texts(parts, count, places_of(parts, count), &texts);
    free(order);
    return !order;
}

/// How many texts of a part that are left have a term.
static uint32_t texts_left(const semblance_lexical_part *p, uint32_t term) {
    uint64_t all = p->segment->starts[term + 1] - p->segment->starts[term];
    return (uint32_t)all - (p->removed_postings ? p->removed_postings[term] : 0);
}

/// Numbers the terms that are left in any part and counts their texts; `terms_of` holds the numbers part by part.
static uint32_t *join_terms(
    const semblance_lexical_part *parts, size_t count, semblance_interner *terms, uint32_t *terms_of) {
    uint32_t *frequencies = NULL;
    size_t capacity = 0;
    for (const semblance_lexical_part *p = parts; p < parts + count; p++) {
        const semblance_lexical_segment *s = p->segment;
        for (uint32_t t = 0; t < s->terms; t++, terms_of++) {
            uint32_t left = texts_left(p, t);
            *terms_of = NONE;
            if (left == 0) continue;
            size_t known = semblance_interner_count(terms), letters = s->word_starts[t + 1] - s->word_starts[t];
            int32_t number = semblance_intern(terms, s->letters + s->word_starts[t], letters);
            if (number < 0) abort();
            frequencies = semblance_grow(frequencies, (size_t)number + 1, &capacity, sizeof *frequencies);
            if ((size_t)number == known) frequencies[number] = 0;
            frequencies[number] += left;
            *terms_of = (uint32_t)number;
        }
    }
    return frequencies;
}

void *semblance_lexical_segment_merge(const semblance_lexical_part *parts, size_t count, bool english, size_t *size) {
    size_t places = places_of(parts, count), part_terms = 0;
    for (size_t i = 0; i < count; i++) part_terms += parts[i].segment->terms;
    uint32_t texts;
    uint64_t *order = order_texts(parts, count, places, &texts);
    if (!order) return NULL;
    uint32_t *slot_of = semblance_allocate(places, sizeof *slot_of);
    memset(slot_of, 0xFF, places * sizeof *slot_of);
    for (uint32_t i = 0; i < texts; i++) slot_of[(uint32_t)order[i]] = i;

    semblance_interner *terms = semblance_interner_create();
    if (!terms) abort();
    uint32_t *terms_of = semblance_allocate(part_terms, sizeof *terms_of);
    uint32_t *total = join_terms(parts, count, terms, terms_of);
    uint8_t *bytes = block(terms, total, texts, english, size);
    layout l = lay_out((const header *)bytes);
    const uint64_t *starts = (const uint64_t *)(bytes + l.starts);
    uint32_t *numbers = (uint32_t *)(bytes + l.numbers), *lengths = (uint32_t *)(bytes + l.lengths);
    for (uint32_t i = 0; i < texts; i++) numbers[i] = (uint32_t)(order[i] >> 32);

    uint32_t *held = semblance_allocate(semblance_interner_count(terms), sizeof *held);
    const uint32_t *slots_of_part = slot_of, *terms_of_part = terms_of;
    for (const semblance_lexical_part *p = parts; p < parts + count; p++) {
        const semblance_lexical_segment *s = p->segment;
        for (uint32_t slot = 0; slot < s->texts; slot++) {
            if (slots_of_part[slot] != NONE) lengths[slots_of_part[slot]] = s->lengths[slot];
        }
        for (uint32_t t = 0; t < s->terms; t++) {
            uint32_t term = terms_of_part[t], left = texts_left(p, t);
            if (left == 0) continue;
            // From the last on, behind or between what other parts gave.
            uint32_t *slots = (uint32_t *)(bytes + l.slots) + starts[term];
            uint32_t *frequencies = (uint32_t *)(bytes + l.frequencies) + starts[term];
            uint32_t others = held[term];
            held[term] += left;
            for (uint64_t from = s->starts[t + 1]; left > 0;) {
                uint32_t slot = slots_of_part[s->slots[--from]];
                if (slot == NONE) continue;
                for (; others > 0 && slots[others - 1] > slot; others--) {
                    slots[others - 1 + left] = slots[others - 1];
                    frequencies[others - 1 + left] = frequencies[others - 1];
                }
                left--;
                slots[others + left] = slot;
                frequencies[others + left] = s->frequencies[from];
            }
        }
        slots_of_part += s->texts;
        terms_of_part += s->terms;
    }
    semblance_interner_destroy(terms);
    free(order);
    free(slot_of);
    free(terms_of);
    free(total);
    free(held);
    return bytes;
}

// Checking.

/// Whether `count` + 1 offsets lead from 0 to `end` without a step back.
static bool are_offsets(const uint64_t *offsets, size_t count, uint64_t end) {
    bool good = offsets[0] == 0 && offsets[count] == end;
    for (size_t i = 0; i < count; i++) good &= offsets[i] <= offsets[i + 1];
    return good;
}

const char *semblance_lexical_segment_check(const void *bytes, size_t count) {
    const header *h = bytes;
    if (count < sizeof *h || memcmp(h->magic, magic, sizeof magic) != 0) return "no header of a lexical segment";
    if (h->size != count || count % 8 != 0) return "another size than the header says";
    if (h->postings > count / 8 || h->letters > count || lay_out(h).end != count) return "counts of another size";
    if (h->english > 1 || h->reserved != 0) return "unknown settings";
    if (h->buckets <= h->terms || (h->buckets & (h->buckets - 1)) != 0) return "a table of a wrong size";

    semblance_lexical_segment s = semblance_lexical_segment_view(bytes);
    if (!are_offsets(s.starts, s.terms, s.postings)) return "lists out of order";
    if (!are_offsets(s.word_starts, s.terms, h->letters)) return "words out of order";
    uint64_t entries = 0;
    bool good = true;
    for (uint32_t i = 0; i < s.buckets; i++) {
        entries += s.table[i] != 0;
        good &= s.table[i] == 0 || (uint32_t)s.table[i] - 1 < s.terms;
    }
    if (!good || entries != s.terms) return "a table with wrong entries";
    for (uint32_t i = 0; i < s.texts; i++) {
        good &= (i == 0 || s.numbers[i - 1] < s.numbers[i]) && s.lengths[i] <= INT32_MAX;
    }
    if (!good) return "numbers out of order or impossible lengths";
    for (uint32_t t = 0; t < s.terms; t++) {
        for (uint64_t i = s.starts[t]; i < s.starts[t + 1]; i++) {
            good &= s.slots[i] < s.texts && (i == s.starts[t] || s.slots[i - 1] < s.slots[i]);
            good &= s.frequencies[i] - 1 < INT32_MAX;
        }
    }
    return good ? NULL : "a list that names wrong texts";
}

// Removing.

int64_t semblance_lexical_segment_find(const semblance_lexical_segment *s, uint32_t number) {
    uint32_t low = 0, high = s->texts;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->numbers[middle] < number) low = middle + 1;
        else high = middle;
    }
    return low < s->texts && s->numbers[low] == number ? (int64_t)low : -1;
}

/// The term of a segment that a counted term is, -1 if it has none.
static int64_t term_of_count(
    const semblance_lexical_segment *s, const semblance_lexical_counts *c, semblance_term_count counted) {
    size_t count;
    const uint8_t *word = semblance_interner_bytes(c->terms, (int32_t)counted.term, &count);
    return semblance_lexical_term(s, semblance_lexical_hash(word, count), word, count);
}

static size_t start_of(const semblance_lexical_counts *c, size_t text) { return text == 0 ? 0 : c->ends[text - 1]; }

bool semblance_lexical_segment_matches(
    const semblance_lexical_segment *s, uint32_t slot, const semblance_lexical_counts *c, size_t text) {
    if (s->lengths[slot] != c->lengths[text]) return false;
    for (size_t i = start_of(c, text); i < c->ends[text]; i++) {
        int64_t term = term_of_count(s, c, c->counts[i]);
        if (term < 0) return false;
        uint64_t low = s->starts[term], end = s->starts[term + 1], high = end;
        while (low < high) {
            uint64_t middle = low + (high - low) / 2;
            if (s->slots[middle] < slot) low = middle + 1;
            else high = middle;
        }
        if (low == end || s->slots[low] != slot || s->frequencies[low] != c->counts[i].frequency) return false;
    }
    return true;
}

void semblance_lexical_segment_count_removed(
    const semblance_lexical_segment *s, const semblance_lexical_counts *c, size_t text, uint32_t *removed_postings) {
    for (size_t i = start_of(c, text); i < c->ends[text]; i++) removed_postings[term_of_count(s, c, c->counts[i])]++;
}

void semblance_lexical_segment_count_all_removed(
    const semblance_lexical_segment *s, const uint64_t *removed, uint32_t *removed_postings) {
    for (uint32_t t = 0; t < s->terms; t++) {
        uint32_t count = 0;
        for (uint64_t i = s->starts[t]; i < s->starts[t + 1]; i++) count += semblance_bit(removed, s->slots[i]);
        removed_postings[t] = count;
    }
}

uint64_t semblance_lexical_segment_length(const semblance_lexical_segment *s, const uint64_t *removed) {
    uint64_t length = 0;
    for (uint32_t i = 0; i < s->texts; i++) length += removed && semblance_bit(removed, i) ? 0 : s->lengths[i];
    return length;
}
