// Tokenizing, the work per byte: everything here is linear in the text. Texts are UTF-8 with their length in bytes.
#ifndef CSEMBLANCE_TEXT_H
#define CSEMBLANCE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "semblance_dates.h"
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

// Normalisers: steps, each over what the one before it left.

typedef struct semblance_normalizer semblance_normalizer;

typedef enum { SEMBLANCE_NFC, SEMBLANCE_NFD, SEMBLANCE_NFKC, SEMBLANCE_NFKD } semblance_form;

/// How often a pattern stands in a row where it is replaced, and whether it is any white space instead of its bytes.
typedef struct {
    size_t least, most;
    bool space;
} semblance_repeats;

semblance_normalizer *semblance_normalizer_create(void);
void semblance_normalizer_destroy(semblance_normalizer *normalizer);

void semblance_normalizer_add_bert(semblance_normalizer *normalizer, uint32_t options);
void semblance_normalizer_add_form(semblance_normalizer *normalizer, semblance_form form);
void semblance_normalizer_add_strip(semblance_normalizer *normalizer, bool left, bool right);
void semblance_normalizer_add_strip_accents(semblance_normalizer *normalizer);
void semblance_normalizer_add_prepend(semblance_normalizer *normalizer, const uint8_t *content, size_t count);
void semblance_normalizer_add_replace(
    semblance_normalizer *normalizer, const uint8_t *pattern, size_t pattern_count, semblance_repeats repeats,
    const uint8_t *content, size_t content_count);

/// Adds a table of sentencepiece, in base64; false if it is broken.
bool semblance_normalizer_add_charsmap(semblance_normalizer *normalizer, const uint8_t *base64, size_t count);

// Pre-tokenizers: steps that cut a text into words, each step the words of the one before it.

typedef struct semblance_splitter semblance_splitter;

/// Which scalars go, which are words alone, and which make longer words.
typedef enum {
    SEMBLANCE_CLASSES_BERT,
    SEMBLANCE_CLASSES_WHITE_SPACE,
    SEMBLANCE_CLASSES_WORDS,
    SEMBLANCE_CLASSES_PUNCTUATION,
    SEMBLANCE_CLASSES_PUNCTUATION_DROPPED,
    SEMBLANCE_CLASSES_PUNCTUATION_RUNS,
    SEMBLANCE_CLASSES_DIGITS,
    SEMBLANCE_CLASSES_DIGIT_RUNS,
    SEMBLANCE_CLASSES_DELIMITER,
} semblance_word_class;

/// Where a blank is put before a word that doesn't begin with one.
typedef enum { SEMBLANCE_PREFIX_NEVER, SEMBLANCE_PREFIX_FIRST, SEMBLANCE_PREFIX_ALWAYS } semblance_prefix;

semblance_splitter *semblance_splitter_create(void);
void semblance_splitter_destroy(semblance_splitter *splitter);

// Each adds a step; false if there are too many.
bool semblance_splitter_add_classes(semblance_splitter *splitter, semblance_word_class classes, uint32_t delimiter);
bool semblance_splitter_add_metaspace(
    semblance_splitter *splitter, uint32_t mark, semblance_prefix prefix, bool splits);
bool semblance_splitter_add_byte_level(semblance_splitter *splitter, bool prefix, bool splits);

// Models: each turns a word into ids. The vocabulary must outlive the model.

typedef struct semblance_model semblance_model;

semblance_model *semblance_model_word_pieces(
    const semblance_vocabulary *vocabulary, int32_t unknown, size_t maximum_word, const uint8_t *prefix,
    size_t prefix_count);

/// Two tokens that are merged, and the token they become; those learned first come first.
typedef struct {
    int32_t left, right, whole;
} semblance_merge;

typedef struct {
    int32_t unknown;     // id of the unknown token, or -1: what is unknown is left out
    bool bytes;          // the vocabulary is written in letters that stand for bytes
    bool ignore_merges;  // a word that is a token is that token
    bool fuse_unknown;   // unknown letters in a row are one token
    bool byte_fallback;  // unknown letters are tokens like <0x0A>, if there are such
} semblance_byte_pair_options;

semblance_model *semblance_model_byte_pairs(
    const semblance_vocabulary *vocabulary, semblance_byte_pair_options options, const semblance_merge *merges,
    size_t merge_count);

/// Whether each byte has a token of the letter that stands for it.
bool semblance_byte_pairs_is_complete(const semblance_vocabulary *vocabulary);

/// `scores` has one for each id.
semblance_model *semblance_model_unigram(
    const semblance_vocabulary *vocabulary, const double *scores, int32_t unknown, bool byte_fallback);

// The tokenizer.

/// Flags of an added token.
enum {
    SEMBLANCE_SINGLE_WORD = 1,
    SEMBLANCE_STRIP_LEFT = 2,
    SEMBLANCE_STRIP_RIGHT = 4,
    SEMBLANCE_NORMALIZED = 8, // matched in the normalised text, else in the raw text
};

typedef struct {
    semblance_normalizer *normalizer;  // these three belong to the tokenizer then
    semblance_splitter *splitter;
    semblance_model *model;
    int32_t unknown;                   // id of the unknown token, or -1
    const semblance_token_list *added; // added tokens, those first that win when two are alike
    const uint32_t *added_flags;       // one for each
    const int32_t *before, *after;     // special tokens around each text
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

/// A number as the library serde_json reads it, which `tokenizers` does: the digits as a whole number, then one
/// multiplication or division by a power of ten. Infinite if it is too large.
double semblance_json_double(const uint8_t *source, const semblance_json_node *node);

/// Appends an array of pairs of a token and its score, the ids being their places; `scores` has room for one each.
/// Returns -1, or the index of the node that is no such pair, or of a score that isn't finite.
int64_t semblance_json_scores(
    const uint8_t *source, const semblance_json *json, size_t array, semblance_token_list *list, double *scores);

/// How many values an array has.
size_t semblance_json_count(const semblance_json *json, size_t array);

/// Reads an array of merges, each an array of two tokens or a string of two with a blank between; `merges` has room for
/// one each. Returns -1, or the index of the node that is no merge of two tokens to a third.
int64_t semblance_json_merges(
    const uint8_t *source, const semblance_json *json, size_t array, const semblance_vocabulary *vocabulary,
    semblance_merge *merges);

/// Appends the members of an object of ids; returns -1, or the index of the node that is no id below `limit`.
int64_t semblance_json_vocabulary(
    const uint8_t *source, const semblance_json *json, size_t object, int32_t limit, semblance_token_list *list);

#endif
