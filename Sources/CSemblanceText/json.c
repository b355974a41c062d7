#include <math.h>
#include <stdio.h>
#include <string.h>

#include "include/CSemblanceText.h"
#include "storage.h"
#include "unicode.h"

enum { MAXIMUM_DEPTH = 128 };

typedef struct {
    const uint8_t *source, *p, *end;
    semblance_json *json;
} parser;

static void skip_space(parser *s) {
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t')) s->p++;
}

static size_t open_node(parser *s, semblance_json_kind kind) {
    semblance_json *json = s->json;
    json->nodes = semblance_grow(json->nodes, json->count + 1, &json->capacity, sizeof(semblance_json_node));
    json->nodes[json->count] = (semblance_json_node){.kind = kind, .begin = (uint32_t)(s->p - s->source)};
    return json->count++;
}

static void close_node(parser *s, size_t node) {
    s->json->nodes[node].end = (uint32_t)(s->p - s->source);
    s->json->nodes[node].next = (uint32_t)s->json->count;
}

static int hex(uint8_t c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/// Four hexadecimal digits, or -1.
static int32_t hex4(const uint8_t *p, const uint8_t *end) {
    if (end - p < 4) return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        if (hex(p[i]) < 0) return -1;
        value = value * 16 + hex(p[i]);
    }
    return value;
}

static bool parse_string(parser *s) {
    size_t node = open_node(s, SEMBLANCE_JSON_STRING);
    s->p++;
    while (s->p < s->end) {
        uint8_t c = *s->p;
        if (c == '"') {
            s->p++;
            close_node(s, node);
            return true;
        }
        if (c < 0x20) return false;
        if (c != '\\') {
            size_t length = c < 0x80 ? 1 : semblance_valid_scalar(s->p, s->end);
            if (length == 0) return false;
            s->p += length;
            continue;
        }
        if (s->end - s->p < 2) return false;
        uint8_t escape = s->p[1];
        if (escape != 'u') {
            if (escape == 0 || !strchr("\"\\/bfnrt", escape)) return false;
            s->p += 2;
            continue;
        }
        int32_t unit = hex4(s->p + 2, s->end);
        if (unit < 0 || (unit >= 0xDC00 && unit < 0xE000)) return false;
        size_t length = 6;
        if (unit >= 0xD800 && unit < 0xDC00) {
            if (s->end - s->p < 12 || s->p[6] != '\\' || s->p[7] != 'u') return false;
            int32_t low = hex4(s->p + 8, s->end);
            if (low < 0xDC00 || low >= 0xE000) return false;
            length = 12;
        }
        s->p += length;
    }
    return false;
}

static bool digits(parser *s) {
    const uint8_t *begin = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9') s->p++;
    return s->p > begin;
}

static bool parse_number(parser *s) {
    size_t node = open_node(s, SEMBLANCE_JSON_NUMBER);
    if (*s->p == '-') s->p++;
    if (s->p < s->end && *s->p == '0') s->p++;
    else if (!digits(s)) return false;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!digits(s)) return false;
    }
    if (s->p < s->end && (*s->p | 32) == 'e') {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-')) s->p++;
        if (!digits(s)) return false;
    }
    close_node(s, node);
    return true;
}

static bool parse_word(parser *s, const char *word, semblance_json_kind kind) {
    size_t length = strlen(word), node = open_node(s, kind);
    if ((size_t)(s->end - s->p) < length || memcmp(s->p, word, length) != 0) return false;
    s->p += length;
    close_node(s, node);
    return true;
}

static bool parse_value(parser *s, int depth);

static bool parse_container(parser *s, int depth, bool is_object) {
    size_t node = open_node(s, is_object ? SEMBLANCE_JSON_OBJECT : SEMBLANCE_JSON_ARRAY);
    uint8_t closing = is_object ? '}' : ']';
    s->p++;
    skip_space(s);
    bool more = !(s->p < s->end && *s->p == closing);
    while (more) {
        if (is_object) {
            skip_space(s);
            if (s->p >= s->end || *s->p != '"' || !parse_string(s)) return false;
            skip_space(s);
            if (s->p >= s->end || *s->p != ':') return false;
            s->p++;
        }
        if (!parse_value(s, depth)) return false;
        skip_space(s);
        if (s->p >= s->end || (*s->p != ',' && *s->p != closing)) return false;
        more = *s->p == ',';
        if (more) s->p++;
    }
    s->p++;
    close_node(s, node);
    return true;
}

static bool parse_value(parser *s, int depth) {
    skip_space(s);
    if (s->p >= s->end || depth >= MAXIMUM_DEPTH) return false;
    switch (*s->p) {
    case '{': return parse_container(s, depth + 1, true);
    case '[': return parse_container(s, depth + 1, false);
    case '"': return parse_string(s);
    case 't': return parse_word(s, "true", SEMBLANCE_JSON_TRUE);
    case 'f': return parse_word(s, "false", SEMBLANCE_JSON_FALSE);
    case 'n': return parse_word(s, "null", SEMBLANCE_JSON_NULL);
    case '-': case '0' ... '9': return parse_number(s);
    default: return false;
    }
}

int64_t semblance_json_parse(const uint8_t *source, size_t count, semblance_json *json) {
    parser s = {source, source, source + count, json};
    json->count = 0;
    if (count >= UINT32_MAX) return 0;
    if (!parse_value(&s, 0)) return s.p - source;
    skip_space(&s);
    return s.p == s.end ? -1 : s.p - source;
}

void semblance_json_free(semblance_json *json) {
    free(json->nodes);
    *json = (semblance_json){0};
}

size_t semblance_json_string(const uint8_t *source, const semblance_json_node *node, uint8_t *out) {
    const uint8_t *p = source + node->begin + 1, *end = source + node->end - 1;
    uint8_t *begin = out;
    while (p < end) {
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        uint8_t escape = p[1];
        p += 2;
        switch (escape) {
        case 'b': *out++ = '\b'; break;
        case 'f': *out++ = '\f'; break;
        case 'n': *out++ = '\n'; break;
        case 'r': *out++ = '\r'; break;
        case 't': *out++ = '\t'; break;
        case 'u': {
            uint32_t scalar = (uint32_t)hex4(p, end);
            p += 4;
            if (scalar >= 0xD800 && scalar < 0xDC00) {
                scalar = 0x10000 + ((scalar - 0xD800) << 10) + ((uint32_t)hex4(p + 2, end) - 0xDC00);
                p += 6;
            }
            out = semblance_encode(scalar, out);
            break;
        }
        default: *out++ = escape;
        }
    }
    return (size_t)(out - begin);
}

int64_t semblance_json_vocabulary(
    const uint8_t *source, const semblance_json *json, size_t object, int32_t limit, semblance_token_list *list) {
    semblance_bytes text = {0};
    int64_t wrong = -1;
    for (size_t i = object + 1; i < json->nodes[object].next && wrong < 0; i = json->nodes[i + 1].next) {
        const semblance_json_node *key = &json->nodes[i], *value = &json->nodes[i + 1];
        int64_t id = 0;
        bool whole = value->kind == SEMBLANCE_JSON_NUMBER;
        for (uint32_t at = value->begin; whole && at < value->end; at++) {
            whole = source[at] >= '0' && source[at] <= '9';
            id = id * 10 + (source[at] - '0');
            whole = whole && id < limit;
        }
        if (!whole) wrong = (int64_t)i;
        uint8_t *out = semblance_bytes_reserve(&text, key->end - key->begin);
        if (whole) semblance_token_list_append(list, out, semblance_json_string(source, key, out), (int32_t)id);
    }
    free(text.bytes);
    return wrong;
}

/// 10 to a power from 0 to 308, correctly rounded; infinite beyond.
static double power_of_ten(int64_t exponent) {
    char text[8] = "1e";
    if (exponent > 308) return INFINITY;
    snprintf(text + 2, sizeof text - 2, "%d", (int)exponent);
    return strtod(text, NULL); // no decimal point, so the locale doesn't matter
}

double semblance_json_double(const uint8_t *source, const semblance_json_node *node) {
    const uint8_t *p = source + node->begin, *end = source + node->end;
    bool negative = *p == '-';
    uint64_t digits = 0;
    int64_t exponent = 0;
    bool fraction = false, full = false;
    for (p += negative; p < end && (*p | 32) != 'e'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        uint64_t digit = (uint64_t)(*p - '0');
        full = full || digits > (UINT64_MAX - digit) / 10;
        if (!full) digits = digits * 10 + digit;
        exponent += full ? !fraction : -(int64_t)fraction;
    }
    if (p < end) {
        bool down = *++p == '-';
        int64_t written = 0;
        for (p += down || *p == '+'; p < end; p++)
            if (written < 1000000) written = written * 10 + (*p - '0');
        exponent += down ? -written : written;
    }
    double value = (double)digits;
    for (; exponent < -308 && value != 0; exponent += 308) value /= 1e308;
    if (value != 0) value = exponent < 0 ? value / power_of_ten(-exponent) : value * power_of_ten(exponent);
    return negative ? -value : value;
}

size_t semblance_json_count(const semblance_json *json, size_t array) {
    size_t count = 0;
    for (size_t i = array + 1; i < json->nodes[array].next; i = json->nodes[i].next) count++;
    return count;
}

int64_t semblance_json_scores(
    const uint8_t *source, const semblance_json *json, size_t array, semblance_token_list *list, double *scores) {
    semblance_bytes text = {0};
    int64_t wrong = -1;
    size_t count = 0;
    for (size_t i = array + 1; i < json->nodes[array].next && wrong < 0; i = json->nodes[i].next, count++) {
        const semblance_json_node *pair = &json->nodes[i], *token = pair + 1, *score = pair + 2;
        bool sound = pair->kind == SEMBLANCE_JSON_ARRAY && pair->next == i + 3
                     && token->kind == SEMBLANCE_JSON_STRING && score->kind == SEMBLANCE_JSON_NUMBER;
        if (sound) {
            uint8_t *out = semblance_bytes_reserve(&text, token->end - token->begin);
            semblance_token_list_append(list, out, semblance_json_string(source, token, out), (int32_t)count);
            scores[count] = semblance_json_double(source, score);
        }
        if (!sound || !isfinite(scores[count])) wrong = (int64_t)i;
    }
    free(text.bytes);
    return wrong;
}

int64_t semblance_json_merges(
    const uint8_t *source, const semblance_json *json, size_t array, const semblance_vocabulary *vocabulary,
    semblance_merge *merges) {
    semblance_bytes text = {0};
    int64_t wrong = -1;
    for (size_t i = array + 1; i < json->nodes[array].next && wrong < 0; i = json->nodes[i].next, merges++) {
        const semblance_json_node *merge = &json->nodes[i];
        uint8_t *left = semblance_bytes_reserve(&text, merge->end - merge->begin), *right = NULL;
        size_t left_count = 0, right_count = 0;
        if (merge->kind == SEMBLANCE_JSON_STRING) {
            size_t count = semblance_json_string(source, merge, left);
            const uint8_t *blank = memchr(left, ' ', count);
            left_count = blank ? (size_t)(blank - left) : count;
            right_count = blank ? count - left_count - 1 : 0;
            right = left + left_count;
            memmove(right, right + (blank != NULL), right_count);
            if (!blank || memchr(right, ' ', right_count)) right = NULL;
        } else if (merge->kind == SEMBLANCE_JSON_ARRAY && merge->next == i + 3 && merge[1].kind == SEMBLANCE_JSON_STRING
                   && merge[2].kind == SEMBLANCE_JSON_STRING) {
            left_count = semblance_json_string(source, &merge[1], left);
            right = left + left_count;
            right_count = semblance_json_string(source, &merge[2], right);
        }
        *merges = (semblance_merge){-1, -1, -1};
        if (right) {
            merges->left = semblance_vocabulary_id(vocabulary, left, left_count);
            merges->right = semblance_vocabulary_id(vocabulary, right, right_count);
            merges->whole = semblance_vocabulary_id(vocabulary, left, left_count + right_count);
        }
        if (merges->left < 0 || merges->right < 0 || merges->whole < 0) wrong = (int64_t)i;
    }
    free(text.bytes);
    return wrong;
}
