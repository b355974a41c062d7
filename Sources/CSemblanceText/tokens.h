// The ids of texts while they are collected, with the memory that every step of a tokenizer needs.
#ifndef SEMBLANCE_TOKENS_H
#define SEMBLANCE_TOKENS_H

#include "byte_pairs.h"
#include "normalizer.h"
#include "splitter.h"
#include "storage.h"
#include "unigram.h"

struct semblance_tokens {
    int32_t *ids;
    size_t count, capacity;
    size_t *ends; // of each text
    size_t text_count, text_capacity;
    semblance_normalizer_memory normalizer;
    semblance_splitter_memory splitter;
    semblance_byte_pairs_memory byte_pairs;
    semblance_unigram_memory unigram;
};

/// Where `extra` more ids can be written.
static inline int32_t *semblance_tokens_reserve(semblance_tokens *tokens, size_t extra) {
    tokens->ids = semblance_grow(tokens->ids, tokens->count + extra, &tokens->capacity, sizeof(int32_t));
    return tokens->ids + tokens->count;
}

static inline void semblance_tokens_add(semblance_tokens *tokens, int32_t id) {
    *semblance_tokens_reserve(tokens, 1) = id;
    tokens->count++;
}

#endif
