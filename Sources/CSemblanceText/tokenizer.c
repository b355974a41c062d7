#include <string.h>

#include "model.h"
#include "tokens.h"
#include "trie.h"
#include "unicode.h"
#include "words.h"

/// Added tokens that are looked for in one kind of text, raw or normalised.
typedef struct {
    semblance_trie trie; // value: index of the token
    bool begins[256];    // whether a token begins with this byte
    size_t count;
} patterns;

struct semblance_tokenizer {
    semblance_normalizer *normalizer;
    semblance_splitter *splitter;
    semblance_model *model;
    bool in_parts; // whether a text can be taken in parts that end at blanks
    int32_t unknown;
    patterns raw, normalized;
    int32_t *added_ids;
    uint32_t *added_flags;
    int32_t *before, *after;
    size_t before_count, after_count;
};

// Building.

typedef struct {
    semblance_trie_entry entry;
    size_t start;
} pattern;

static int compare_patterns(const void *a, const void *b) {
    const semblance_trie_entry *x = &((const pattern *)a)->entry, *y = &((const pattern *)b)->entry;
    int order = memcmp(x->bytes, y->bytes, x->count < y->count ? x->count : y->count);
    if (order) return order;
    if (x->count != y->count) return x->count < y->count ? -1 : 1;
    return x->value < y->value ? -1 : 1;
}

/// Of two tokens that look alike the first one wins. Returns -1, or the index of a token that normalises to nothing.
static int64_t make_patterns(const semblance_tokenizer_settings *settings, bool normalized, patterns *result) {
    const semblance_token_list *added = settings->added;
    pattern *found = semblance_allocate(added->count, sizeof(pattern));
    semblance_bytes text = {0};
    semblance_normalizer_memory memory = {0};
    int64_t empty = -1;
    size_t count = 0;
    for (size_t i = 0, start = 0; i < added->count; start = added->ends[i], i++) {
        if (((settings->added_flags[i] & SEMBLANCE_NORMALIZED) != 0) != normalized) continue;
        const uint8_t *bytes = added->bytes + start;
        size_t length = added->ends[i] - start;
        if (normalized) {
            semblance_span span = semblance_normalizer_run(settings->normalizer, bytes, length, &memory);
            bytes = span.begin;
            length = (size_t)(span.end - span.begin);
        }
        if (length == 0) {
            empty = (int64_t)i;
            continue;
        }
        memcpy(semblance_bytes_reserve(&text, length), bytes, length);
        found[count++] = (pattern){{NULL, length, (int32_t)i}, text.count};
        text.count += length;
    }
    for (size_t i = 0; i < count; i++) found[i].entry.bytes = text.bytes + found[i].start;
    qsort(found, count, sizeof(pattern), compare_patterns);
    semblance_trie_entry *entries = semblance_allocate(count, sizeof(semblance_trie_entry));
    for (size_t i = 0; i < count; i++) {
        const semblance_trie_entry *last = result->count ? &entries[result->count - 1] : NULL, *next = &found[i].entry;
        if (last && last->count == next->count && memcmp(last->bytes, next->bytes, next->count) == 0) continue;
        entries[result->count++] = *next;
        result->begins[next->bytes[0]] = true;
    }
    result->trie = semblance_trie_create(entries, result->count);
    free(entries);
    free(found);
    free(text.bytes);
    semblance_normalizer_memory_free(&memory);
    return empty;
}

static void *copied(const void *source, size_t count, size_t size) {
    void *copy = semblance_allocate(count, size);
    if (count) memcpy(copy, source, count * size);
    return copy;
}

semblance_tokenizer *semblance_tokenizer_create(const semblance_tokenizer_settings *settings, size_t *conflict) {
    semblance_tokenizer *t = semblance_allocate(1, sizeof(semblance_tokenizer));
    t->normalizer = settings->normalizer;
    t->splitter = settings->splitter;
    t->model = settings->model;
    t->unknown = settings->unknown;
    t->in_parts = semblance_normalizer_is_local(t->normalizer) && semblance_splitter_is_bert(t->splitter);
    t->added_ids = copied(settings->added->ids, settings->added->count, sizeof(int32_t));
    t->added_flags = copied(settings->added_flags, settings->added->count, sizeof(uint32_t));
    t->before = copied(settings->before, settings->before_count, sizeof(int32_t));
    t->after = copied(settings->after, settings->after_count, sizeof(int32_t));
    t->before_count = settings->before_count;
    t->after_count = settings->after_count;
    int64_t empty = make_patterns(settings, false, &t->raw);
    if (empty < 0) empty = make_patterns(settings, true, &t->normalized);
    if (empty < 0) return t;
    *conflict = (size_t)empty;
    semblance_tokenizer_destroy(t);
    return NULL;
}

void semblance_tokenizer_destroy(semblance_tokenizer *tokenizer) {
    semblance_normalizer_destroy(tokenizer->normalizer);
    semblance_splitter_destroy(tokenizer->splitter);
    tokenizer->model->destroy(tokenizer->model);
    semblance_trie_free(&tokenizer->raw.trie);
    semblance_trie_free(&tokenizer->normalized.trie);
    free(tokenizer->added_ids);
    free(tokenizer->added_flags);
    free(tokenizer->before);
    free(tokenizer->after);
    free(tokenizer);
}

semblance_tokens *semblance_tokens_create(void) { return semblance_allocate(1, sizeof(semblance_tokens)); }

void semblance_tokens_destroy(semblance_tokens *tokens) {
    free(tokens->ids);
    free(tokens->ends);
    semblance_normalizer_memory_free(&tokens->normalizer);
    semblance_splitter_memory_free(&tokens->splitter);
    semblance_byte_pairs_memory_free(&tokens->byte_pairs);
    semblance_unigram_memory_free(&tokens->unigram);
    free(tokens);
}

// Words.

typedef struct {
    const semblance_tokenizer *tokenizer;
    semblance_tokens *tokens;
    size_t enough;
} job;

static bool add_word(void *context, const uint8_t *word, const uint8_t *end) {
    const job *j = context;
    const semblance_model *model = j->tokenizer->model;
    if (j->tokens->count < j->enough) model->add(model, word, end, j->tokens);
    return j->tokens->count < j->enough;
}

/// Appends the ids of normalised text; may stop once there are `enough`. `first` says that a text begins with it.
static void add_words(
    const semblance_tokenizer *t, const uint8_t *p, const uint8_t *end, bool first, size_t enough,
    semblance_tokens *tokens) {
    if (!t->in_parts) {
        job j = {t, tokens, enough};
        semblance_splitter_run(t->splitter, p, end, first, &tokens->splitter, add_word, &j);
        return;
    }
    const uint8_t *word_end;
    while (tokens->count < enough && (word_end = semblance_next_word(&p, end))) {
        t->model->add(t->model, p, word_end, tokens);
        p = word_end;
    }
}

// Added tokens.

typedef struct {
    const uint8_t *begin, *end;
    int32_t index;
} match;

static bool is_word_before(const uint8_t *p, const uint8_t *begin, const uint8_t *end) {
    uint32_t scalar;
    if (p == begin) return false;
    semblance_decode(semblance_previous(p, begin), end, &scalar);
    return semblance_scalar(scalar)->flags & SEMBLANCE_WORD;
}

static bool is_word_at(const uint8_t *p, const uint8_t *end) {
    uint32_t scalar;
    if (p == end) return false;
    semblance_decode(p, end, &scalar);
    return semblance_scalar(scalar)->flags & SEMBLANCE_WORD;
}

/// The next added token at or after `p` in a text that goes from `begin` to `end`. Of those that begin first it is the
/// longest. White space that it takes with it doesn't reach back before `free`.
static bool next_match(
    const semblance_tokenizer *t, const patterns *set, const uint8_t *begin, const uint8_t *free, const uint8_t *p,
    const uint8_t *end, const uint8_t **resume, match *found) {
    while (p < end) {
        while (p < end && !set->begins[*p]) p++;
        size_t length = 0, space;
        int32_t index = semblance_trie_longest(set->trie.nodes, SEMBLANCE_TRIE_ROOT, p, end, &length);
        if (index < 0) {
            if (p < end) p++;
            continue;
        }
        uint32_t flags = t->added_flags[index];
        *found = (match){p, p + length, index};
        p += length;
        if ((flags & SEMBLANCE_SINGLE_WORD)
            && (is_word_before(found->begin, begin, end) || is_word_at(found->end, end)))
            continue;
        if (flags & SEMBLANCE_STRIP_LEFT) {
            while (found->begin > free) {
                const uint8_t *last = semblance_previous(found->begin, begin);
                if (semblance_class_at(last, end, &space) != SEMBLANCE_IS_SPACE) break;
                found->begin = last;
            }
            if (found->begin < free) found->begin = free;
        }
        if (flags & SEMBLANCE_STRIP_RIGHT) {
            if (found->end < free) found->end = free; // what the token before has taken is white space up to there
            while (found->end < end && semblance_class_at(found->end, end, &space) == SEMBLANCE_IS_SPACE)
                found->end += space;
        }
        if (found->begin >= found->end) continue; // white space that the token before has taken
        *resume = p;
        return true;
    }
    return false;
}

typedef void (*add_gap)(
    const semblance_tokenizer *t, const uint8_t *p, const uint8_t *end, bool first, size_t enough,
    semblance_tokens *tokens);

/// Appends the added tokens of a text, and what lies between them by `add`.
static void add_matches(
    const semblance_tokenizer *t, const patterns *set, const uint8_t *begin, const uint8_t *end, bool first,
    size_t enough, semblance_tokens *tokens, add_gap add) {
    const uint8_t *free = begin, *p = begin;
    match found;
    while (set->count && tokens->count < enough && next_match(t, set, begin, free, p, end, &p, &found)) {
        if (free < found.begin) add(t, free, found.begin, first && free == begin, enough, tokens);
        semblance_tokens_add(tokens, t->added_ids[found.index]);
        free = found.end;
    }
    if (free < end) add(t, free, end, first && free == begin, enough, tokens);
}

/// Normalises a stretch of raw text and appends its ids. If no step reaches across blanks, a long one is taken in parts
/// that end at one; then it stays in the cache, and a text that is cut short isn't read to its end.
static void add_raw(
    const semblance_tokenizer *t, const uint8_t *p, const uint8_t *end, bool first, size_t enough,
    semblance_tokens *tokens) {
    enum { PART = 8192 };
    while (p < end && tokens->count < enough) {
        const uint8_t *part = end;
        if (t->in_parts && end - p > PART && t->normalized.count == 0) {
            const uint8_t *blank = memchr(p + PART, ' ', (size_t)(end - p) - PART);
            if (blank) part = blank;
        }
        semblance_span text = semblance_normalizer_run(t->normalizer, p, (size_t)(part - p), &tokens->normalizer);
        add_matches(t, &t->normalized, text.begin, text.end, first, enough, tokens, add_words);
        p = part;
    }
}

/// Where a text ends that has at most so many scalars.
static size_t cut(const uint8_t *text, size_t count, size_t maximum_scalars) {
    if (count <= maximum_scalars) return count;
    size_t scalars = 0;
    for (size_t i = 0; i < count; i++)
        if ((text[i] & 0xC0) != 0x80 && scalars++ == maximum_scalars) return i;
    return count;
}

static void add_special(const int32_t *ids, size_t count, size_t room, semblance_tokens *tokens) {
    if (count > room) count = room;
    int32_t *end = semblance_tokens_reserve(tokens, count);
    if (count) memcpy(end, ids, count * sizeof(int32_t));
    tokens->count += count;
}

void semblance_tokenize(
    const semblance_tokenizer *t, semblance_tokenizing how, const uint8_t *text, size_t count,
    semblance_tokens *tokens) {
    size_t around = how.special ? t->before_count + t->after_count : 0;
    size_t room = how.maximum > around ? how.maximum - around : 0;
    if (how.special) add_special(t->before, t->before_count, how.maximum, tokens);
    size_t first = tokens->count;
    size_t enough = how.from_left || room > SIZE_MAX - first ? SIZE_MAX : first + room;
    count = cut(text, count, how.maximum_scalars);
    if (count && room) add_matches(t, &t->raw, text, text + count, true, enough, tokens, add_raw);

    if (tokens->count - first > room) {
        if (how.from_left) memmove(tokens->ids + first, tokens->ids + tokens->count - room, room * sizeof(int32_t));
        tokens->count = first + room;
    }
    if (how.without_unknown) {
        size_t kept = first;
        for (size_t i = first; i < tokens->count; i++)
            if (tokens->ids[i] != t->unknown) tokens->ids[kept++] = tokens->ids[i];
        tokens->count = kept;
    }
    if (how.special) {
        size_t used = how.maximum < t->before_count ? how.maximum : t->before_count;
        add_special(t->after, t->after_count, how.maximum - used, tokens);
    }
    tokens->ends = semblance_grow(tokens->ends, tokens->text_count + 1, &tokens->text_capacity, sizeof(size_t));
    tokens->ends[tokens->text_count++] = tokens->count;
}

size_t semblance_tokens_id_count(const semblance_tokens *tokens) { return tokens->count; }

size_t semblance_tokens_text_count(const semblance_tokens *tokens) { return tokens->text_count; }

void semblance_tokens_copy(const semblance_tokens *tokens, int32_t *ids, int32_t *offsets) {
    if (tokens->count) memcpy(ids, tokens->ids, tokens->count * sizeof(int32_t));
    offsets[0] = 0;
    for (size_t i = 0; i < tokens->text_count; i++) offsets[i + 1] = (int32_t)tokens->ends[i];
}
