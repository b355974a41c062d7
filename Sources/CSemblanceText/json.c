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

/// Whether valid UTF-8 begins at `p`: no overlong forms, no surrogates.
static size_t valid_scalar(const uint8_t *p, const uint8_t *end) {
    uint32_t scalar;
    size_t length = semblance_decode(p, end, &scalar);
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    bool whole = (length == 1 && scalar < 0x80) || (length == 2 && scalar >= 0x80)
                 || (length == 3 && scalar >= 0x800 && (scalar < 0xD800 || scalar > 0xDFFF))
                 || (length == 4 && scalar >= 0x10000);
    return whole ? length : 0;
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
            size_t length = c < 0x80 ? 1 : valid_scalar(s->p, s->end);
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
