// Byte-pair encoding: a word is spelt, then neighbours are merged, the pair learned first before all others.
#include "byte_pairs.h"

#include <stdio.h>
#include <string.h>

#include "model.h"
#include "tokens.h"
#include "unicode.h"
#include "vocabulary.h"

/// A pair of symbols, how early it was learned, and what it becomes.
typedef struct {
    uint64_t pair;
    uint32_t rank;
    int32_t whole;
} merge;

enum { NO_SYMBOL = -1 };
static const uint64_t NO_PAIR = UINT64_MAX;

/// The symbols of a letter: its token; or if there is none, those of its bytes; or none at all.
typedef struct {
    int32_t symbols[4];
    int count;
    bool by_bytes;
} spelling;

typedef struct {
    semblance_model base;
    const semblance_vocabulary *vocabulary;
    semblance_byte_pair_options options;
    int32_t byte_tokens[256]; // tokens like <0x0A>
    spelling bytes[256];      // of the letters that stand for bytes
    merge *merges;            // a hash table
    size_t mask;              // its size less one, a power of two less one
    semblance_trie trie;      // the words that are spelt like a token
    bool *reached;            // by id: whether that word becomes the token
} byte_pairs;

// Letters that stand for bytes: of printable bytes the letter of that number, of the others those from U+0100 on.

enum { LETTERS = 256 + 68 };

static void list_letters(uint16_t letters[256]) {
    uint16_t next = 256;
    for (int b = 0; b < 256; b++) {
        bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
        letters[b] = printable ? (uint16_t)b : next++;
    }
}

// Merging.

static uint64_t pair_of(int32_t left, int32_t right) { return (uint64_t)(uint32_t)left << 32 | (uint32_t)right; }

/// The merge of a pair, or the free entry where it would be.
static merge *find(const byte_pairs *model, int32_t left, int32_t right) {
    uint64_t pair = pair_of(left, right), mixed = pair * 0x9E3779B97F4A7C15;
    size_t slot = (size_t)(mixed ^ mixed >> 32) & model->mask;
    while (model->merges[slot].pair != pair && model->merges[slot].pair != NO_PAIR) slot = (slot + 1) & model->mask;
    return &model->merges[slot];
}

/// Puts an entry where it belongs, at `at` or above it.
static void rise(uint64_t *heap, size_t at, uint64_t entry) {
    for (; at > 0 && heap[(at - 1) / 2] > entry; at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = entry;
}

/// Puts an entry where it belongs, at `at` or below it.
static void sink(uint64_t *heap, size_t count, size_t at, uint64_t entry) {
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= entry) break;
        heap[at] = heap[child];
    }
    heap[at] = entry;
}

/// Notes that the symbols at two places can be merged, if they can.
static void offer(const byte_pairs *model, semblance_byte_pairs_memory *m, int32_t left, int32_t right) {
    if (left < 0 || right < 0) return;
    const merge *found = find(model, m->symbols[left], m->symbols[right]);
    if (found->pair == NO_PAIR) return;
    m->heap = semblance_grow(m->heap, m->heap_count + 1, &m->heap_capacity, sizeof(uint64_t));
    rise(m->heap, m->heap_count++, (uint64_t)found->rank << 32 | (uint32_t)left);
}

/// Merges `count` symbols; those that are left stand at the beginning. Returns how many there are.
static size_t merge_symbols(const byte_pairs *model, semblance_byte_pairs_memory *m, size_t count) {
    m->next = semblance_grow(m->next, count, &m->next_capacity, sizeof(int32_t));
    m->previous = semblance_grow(m->previous, count, &m->previous_capacity, sizeof(int32_t));
    m->heap_count = 0;
    for (size_t i = 0; i < count; i++) {
        m->next[i] = i + 1 < count ? (int32_t)i + 1 : -1;
        m->previous[i] = (int32_t)i - 1;
        offer(model, m, (int32_t)i, m->next[i]);
    }
    while (m->heap_count > 0) {
        uint32_t rank = (uint32_t)(m->heap[0] >> 32);
        int32_t left = (int32_t)(uint32_t)m->heap[0];
        m->heap_count--;
        if (m->heap_count > 0) sink(m->heap, m->heap_count, 0, m->heap[m->heap_count]);
        int32_t right = m->next[left];
        if (m->symbols[left] == NO_SYMBOL || right < 0) continue;
        const merge *found = find(model, m->symbols[left], m->symbols[right]);
        if (found->pair == NO_PAIR || found->rank != rank) continue; // the pair has changed since
        m->symbols[left] = found->whole;
        m->symbols[right] = NO_SYMBOL;
        int32_t after = m->next[left] = m->next[right];
        if (after >= 0) m->previous[after] = left;
        offer(model, m, m->previous[left], left);
        offer(model, m, left, after);
    }
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (m->symbols[i] != NO_SYMBOL) m->symbols[left++] = m->symbols[i];
    return left;
}

// Spelling.

static spelling spelling_of(const byte_pairs *model, const uint8_t *letter, size_t count) {
    spelling result = {.symbols = {semblance_vocabulary_id(model->vocabulary, letter, count)}, .count = 1};
    if (result.symbols[0] >= 0) return result;
    result.by_bytes = model->options.byte_fallback;
    for (size_t i = 0; i < count && result.by_bytes; i++) {
        result.symbols[i] = model->byte_tokens[letter[i]];
        result.by_bytes = result.symbols[i] >= 0;
    }
    result.count = result.by_bytes ? (int)count : 0;
    return result;
}

/// The symbols of a word before merging. What is unknown becomes the unknown token, if there is one; it is written when
/// the next token of a letter is, after any bytes between: that is the order of `tokenizers`.
static size_t spell(
    const byte_pairs *model, const uint8_t *p, const uint8_t *end, semblance_byte_pairs_memory *m) {
    size_t count = 0;
    bool waiting = false;
    m->symbols = semblance_grow(m->symbols, 2 * (size_t)(end - p) + 1, &m->symbol_capacity, sizeof(int32_t));
    while (p < end) {
        spelling found;
        if (model->options.bytes) {
            found = model->bytes[*p++];
        } else {
            uint32_t scalar;
            size_t length = semblance_decode(p, end, &scalar);
            found = spelling_of(model, p, length);
            p += length;
        }
        bool fused = found.count == 0 && model->options.fuse_unknown;
        if (waiting && !found.by_bytes && !fused) {
            m->symbols[count++] = model->options.unknown;
            waiting = false;
        }
        if (found.count == 0) waiting = model->options.unknown >= 0;
        for (int i = 0; i < found.count; i++) m->symbols[count++] = found.symbols[i];
    }
    if (waiting) m->symbols[count++] = model->options.unknown;
    return count;
}

static void add(const semblance_model *base, const uint8_t *word, const uint8_t *end, semblance_tokens *tokens) {
    const byte_pairs *model = (const byte_pairs *)base;
    int32_t node = semblance_trie_walk(model->trie.nodes, SEMBLANCE_TRIE_ROOT, word, (size_t)(end - word));
    int32_t id = node < 0 ? -1 : model->trie.nodes[node].value;
    if (id >= 0 && (model->options.ignore_merges || model->reached[id])) {
        semblance_tokens_add(tokens, id);
        return;
    }
    while (word < end) {
        // Places are numbers of 31 bits, and a byte is up to two symbols.
        size_t part = (size_t)(end - word) < INT32_MAX / 2 ? (size_t)(end - word) : INT32_MAX / 2;
        while (word + part < end && (word[part] & 0xC0) == 0x80) part--;
        size_t count = merge_symbols(model, &tokens->byte_pairs, spell(model, word, word + part, &tokens->byte_pairs));
        int32_t *ids = semblance_tokens_reserve(tokens, count);
        if (count) memcpy(ids, tokens->byte_pairs.symbols, count * sizeof(int32_t));
        tokens->count += count;
        word += part;
    }
}

// Building.

static void destroy(semblance_model *base) {
    byte_pairs *model = (byte_pairs *)base;
    semblance_trie_free(&model->trie);
    free(model->merges);
    free(model->reached);
    free(model);
}

static void add_merges(byte_pairs *model, const semblance_merge *merges, size_t count) {
    size_t size = 64;
    while (size < 2 * count) size *= 2;
    model->mask = size - 1;
    model->merges = semblance_allocate(size, sizeof(merge));
    for (size_t i = 0; i < size; i++) model->merges[i].pair = NO_PAIR;
    for (size_t i = 0; i < count; i++)
        *find(model, merges[i].left, merges[i].right) =
            (merge){pair_of(merges[i].left, merges[i].right), (uint32_t)i, merges[i].whole};
}

/// The words that are spelt like tokens, each with the id. Their bytes are in `text`, which has room for all tokens.
static size_t list_words(const byte_pairs *model, uint8_t *text, semblance_trie_entry *words) {
    const semblance_vocabulary *v = model->vocabulary;
    uint16_t letters[256];
    int16_t bytes_of[LETTERS];
    list_letters(letters);
    memset(bytes_of, 0xFF, sizeof bytes_of);
    for (int b = 0; b < 256; b++) bytes_of[letters[b]] = (int16_t)b;
    size_t count = 0;
    for (int32_t id = 0; id < v->limit; id++) {
        size_t length;
        const uint8_t *p = semblance_vocabulary_token(v, id, &length);
        if (!p) continue;
        uint8_t *word = text;
        const uint8_t *end = p + length;
        while (p < end) {
            uint32_t letter;
            size_t size = semblance_decode(p, end, &letter);
            if (!model->options.bytes) {
                memcpy(text, p, size);
                text += size;
            } else if (letter < LETTERS && bytes_of[letter] >= 0) {
                *text++ = (uint8_t)bytes_of[letter];
            } else {
                text = word; // no word is spelt so
                break;
            }
            p += size;
        }
        if (text > word) words[count++] = (semblance_trie_entry){word, (size_t)(text - word), id};
    }
    return count;
}

static int compare_words(const void *a, const void *b) {
    const semblance_trie_entry *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, x->count < y->count ? x->count : y->count);
    return order ? order : (x->count > y->count) - (x->count < y->count);
}

static void add_words(byte_pairs *model) {
    const semblance_vocabulary *v = model->vocabulary;
    size_t total = 0;
    for (int32_t id = 0; id < v->limit; id++) total += v->lengths[id] > 0 ? (size_t)v->lengths[id] : 0;
    uint8_t *text = semblance_allocate(total, 1);
    semblance_trie_entry *words = semblance_allocate(v->count, sizeof(semblance_trie_entry));
    size_t count = list_words(model, text, words);
    qsort(words, count, sizeof(semblance_trie_entry), compare_words);
    model->trie = semblance_trie_create(words, count);
    model->reached = semblance_allocate((size_t)v->limit, sizeof(bool));
    semblance_byte_pairs_memory memory = {0};
    for (size_t i = 0; i < count; i++) {
        const uint8_t *end = words[i].bytes + words[i].count;
        size_t left = merge_symbols(model, &memory, spell(model, words[i].bytes, end, &memory));
        model->reached[words[i].value] = left == 1 && memory.symbols[0] == words[i].value;
    }
    semblance_byte_pairs_memory_free(&memory);
    free(words);
    free(text);
}

semblance_model *semblance_model_byte_pairs(
    const semblance_vocabulary *vocabulary, semblance_byte_pair_options options, const semblance_merge *merges,
    size_t merge_count) {
    byte_pairs *model = semblance_allocate(1, sizeof(byte_pairs));
    model->base = (semblance_model){add, destroy};
    model->vocabulary = vocabulary;
    model->options = options;
    for (int b = 0; b < 256; b++) {
        char token[8];
        int length = snprintf(token, sizeof token, "<0x%02X>", b);
        model->byte_tokens[b] = semblance_vocabulary_id(vocabulary, (const uint8_t *)token, (size_t)length);
    }
    uint16_t letters[256];
    list_letters(letters);
    for (int b = 0; b < 256; b++) {
        uint8_t letter[4];
        model->bytes[b] = spelling_of(model, letter, (size_t)(semblance_encode(letters[b], letter) - letter));
    }
    add_merges(model, merges, merge_count);
    add_words(model);
    return &model->base;
}

bool semblance_byte_pairs_is_complete(const semblance_vocabulary *vocabulary) {
    uint16_t letters[256];
    list_letters(letters);
    for (int b = 0; b < 256; b++) {
        uint8_t letter[4];
        if (semblance_vocabulary_id(vocabulary, letter, (size_t)(semblance_encode(letters[b], letter) - letter)) < 0)
            return false;
    }
    return true;
}

void semblance_byte_pairs_memory_free(semblance_byte_pairs_memory *memory) {
    free(memory->symbols);
    free(memory->next);
    free(memory->previous);
    free(memory->heap);
}
