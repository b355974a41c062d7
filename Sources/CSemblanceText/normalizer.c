#include "normalizer.h"

#include <string.h>

#include "charsmap.h"
#include "forms.h"
#include "properties.h"
#include "unicode.h"

typedef enum { BERT, FORM, STRIP, STRIP_ACCENTS, PREPEND, REPLACE, CHARSMAP } step_kind;

typedef struct {
    step_kind kind;
    uint32_t options; // of BERT
    semblance_form form;
    bool left, right; // what STRIP strips
    uint8_t *pattern, *content;
    size_t pattern_count, content_count;
    semblance_repeats repeats;
    semblance_charsmap *map;
} step;

struct semblance_normalizer {
    step *steps;
    size_t count, capacity;
};

semblance_normalizer *semblance_normalizer_create(void) { return semblance_allocate(1, sizeof(semblance_normalizer)); }

void semblance_normalizer_destroy(semblance_normalizer *normalizer) {
    for (size_t i = 0; i < normalizer->count; i++) {
        free(normalizer->steps[i].pattern);
        free(normalizer->steps[i].content);
        if (normalizer->steps[i].map) semblance_charsmap_destroy(normalizer->steps[i].map);
    }
    free(normalizer->steps);
    free(normalizer);
}

static void add(semblance_normalizer *n, step made) {
    n->steps = semblance_grow(n->steps, n->count + 1, &n->capacity, sizeof(step));
    n->steps[n->count++] = made;
}

static uint8_t *copied(const uint8_t *bytes, size_t count) {
    uint8_t *copy = semblance_allocate(count, 1);
    if (count) memcpy(copy, bytes, count);
    return copy;
}

void semblance_normalizer_add_bert(semblance_normalizer *normalizer, uint32_t options) {
    add(normalizer, (step){.kind = BERT, .options = options});
}

void semblance_normalizer_add_form(semblance_normalizer *normalizer, semblance_form form) {
    add(normalizer, (step){.kind = FORM, .form = form});
}

void semblance_normalizer_add_strip(semblance_normalizer *normalizer, bool left, bool right) {
    add(normalizer, (step){.kind = STRIP, .left = left, .right = right});
}

void semblance_normalizer_add_strip_accents(semblance_normalizer *normalizer) {
    add(normalizer, (step){.kind = STRIP_ACCENTS});
}

void semblance_normalizer_add_prepend(semblance_normalizer *normalizer, const uint8_t *content, size_t count) {
    add(normalizer, (step){.kind = PREPEND, .content = copied(content, count), .content_count = count});
}

void semblance_normalizer_add_replace(
    semblance_normalizer *normalizer, const uint8_t *pattern, size_t pattern_count, semblance_repeats repeats,
    const uint8_t *content, size_t content_count) {
    add(normalizer, (step){
        .kind = REPLACE,
        .pattern = copied(pattern, pattern_count),
        .pattern_count = pattern_count,
        .repeats = repeats,
        .content = copied(content, content_count),
        .content_count = content_count,
    });
}

bool semblance_normalizer_add_charsmap(semblance_normalizer *normalizer, const uint8_t *base64, size_t count) {
    semblance_charsmap *map = semblance_charsmap_create(base64, count);
    if (map) add(normalizer, (step){.kind = CHARSMAP, .map = map});
    return map != NULL;
}

// Steps.

static void append(const uint8_t *bytes, size_t count, semblance_bytes *out) {
    if (count) memcpy(semblance_bytes_reserve(out, count), bytes, count);
    out->count += count;
}

static bool is_space(const uint8_t *p, const uint8_t *end, size_t *length) {
    uint32_t scalar;
    *length = semblance_decode(p, end, &scalar);
    return semblance_scalar(scalar)->flags & SEMBLANCE_SPACE;
}

static semblance_span stripped(const step *s, semblance_span text) {
    size_t length;
    while (s->left && text.begin < text.end && is_space(text.begin, text.end, &length)) text.begin += length;
    while (s->right && text.begin < text.end) {
        const uint8_t *last = semblance_previous(text.end, text.begin);
        if (!is_space(last, text.end, &length)) break;
        text.end = last;
    }
    return text;
}

static void strip_accents(semblance_span text, semblance_bytes *out) {
    for (const uint8_t *p = text.begin; p < text.end;) {
        uint32_t scalar;
        size_t length = semblance_decode(p, text.end, &scalar);
        if (!(semblance_properties(scalar) & SEMBLANCE_COMBINING)) append(p, length, out);
        p += length;
    }
}

/// How many bytes of the text the pattern takes once; 0 if it isn't there.
static size_t matched(const step *s, const uint8_t *p, const uint8_t *end) {
    size_t length = s->pattern_count;
    if (s->repeats.space) return is_space(p, end, &length) ? length : 0;
    return (size_t)(end - p) >= length && memcmp(p, s->pattern, length) == 0 ? length : 0;
}

static void replace(const step *s, semblance_span text, semblance_bytes *out) {
    const uint8_t *p = text.begin, *kept = p;
    while (p < text.end) {
        const uint8_t *at = p;
        size_t times = 0, length;
        while (times < s->repeats.most && at < text.end && (length = matched(s, at, text.end)) > 0) at += length, times++;
        if (times >= s->repeats.least) {
            append(kept, (size_t)(p - kept), out);
            append(s->content, s->content_count, out);
            kept = at;
        }
        p = times ? at : p + 1;
    }
    append(kept, (size_t)(text.end - kept), out);
}

static void run(const step *s, semblance_span text, semblance_normalizer_memory *memory, semblance_bytes *out) {
    size_t count = (size_t)(text.end - text.begin);
    switch (s->kind) {
    case FORM: semblance_form_append(s->form, text.begin, count, &memory->bert, out); break;
    case STRIP_ACCENTS: strip_accents(text, out); break;
    case PREPEND:
        append(s->content, count ? s->content_count : 0, out);
        append(text.begin, count, out);
        break;
    case REPLACE: replace(s, text, out); break;
    case CHARSMAP: semblance_charsmap_append(s->map, text.begin, count, out); break;
    case BERT: case STRIP: break; // they make no new text
    }
}

semblance_span semblance_normalizer_run(
    const semblance_normalizer *normalizer, const uint8_t *text, size_t count, semblance_normalizer_memory *memory) {
    semblance_span span = {text, text + count};
    size_t written = 0;
    if (normalizer->count == 1 && normalizer->steps[0].kind == BERT) { // most texts; nothing is moved
        semblance_normalize(normalizer->steps[0].options, text, count, &memory->bert);
        return (semblance_span){memory->bert.out.bytes, memory->bert.out.bytes + memory->bert.out.count};
    }
    for (size_t i = 0; i < normalizer->count; i++) {
        const step *s = &normalizer->steps[i];
        if (s->kind == STRIP) {
            span = stripped(s, span);
            continue;
        }
        semblance_bytes *out = &memory->texts[written++ % 2];
        if (s->kind == BERT) {
            semblance_normalize(s->options, span.begin, (size_t)(span.end - span.begin), &memory->bert);
            semblance_bytes normalized = memory->bert.out;
            memory->bert.out = *out;
            *out = normalized;
        } else {
            out->count = 0;
            run(s, span, memory, out);
        }
        span = (semblance_span){out->bytes, out->bytes + out->count};
    }
    return span;
}

bool semblance_normalizer_is_local(const semblance_normalizer *normalizer) {
    for (size_t i = 0; i < normalizer->count; i++)
        if (normalizer->steps[i].kind != BERT) return false;
    return true;
}

void semblance_normalizer_memory_free(semblance_normalizer_memory *memory) {
    semblance_normalized_free(&memory->bert);
    free(memory->texts[0].bytes);
    free(memory->texts[1].bytes);
}
