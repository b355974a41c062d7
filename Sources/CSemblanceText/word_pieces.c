// Word pieces: the longest that fits, then the longest that goes on from there, and so on.
#include "model.h"
#include "tokens.h"
#include "unicode.h"
#include "vocabulary.h"

typedef struct {
    semblance_model base;
    const semblance_vocabulary *vocabulary;
    int32_t unknown;
    size_t maximum_word;
    int32_t continuation; // where in the trie pieces go on after the prefix; -1 if none begins with it
} word_pieces;

static void add(const semblance_model *base, const uint8_t *word, const uint8_t *end, semblance_tokens *tokens) {
    const word_pieces *model = (const word_pieces *)base;
    const semblance_trie_node *nodes = model->vocabulary->trie.nodes;
    size_t length = (size_t)(end - word), first = tokens->count;
    bool known = length <= model->maximum_word || semblance_scalar_count(word, length) <= model->maximum_word;
    semblance_tokens_reserve(tokens, known ? length : 1);
    int32_t from = SEMBLANCE_TRIE_ROOT;
    for (const uint8_t *p = word; known && p < end; from = model->continuation) {
        size_t matched = 0;
        int32_t id = from < 0 ? -1 : semblance_trie_longest(nodes, from, p, end, &matched);
        known = id >= 0;
        tokens->ids[tokens->count++] = id;
        p += matched;
    }
    if (!known) {
        tokens->count = first;
        tokens->ids[tokens->count++] = model->unknown;
    }
}

static void destroy(semblance_model *base) { free(base); }

semblance_model *semblance_model_word_pieces(
    const semblance_vocabulary *vocabulary, int32_t unknown, size_t maximum_word, const uint8_t *prefix,
    size_t prefix_count) {
    word_pieces *model = semblance_allocate(1, sizeof(word_pieces));
    model->base = (semblance_model){add, destroy};
    model->vocabulary = vocabulary;
    model->unknown = unknown;
    model->maximum_word = maximum_word;
    model->continuation =
        semblance_trie_walk(vocabulary->trie.nodes, SEMBLANCE_TRIE_ROOT, prefix, prefix_count);
    return &model->base;
}
