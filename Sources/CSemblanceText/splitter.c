#include "splitter.h"

#include <string.h>

#include "properties.h"
#include "unicode.h"
#include "words.h"

typedef enum { CLASSES, METASPACE, BYTE_LEVEL } step_kind;

typedef struct {
    step_kind kind;
    semblance_word_class classes;
    uint32_t delimiter;
    uint8_t mark[4]; // of METASPACE, what stands for a blank
    size_t mark_count;
    semblance_prefix prefix;
    bool splits;
} step;

struct semblance_splitter {
    step steps[SEMBLANCE_SPLITTER_STEPS];
    size_t count;
};

semblance_splitter *semblance_splitter_create(void) { return semblance_allocate(1, sizeof(semblance_splitter)); }

void semblance_splitter_destroy(semblance_splitter *splitter) { free(splitter); }

static bool add(semblance_splitter *splitter, step made) {
    if (splitter->count == SEMBLANCE_SPLITTER_STEPS) return false;
    splitter->steps[splitter->count++] = made;
    return true;
}

bool semblance_splitter_add_classes(semblance_splitter *splitter, semblance_word_class classes, uint32_t delimiter) {
    return add(splitter, (step){.kind = CLASSES, .classes = classes, .delimiter = delimiter});
}

bool semblance_splitter_add_metaspace(
    semblance_splitter *splitter, uint32_t mark, semblance_prefix prefix, bool splits) {
    step made = {.kind = METASPACE, .prefix = prefix, .splits = splits};
    made.mark_count = (size_t)(semblance_encode(mark, made.mark) - made.mark);
    return add(splitter, made);
}

bool semblance_splitter_add_byte_level(semblance_splitter *splitter, bool prefix, bool splits) {
    semblance_prefix chosen = prefix ? SEMBLANCE_PREFIX_ALWAYS : SEMBLANCE_PREFIX_NEVER;
    return add(splitter, (step){.kind = BYTE_LEVEL, .prefix = chosen, .splits = splits});
}

// Words of one class of scalars.

/// What a scalar is to a step: it goes, it is a word alone, or it goes on a word of its class.
typedef enum { DROPPED, ALONE, COMMON, SPECIAL } scalar_class;

static scalar_class class_of(const step *s, uint32_t scalar) {
    uint32_t flags = semblance_scalar(scalar)->flags;
    switch (s->classes) {
    case SEMBLANCE_CLASSES_BERT:
        return flags & SEMBLANCE_SPACE ? DROPPED : flags & SEMBLANCE_PUNCTUATION ? ALONE : COMMON;
    case SEMBLANCE_CLASSES_WHITE_SPACE: return flags & SEMBLANCE_SPACE ? DROPPED : COMMON;
    case SEMBLANCE_CLASSES_WORDS: return flags & SEMBLANCE_WORD ? COMMON : flags & SEMBLANCE_SPACE ? DROPPED : SPECIAL;
    case SEMBLANCE_CLASSES_PUNCTUATION: return flags & SEMBLANCE_PUNCTUATION ? ALONE : COMMON;
    case SEMBLANCE_CLASSES_PUNCTUATION_DROPPED: return flags & SEMBLANCE_PUNCTUATION ? DROPPED : COMMON;
    case SEMBLANCE_CLASSES_PUNCTUATION_RUNS: return flags & SEMBLANCE_PUNCTUATION ? SPECIAL : COMMON;
    case SEMBLANCE_CLASSES_DIGITS: return semblance_properties(scalar) & SEMBLANCE_NUMERIC ? ALONE : COMMON;
    case SEMBLANCE_CLASSES_DIGIT_RUNS: return semblance_properties(scalar) & SEMBLANCE_NUMERIC ? SPECIAL : COMMON;
    case SEMBLANCE_CLASSES_DELIMITER: return scalar == s->delimiter ? DROPPED : COMMON;
    }
    return COMMON;
}

/// The end of the word that begins at `*p` or after it; NULL if there is none.
static const uint8_t *next_of_class(const step *s, const uint8_t **p, const uint8_t *end) {
    uint32_t scalar;
    size_t length;
    scalar_class class = DROPPED;
    const uint8_t *at = *p;
    for (; at < end && class == DROPPED; at += length) {
        *p = at;
        length = semblance_decode(at, end, &scalar);
        class = class_of(s, scalar);
    }
    if (class == DROPPED) return NULL;
    for (; at < end && class != ALONE; at += length) {
        length = semblance_decode(at, end, &scalar);
        if (class_of(s, scalar) != class) break;
    }
    return at;
}

// Words of Metaspace: each begins with the mark that stands for a blank.

static const uint8_t *next_of_marks(const step *s, const uint8_t *p, const uint8_t *end) {
    for (p++; p < end; p++) {
        p = memchr(p, s->mark[0], (size_t)(end - p));
        if (!p) return end;
        if ((size_t)(end - p) >= s->mark_count && memcmp(p, s->mark, s->mark_count) == 0) return p;
    }
    return end;
}

static void append(const uint8_t *bytes, size_t count, semblance_bytes *out) {
    if (count) memcpy(semblance_bytes_reserve(out, count), bytes, count);
    out->count += count;
}

static void write_marks(const step *s, const uint8_t *p, const uint8_t *end, bool first, semblance_bytes *out) {
    bool wanted = s->prefix == SEMBLANCE_PREFIX_ALWAYS || (s->prefix == SEMBLANCE_PREFIX_FIRST && first);
    bool there = p < end
                 && (*p == ' ' || ((size_t)(end - p) >= s->mark_count && memcmp(p, s->mark, s->mark_count) == 0));
    out->count = 0;
    if (wanted && !there) append(s->mark, s->mark_count, out);
    while (p < end) {
        const uint8_t *blank = memchr(p, ' ', (size_t)(end - p));
        append(p, (size_t)((blank ? blank : end) - p), out);
        if (!blank) return;
        append(s->mark, s->mark_count, out);
        p = blank + 1;
    }
}

// Words of ByteLevel: the pattern
// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+

typedef enum { SPACE, LETTER, NUMBER, OTHER } byte_level_class;

static byte_level_class byte_level_at(const uint8_t *p, const uint8_t *end, size_t *length) {
    static const uint8_t ascii[128] = {
        [0 ... 8] = OTHER, ['\t' ... '\r'] = SPACE, [14 ... 31] = OTHER, [' '] = SPACE, ['!' ... '/'] = OTHER,
        ['0' ... '9'] = NUMBER, [':' ... '@'] = OTHER, ['A' ... 'Z'] = LETTER, ['[' ... '`'] = OTHER,
        ['a' ... 'z'] = LETTER, ['{' ... 127] = OTHER,
    };
    *length = 1;
    if (*p < 0x80) return ascii[*p];
    uint32_t scalar;
    *length = semblance_decode(p, end, &scalar);
    uint16_t properties = semblance_properties(scalar);
    return properties & SEMBLANCE_LETTER                         ? LETTER
           : properties & SEMBLANCE_NUMBER                       ? NUMBER
           : semblance_scalar(scalar)->flags & SEMBLANCE_SPACE   ? SPACE
                                                                 : OTHER;
}

/// How many bytes of 's, 't, 're, 've, 'm, 'll or 'd there are; 0 if it is none of these.
static size_t contraction(const uint8_t *p, const uint8_t *end) {
    if (*p != '\'' || end - p < 2) return 0;
    if (p[1] == 's' || p[1] == 't' || p[1] == 'm' || p[1] == 'd') return 2;
    if (end - p < 3) return 0;
    bool two = (p[1] == 'r' && p[2] == 'e') || (p[1] == 'v' && p[2] == 'e') || (p[1] == 'l' && p[2] == 'l');
    return two ? 3 : 0;
}

static const uint8_t *next_of_bytes(const uint8_t *p, const uint8_t *end) {
    size_t length = contraction(p, end);
    if (length) return p + length;
    byte_level_class class = byte_level_at(p, end, &length);
    const uint8_t *at = p + length;
    if (class == SPACE && *p == ' ' && at < end) {
        byte_level_class next = byte_level_at(at, end, &length);
        if (next != SPACE) at += length, class = next;
    }
    const uint8_t *last = p; // scalar of the run
    size_t count = 1;
    while (at < end && byte_level_at(at, end, &length) == class) last = at, at += length, count++;
    // White space leaves its last scalar to the word after it.
    return class == SPACE && at < end && count > 1 ? last : at;
}

// Steps.

typedef struct {
    const semblance_splitter *splitter;
    semblance_splitter_memory *memory;
    semblance_take_word take;
    void *context;
} job;

static semblance_bytes *text_of(semblance_splitter_memory *memory, size_t number) {
    if (!memory->texts) memory->texts = semblance_allocate(SEMBLANCE_SPLITTER_STEPS, sizeof(semblance_bytes));
    return &memory->texts[number];
}

static bool run(const job *j, size_t number, const uint8_t *p, const uint8_t *end, bool first) {
    if (p == end) return true;
    if (number == j->splitter->count) return j->take(j->context, p, end);
    const step *s = &j->splitter->steps[number];
    semblance_bytes *text = s->kind == CLASSES ? NULL : text_of(j->memory, number);
    if (s->kind == METASPACE) {
        write_marks(s, p, end, first, text);
        p = text->bytes;
        end = p + text->count;
    } else if (s->kind == BYTE_LEVEL && s->prefix == SEMBLANCE_PREFIX_ALWAYS && *p != ' ') {
        text->count = 0;
        append((const uint8_t *)" ", 1, text);
        append(p, (size_t)(end - p), text);
        p = text->bytes;
        end = p + text->count;
    }
    if (s->kind != CLASSES && !s->splits) return run(j, number + 1, p, end, first);
    const uint8_t *begin = p, *word;
    while (p < end) {
        word = s->kind == CLASSES     ? next_of_class(s, &p, end)
               : s->kind == METASPACE ? next_of_marks(s, p, end)
                                      : next_of_bytes(p, end);
        if (!word) break;
        if (!run(j, number + 1, p, word, first && p == begin)) return false;
        p = word;
    }
    return true;
}

void semblance_splitter_run(
    const semblance_splitter *splitter, const uint8_t *p, const uint8_t *end, bool first,
    semblance_splitter_memory *memory, semblance_take_word take, void *context) {
    job j = {splitter, memory, take, context};
    run(&j, 0, p, end, first);
}

bool semblance_splitter_is_bert(const semblance_splitter *splitter) {
    const step *s = splitter->steps;
    return splitter->count == 1 && s->kind == CLASSES && s->classes == SEMBLANCE_CLASSES_BERT;
}

void semblance_splitter_memory_free(semblance_splitter_memory *memory) {
    for (size_t i = 0; memory->texts && i < SEMBLANCE_SPLITTER_STEPS; i++) free(memory->texts[i].bytes);
    free(memory->texts);
}
