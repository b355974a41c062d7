#include <string.h>

#include "counts.h"
#include "unicode.h"
#include "words.h"

// Pairs of neighbouring pieces.

typedef struct {
    int32_t left, right;
    int64_t count;        // over all words; may be behind by what the queue hasn't seen
    uint32_t first_place; // + 1, in a list of the words that have held it
    bool grown;           // its count grew in this round
} pair;

typedef struct {
    uint32_t word, next; // index + 1 of the next place
} place;

typedef struct {
    int64_t count;
    uint32_t pair;
} queued;

typedef struct {
    int32_t *pieces; // of all words
    size_t *starts;  // of each word, and the end of the last
    uint32_t *lengths;
    const uint64_t *counts;
    size_t word_count;

    pair *pairs;
    size_t pair_count, pair_capacity;
    uint32_t *slots; // index + 1 of the pair there
    size_t slot_count;
    place *places;
    size_t place_count, place_capacity;
    queued *queue; // a heap, the first is the next
    size_t queue_count, queue_capacity;
    uint32_t *grown;
    size_t grown_count, grown_capacity;
} state;

static size_t slot_of(const state *s, int32_t left, int32_t right) {
    uint64_t key = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15u;
    size_t slot = (size_t)(key >> 32) & (s->slot_count - 1);
    while (s->slots[slot]) {
        const pair *p = &s->pairs[s->slots[slot] - 1];
        if (p->left == left && p->right == right) break;
        slot = (slot + 1) & (s->slot_count - 1);
    }
    return slot;
}

static uint32_t pair_of(state *s, int32_t left, int32_t right) {
    if ((s->pair_count + 1) * 2 > s->slot_count) {
        s->slot_count = s->slot_count ? 2 * s->slot_count : 1 << 16;
        free(s->slots);
        s->slots = semblance_allocate(s->slot_count, sizeof(uint32_t));
        for (size_t i = 0; i < s->pair_count; i++)
            s->slots[slot_of(s, s->pairs[i].left, s->pairs[i].right)] = (uint32_t)i + 1;
    }
    size_t slot = slot_of(s, left, right);
    if (s->slots[slot]) return s->slots[slot] - 1;
    if (s->pair_count >= UINT32_MAX - 1) abort();
    s->pairs = semblance_grow(s->pairs, s->pair_count + 1, &s->pair_capacity, sizeof(pair));
    s->pairs[s->pair_count++] = (pair){left, right, 0, 0, false};
    s->slots[slot] = (uint32_t)s->pair_count;
    return (uint32_t)s->pair_count - 1;
}

/// Counts a pair of a word once more.
static void add_pair(state *s, int32_t left, int32_t right, uint32_t word) {
    uint32_t index = pair_of(s, left, right);
    pair *p = &s->pairs[index];
    p->count += (int64_t)s->counts[word];
    if (!p->first_place || s->places[p->first_place - 1].word != word) {
        if (s->place_count >= UINT32_MAX - 1) abort();
        s->places = semblance_grow(s->places, s->place_count + 1, &s->place_capacity, sizeof(place));
        s->places[s->place_count++] = (place){word, p->first_place};
        p->first_place = (uint32_t)s->place_count;
    }
    if (!p->grown) {
        p->grown = true;
        s->grown = semblance_grow(s->grown, s->grown_count + 1, &s->grown_capacity, sizeof(uint32_t));
        s->grown[s->grown_count++] = index;
    }
}

static void remove_pair(state *s, int32_t left, int32_t right, uint32_t word) {
    s->pairs[pair_of(s, left, right)].count -= (int64_t)s->counts[word];
}

// The queue of pairs, most frequent first.

static bool precedes(const state *s, queued a, queued b) {
    if (a.count != b.count) return a.count > b.count;
    const pair *x = &s->pairs[a.pair], *y = &s->pairs[b.pair];
    return x->left != y->left ? x->left < y->left : x->right < y->right;
}

static void push(state *s, queued item) {
    s->queue = semblance_grow(s->queue, s->queue_count + 1, &s->queue_capacity, sizeof(queued));
    size_t at = s->queue_count++;
    for (size_t parent; at > 0 && precedes(s, item, s->queue[parent = (at - 1) / 2]); at = parent)
        s->queue[at] = s->queue[parent];
    s->queue[at] = item;
}

static queued pop(state *s) {
    queued first = s->queue[0], last = s->queue[--s->queue_count];
    size_t at = 0;
    while (2 * at + 1 < s->queue_count) {
        size_t child = 2 * at + 1;
        if (child + 1 < s->queue_count && precedes(s, s->queue[child + 1], s->queue[child])) child++;
        if (!precedes(s, s->queue[child], last)) break;
        s->queue[at] = s->queue[child];
        at = child;
    }
    s->queue[at] = last;
    return first;
}

/// Queues the pairs whose counts grew.
static void push_grown(state *s, int64_t minimum) {
    for (size_t i = 0; i < s->grown_count; i++) {
        pair *p = &s->pairs[s->grown[i]];
        p->grown = false;
        if (p->count >= minimum) push(s, (queued){p->count, s->grown[i]});
    }
    s->grown_count = 0;
}

/// Makes one piece of each occurrence of a pair in a word, from the left.
static void merge(state *s, uint32_t word, int32_t left, int32_t right, int32_t merged) {
    int32_t *pieces = s->pieces + s->starts[word];
    uint32_t length = s->lengths[word], kept = 0;
    for (uint32_t i = 0; i < length; i++) {
        if (i + 1 == length || pieces[i] != left || pieces[i + 1] != right) {
            pieces[kept++] = pieces[i];
            continue;
        }
        if (kept > 0) {
            remove_pair(s, pieces[kept - 1], left, word);
            add_pair(s, pieces[kept - 1], merged, word);
        }
        if (i + 2 < length) {
            remove_pair(s, right, pieces[i + 2], word);
            add_pair(s, merged, pieces[i + 2], word);
        }
        pieces[kept++] = merged;
        i++;
    }
    s->lengths[word] = kept;
}

// The alphabet.

typedef struct {
    uint64_t count;
    uint32_t scalar;
} letter;

static int by_count(const void *a, const void *b) {
    const letter *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return x->scalar < y->scalar ? -1 : 1;
}

static int by_scalar(const void *a, const void *b) {
    uint32_t x = ((const letter *)a)->scalar, y = ((const letter *)b)->scalar;
    return (x > y) - (x < y);
}

/// The most frequent scalars, at most so many, sorted.
static letter *make_alphabet(const semblance_word_counts *counts, size_t maximum, size_t *letter_count) {
    uint64_t *found = semblance_allocate(0x110000, sizeof(uint64_t));
    size_t word_count = semblance_interner_count(counts->words);
    for (size_t word = 0; word < word_count; word++) {
        size_t length, size;
        const uint8_t *p = semblance_interner_bytes(counts->words, (int32_t)word, &length), *end = p + length;
        for (uint32_t scalar; p < end; p += size) {
            size = semblance_decode(p, end, &scalar);
            found[scalar] += counts->counts[word];
        }
    }
    letter *letters = NULL;
    size_t count = 0, capacity = 0;
    for (uint32_t scalar = 0; scalar < 0x110000; scalar++) {
        if (!found[scalar]) continue;
        letters = semblance_grow(letters, count + 1, &capacity, sizeof(letter));
        letters[count++] = (letter){found[scalar], scalar};
    }
    free(found);
    if (count > maximum) {
        qsort(letters, count, sizeof(letter), by_count);
        count = maximum;
        qsort(letters, count, sizeof(letter), by_scalar);
    }
    *letter_count = count;
    return letters;
}

// The pieces.

typedef struct {
    semblance_interner *strings; // number = id
    semblance_learning how;
    semblance_bytes text; // room for one piece
} pieces;

static int32_t add_piece(pieces *all, bool within, const uint8_t *bytes, size_t count) {
    size_t before = within ? all->how.prefix_count : 0;
    all->text.count = 0;
    uint8_t *out = semblance_bytes_reserve(&all->text, before + count);
    if (before) memcpy(out, all->how.prefix, before);
    memcpy(out + before, bytes, count);
    return semblance_number(all->strings, out, before + count);
}

/// The piece a pair makes. What follows a word's beginning has the prefix, which goes.
static int32_t add_merged(pieces *all, int32_t left, int32_t right) {
    size_t left_count, right_count, prefix = all->how.prefix_count;
    const uint8_t *bytes = semblance_interner_bytes(all->strings, left, &left_count);
    all->text.count = 0;
    uint8_t *out = semblance_bytes_reserve(&all->text, left_count);
    memcpy(out, bytes, left_count);
    all->text.count = left_count;
    bytes = semblance_interner_bytes(all->strings, right, &right_count);
    memcpy(semblance_bytes_reserve(&all->text, right_count), bytes + prefix, right_count - prefix);
    return semblance_number(all->strings, all->text.bytes, left_count + right_count - prefix);
}

/// Every letter as a piece: first all of them at a word's beginning, then those that can stand within a word.
static void add_alphabet(pieces *all, uint32_t options, const letter *letters, size_t count) {
    for (int within = 0; within < 2; within++) {
        for (size_t i = 0; i < count; i++) {
            const semblance_scalar_record *record = semblance_scalar(letters[i].scalar);
            bool alone = semblance_class_of(record) == SEMBLANCE_IS_PUNCTUATION
                         || ((options & SEMBLANCE_IDEOGRAPHS) && (record->flags & SEMBLANCE_IDEOGRAPH));
            uint8_t bytes[4];
            size_t size = (size_t)(semblance_encode(letters[i].scalar, bytes) - bytes);
            if (!within || !alone) add_piece(all, within, bytes, size);
        }
    }
}

/// Every word as letters; those outside the alphabet are left out.
static void spell(
    state *s, pieces *all, const semblance_word_counts *counts, const letter *letters, size_t letter_count) {
    s->word_count = semblance_interner_count(counts->words);
    s->counts = counts->counts;
    s->starts = semblance_allocate(s->word_count, sizeof(size_t));
    s->lengths = semblance_allocate(s->word_count, sizeof(uint32_t));
    size_t used = 0, capacity = 0;
    for (uint32_t word = 0; word < s->word_count; word++) {
        size_t length, size;
        const uint8_t *begin = semblance_interner_bytes(counts->words, (int32_t)word, &length), *end = begin + length;
        s->starts[word] = used;
        s->pieces = semblance_grow(s->pieces, used + length, &capacity, sizeof(int32_t));
        letter wanted = {0, 0};
        for (const uint8_t *p = begin; p < end; p += size) {
            size = semblance_decode(p, end, &wanted.scalar);
            if (!bsearch(&wanted, letters, letter_count, sizeof(letter), by_scalar)) continue;
            s->pieces[used++] = add_piece(all, p > begin, p, size);
        }
        s->lengths[word] = (uint32_t)(used - s->starts[word]);
        const int32_t *spelt = s->pieces + s->starts[word];
        for (uint32_t i = 0; i + 1 < s->lengths[word]; i++) add_pair(s, spelt[i], spelt[i + 1], word);
    }
}

void semblance_learn_vocabulary(
    const semblance_word_counts *counts, semblance_learning how, semblance_token_list *list) {
    pieces all = {.strings = semblance_new_interner(), .how = how};
    state s = {0};
    for (size_t i = 0, start = 0; i < list->count; start = list->ends[i], i++)
        semblance_number(all.strings, list->bytes + start, list->ends[i] - start);
    size_t letter_count, special = list->count;
    letter *letters = make_alphabet(counts, how.alphabet, &letter_count);
    add_alphabet(&all, counts->options, letters, letter_count);
    spell(&s, &all, counts, letters, letter_count);

    int64_t minimum = how.minimum > 1 ? (int64_t)how.minimum : 1;
    push_grown(&s, minimum);
    while (semblance_interner_count(all.strings) < how.size && s.queue_count > 0) {
        queued next = pop(&s);
        pair found = s.pairs[next.pair];
        if (next.count != found.count) {
            if (found.count < next.count && found.count >= minimum) push(&s, (queued){found.count, next.pair});
            continue;
        }
        int32_t merged = add_merged(&all, found.left, found.right);
        s.pairs[next.pair].count = 0;
        s.pairs[next.pair].first_place = 0;
        for (uint32_t at = found.first_place; at; at = s.places[at - 1].next)
            merge(&s, s.places[at - 1].word, found.left, found.right, merged);
        s.pairs[next.pair].count = 0;
        push_grown(&s, minimum);
    }

    for (size_t id = special; id < semblance_interner_count(all.strings); id++) {
        size_t length;
        const uint8_t *bytes = semblance_interner_bytes(all.strings, (int32_t)id, &length);
        semblance_token_list_append(list, bytes, length, (int32_t)id);
    }
    semblance_interner_destroy(all.strings);
    free(all.text.bytes);
    free(letters);
    free(s.pieces);
    free(s.starts);
    free(s.lengths);
    free(s.pairs);
    free(s.slots);
    free(s.places);
    free(s.queue);
    free(s.grown);
}
