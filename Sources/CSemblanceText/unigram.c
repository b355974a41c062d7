// The unigram model: of all ways to cut a word into pieces the one with the greatest sum of scores.
#include "unigram.h"

#include <stdio.h>
#include <string.h>

#include "model.h"
#include "tokens.h"
#include "unicode.h"
#include "vocabulary.h"

typedef struct {
    semblance_model base;
    const semblance_vocabulary *vocabulary;
    double *scores; // by id
    double unknown_score;
    int32_t unknown;
    bool byte_fallback;
    int32_t byte_tokens[256]; // tokens like <0x0A>
} unigram;

/// What an unknown scalar scores less than the worst piece.
static const double UNKNOWN_PENALTY = 10.0;

static void improve(semblance_unigram_cut *cut, double score, int32_t id, size_t start) {
    if (cut->id >= 0 && !(score > cut->score)) return; // of equal ones the piece that begins first
    *cut = (semblance_unigram_cut){score, id, (uint32_t)start};
}

/// Finds the best cuts of a word; Viterbi's algorithm, linear in the word for a greatest length of pieces.
static void find_cuts(const unigram *model, const uint8_t *word, size_t count, semblance_unigram_cut *cuts) {
    const semblance_trie_node *nodes = model->vocabulary->trie.nodes;
    for (size_t i = 0; i <= count; i++) cuts[i] = (semblance_unigram_cut){0, -1, 0};
    for (size_t start = 0; start < count;) {
        uint32_t scalar;
        size_t length = semblance_decode(word + start, word + count, &scalar);
        double so_far = cuts[start].score;
        bool single = false;
        int32_t node = SEMBLANCE_TRIE_ROOT;
        for (size_t at = start; at < count && (node = semblance_trie_child(nodes, node, word[at])) >= 0;) {
            at++;
            int32_t id = nodes[node].value;
            if (id < 0) continue;
            improve(&cuts[at], model->scores[id] + so_far, id, start);
            single = single || at - start == length;
        }
        if (!single) improve(&cuts[start + length], model->unknown_score + so_far, model->unknown, start);
        start += length;
    }
}

/// Writes, backwards, the ids of a stretch of unknown pieces: together they may be a token.
static void add_unknown(const unigram *model, const uint8_t *text, size_t count, semblance_tokens *tokens) {
    int32_t id = semblance_vocabulary_id(model->vocabulary, text, count);
    bool by_bytes = id < 0 && model->byte_fallback;
    int32_t *ids = semblance_tokens_reserve(tokens, count);
    for (size_t i = 0; i < count && by_bytes; i++) {
        ids[i] = model->byte_tokens[text[count - 1 - i]];
        by_bytes = ids[i] >= 0;
    }
    if (!by_bytes) ids[0] = id >= 0 ? id : model->unknown;
    tokens->count += by_bytes ? count : 1;
}

static void add_part(const unigram *model, const uint8_t *word, size_t count, semblance_tokens *tokens) {
    semblance_unigram_memory *m = &tokens->unigram;
    m->cuts = semblance_grow(m->cuts, count + 1, &m->capacity, sizeof(semblance_unigram_cut));
    find_cuts(model, word, count, m->cuts);
    size_t first = tokens->count;
    for (size_t end = count; end > 0;) {
        size_t start = m->cuts[end].start;
        if (m->cuts[end].id != model->unknown) {
            semblance_tokens_add(tokens, m->cuts[end].id);
        } else {
            while (start > 0 && m->cuts[start].id == model->unknown) start = m->cuts[start].start;
            add_unknown(model, word + start, end - start, tokens);
        }
        end = start;
    }
    for (size_t i = first, j = tokens->count; i + 1 < j; i++) {
        int32_t id = tokens->ids[i];
        tokens->ids[i] = tokens->ids[--j];
        tokens->ids[j] = id;
    }
}

static void add(const semblance_model *base, const uint8_t *word, const uint8_t *end, semblance_tokens *tokens) {
    while (word < end) {
        size_t part = (size_t)(end - word) < INT32_MAX ? (size_t)(end - word) : INT32_MAX; // places have 32 bits
        while (word + part < end && (word[part] & 0xC0) == 0x80) part--;
        add_part((const unigram *)base, word, part, tokens);
        word += part;
    }
}

static void destroy(semblance_model *base) {
    free(((unigram *)base)->scores);
    free(base);
}

semblance_model *semblance_model_unigram(
    const semblance_vocabulary *vocabulary, const double *scores, int32_t unknown, bool byte_fallback) {
    unigram *model = semblance_allocate(1, sizeof(unigram));
    model->base = (semblance_model){add, destroy};
    model->vocabulary = vocabulary;
    model->unknown = unknown;
    model->byte_fallback = byte_fallback;
    model->scores = semblance_allocate((size_t)vocabulary->limit, sizeof(double));
    double least = 0;
    for (int32_t id = 0; id < vocabulary->limit; id++) {
        model->scores[id] = scores[id];
        if (id == 0 || scores[id] < least) least = scores[id];
    }
    model->unknown_score = least - UNKNOWN_PENALTY;
    for (int b = 0; b < 256; b++) {
        char token[8];
        int length = snprintf(token, sizeof token, "<0x%02X>", b);
        model->byte_tokens[b] = semblance_vocabulary_id(vocabulary, (const uint8_t *)token, (size_t)length);
    }
    return &model->base;
}

void semblance_unigram_memory_free(semblance_unigram_memory *memory) { free(memory->cuts); }
