// Tokenizing, the work per byte: everything here is linear in the text. Texts are UTF-8 with their length in bytes.
#ifndef CSEMBLANCE_TEXT_H
#define CSEMBLANCE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "semblance_interner.h"
#include "semblance_lexical.h"

/// What the normaliser does, in this order.
enum {
    SEMBLANCE_CLEAN = 1,         // control characters go, every kind of white space becomes a blank
    SEMBLANCE_IDEOGRAPHS = 2,    // a blank on both sides of each CJK ideograph
    SEMBLANCE_STRIP_ACCENTS = 4, // canonical decomposition without non-spacing marks
    SEMBLANCE_LOWERCASE = 8,
};

// Tokens and their ids.

/// Tokens being collected for a vocabulary; token i has id ids[i] and the bytes from ends[i - 1] to ends[i].
typedef struct {
    uint8_t *bytes;
    size_t *ends;
    int32_t *ids;
    size_t count, byte_capacity, end_capacity, id_capacity;
} semblance_token_list;

void semblance_token_list_append(semblance_token_list *list, const uint8_t *token, size_t count, int32_t id);

/// Appends each line of a file; its id is its number, and blanks at its end don't count.
void semblance_token_list_append_lines(semblance_token_list *list, const uint8_t *text, size_t count);

void semblance_token_list_free(semblance_token_list *list);

typedef struct semblance_vocabulary semblance_vocabulary;

/// A vocabulary over a copy of the list. A token that occurs twice has the id it had last. NULL if two tokens have one
/// id; their indices are then in `conflict`.
semblance_vocabulary *semblance_vocabulary_create(const semblance_token_list *list, size_t conflict[2]);

void semblance_vocabulary_destroy(semblance_vocabulary *vocabulary);

/// How many tokens there are; ids may have holes.
size_t semblance_vocabulary_count(const semblance_vocabulary *vocabulary);

/// One more than the greatest id.
int32_t semblance_vocabulary_limit(const semblance_vocabulary *vocabulary);

/// The id of a token, or -1.
int32_t semblance_vocabulary_id(const semblance_vocabulary *vocabulary, const uint8_t *token, size_t count);

/// The bytes of a token; NULL if no token has this id.
const uint8_t *semblance_vocabulary_token(const semblance_vocabulary *vocabulary, int32_t id, size_t *count);

/// The median of the tokens' lengths in scalars, rounded down; `more` are the lengths of further tokens.
int32_t semblance_vocabulary_median_length(const semblance_vocabulary *vocabulary, const int32_t *more, size_t more_count);

// The tokenizer.

/// Flags of an added token.
enum {
    SEMBLANCE_SINGLE_WORD = 1,
    SEMBLANCE_STRIP_LEFT = 2,
    SEMBLANCE_STRIP_RIGHT = 4,
    SEMBLANCE_NORMALIZED = 8, // matched in the normalised text, else in the raw text
};

typedef struct {
    const semblance_vocabulary *vocabulary;    // must outlive the tokenizer
    uint32_t options;                          // of the normaliser
    int32_t unknown;                           // id of the unknown token
    size_t maximum_word;                       // longer words are unknown, in scalars
    const uint8_t *prefix;                     // before each piece but a word's first
    size_t prefix_count;
    const semblance_token_list *added;         // added tokens, those first that win when two are alike
    const uint32_t *added_flags;               // one for each
    const int32_t *before, *after;             // special tokens around each text
    size_t before_count, after_count;
} semblance_tokenizer_settings;

typedef struct semblance_tokenizer semblance_tokenizer;

/// NULL if an added token is empty once normalised; its index is then in `conflict`.
semblance_tokenizer *semblance_tokenizer_create(const semblance_tokenizer_settings *settings, size_t *conflict);

void semblance_tokenizer_destroy(semblance_tokenizer *tokenizer);

/// How a text is tokenised.
typedef struct {
    bool special;           // with the special tokens around it
    bool from_left;         // too long a text loses its beginning, not its end
    bool without_unknown;   // unknown tokens are taken out, after the text was cut to its length
    size_t maximum;         // at most so many ids, special ones included
    size_t maximum_scalars; // only so much of the text is read
} semblance_tokenizing;

/// The ids of texts, and the memory the work needs; reused from text to text, by one thread at a time.
typedef struct semblance_tokens semblance_tokens;

semblance_tokens *semblance_tokens_create(void);
void semblance_tokens_destroy(semblance_tokens *tokens);

/// Appends the ids of one text.
void semblance_tokenize(
    const semblance_tokenizer *tokenizer, semblance_tokenizing how, const uint8_t *text, size_t count,
    semblance_tokens *tokens);

size_t semblance_tokens_id_count(const semblance_tokens *tokens);
size_t semblance_tokens_text_count(const semblance_tokens *tokens);

/// Copies `semblance_tokens_id_count` ids and `semblance_tokens_text_count` + 1 offsets.
void semblance_tokens_copy(const semblance_tokens *tokens, int32_t *ids, int32_t *offsets);

// Learning a vocabulary.

/// How often each word of a corpus occurs, after normalising.
typedef struct semblance_word_counts semblance_word_counts;

/// Words of more than `maximum_word` scalars are left out: the tokenizer never spells them.
semblance_word_counts *semblance_word_counts_create(uint32_t options, size_t maximum_word);
void semblance_word_counts_destroy(semblance_word_counts *counts);
void semblance_word_counts_add(semblance_word_counts *counts, const uint8_t *text, size_t count);

/// How many different words there are.
size_t semblance_word_counts_size(const semblance_word_counts *counts);

typedef struct {
    size_t size;               // tokens at most
    size_t alphabet;           // scalars at most
    uint64_t minimum;          // a pair that occurs less often isn't merged
    const uint8_t *prefix;     // before each piece but a word's first
    size_t prefix_count;
} semblance_learning;

/// Appends learned tokens to a list that holds the special ones, ids going on from them: first the alphabet, then the
/// merges of the most frequent pair of neighbours, again and again. Of equally frequent pairs the one with the smaller
/// ids goes first, so the result depends on the counts alone.
void semblance_learn_vocabulary(
    const semblance_word_counts *counts, semblance_learning how, semblance_token_list *list);

// Packed lists of ids: list i is ids[offsets[i]] ..< ids[offsets[i + 1]].

/// Adds `base` to each of `count` offsets.
void semblance_offsets_shift(int32_t *offsets, size_t count, int32_t base);

/// The offsets of the chosen lists put one after another, `chosen_count` + 1 of them; returns their sum, or -1 if a
/// choice is outside 0 ..< list_count or the sum doesn't fit.
int64_t semblance_lists_select_offsets(
    const int32_t *offsets, size_t list_count, const int32_t *chosen, size_t chosen_count, int32_t *result);

/// The ids of the chosen lists; room for as many as `semblance_lists_select_offsets` returned.
void semblance_lists_select_ids(
    const int32_t *ids, const int32_t *offsets, const int32_t *chosen, size_t chosen_count, int32_t *result);

// JSON.

typedef enum {
    SEMBLANCE_JSON_NULL,
    SEMBLANCE_JSON_FALSE,
    SEMBLANCE_JSON_TRUE,
    SEMBLANCE_JSON_NUMBER,
    SEMBLANCE_JSON_STRING,
    SEMBLANCE_JSON_ARRAY,
    SEMBLANCE_JSON_OBJECT,
} semblance_json_kind;

/// A value; those inside it follow it, an object's as key, value, key, value.
typedef struct {
    uint32_t kind;
    uint32_t begin, end; // in the source, quotes and brackets included
    uint32_t next;       // index of the first node after this value
} semblance_json_node;

typedef struct {
    semblance_json_node *nodes;
    size_t count, capacity;
} semblance_json;

/// Parses a whole document, at most 128 values deep. Returns -1, or the offset of the byte that is wrong.
int64_t semblance_json_parse(const uint8_t *source, size_t count, semblance_json *json);

void semblance_json_free(semblance_json *json);

/// Decodes a string node into `out`, which holds its end - begin bytes; returns how many bytes it has.
size_t semblance_json_string(const uint8_t *source, const semblance_json_node *node, uint8_t *out);

/// Appends the members of an object of ids; returns -1, or the index of the node that is no id below `limit`.
int64_t semblance_json_vocabulary(
    const uint8_t *source, const semblance_json *json, size_t object, int32_t limit, semblance_token_list *list);

#endif
