#include "graphemes.h"

#include <stdbool.h>

#include "properties.h"
#include "unicode.h"

/// What the scalars of a cluster so far mean for the next one.
typedef struct {
    int class;        // of the last scalar
    bool pictograph;  // they end in a pictograph and extenders
    bool joined;      // and in a joiner after that
    bool consonant;   // they end in a consonant and what extends it
    bool linked;      // and a linker is among that
    bool odd_region;  // they end in an odd number of regional indicators
} cluster;

static bool in(int class, int first, int last) { return class >= first && class <= last; }

/// Whether a scalar belongs to the cluster; the rules GB3 to GB13 of Unicode's annex 29.
static bool belongs(const cluster *c, int class, int conjunct) {
    if (c->class == SEMBLANCE_BREAK_CR) return class == SEMBLANCE_BREAK_LF;
    if (c->class == SEMBLANCE_BREAK_LF || c->class == SEMBLANCE_BREAK_CONTROL) return false;
    switch (class) {
    case SEMBLANCE_BREAK_CR: case SEMBLANCE_BREAK_LF: case SEMBLANCE_BREAK_CONTROL: return false;
    case SEMBLANCE_BREAK_EXTEND: case SEMBLANCE_BREAK_JOINER: case SEMBLANCE_BREAK_SPACING: return true;
    }
    if (c->class == SEMBLANCE_BREAK_PREPEND) return true;
    if (c->linked && conjunct == SEMBLANCE_CONJUNCT_CONSONANT) return true;
    switch (class) {
    case SEMBLANCE_BREAK_L: case SEMBLANCE_BREAK_LV: case SEMBLANCE_BREAK_LVT: return c->class == SEMBLANCE_BREAK_L;
    case SEMBLANCE_BREAK_V:
        return c->class == SEMBLANCE_BREAK_L || c->class == SEMBLANCE_BREAK_V || c->class == SEMBLANCE_BREAK_LV;
    case SEMBLANCE_BREAK_T: return in(c->class, SEMBLANCE_BREAK_V, SEMBLANCE_BREAK_LVT);
    case SEMBLANCE_BREAK_PICTOGRAPH: return c->joined;
    case SEMBLANCE_BREAK_REGIONAL: return c->odd_region;
    default: return false;
    }
}

static void append(cluster *c, int class, int conjunct) {
    c->joined = c->pictograph && class == SEMBLANCE_BREAK_JOINER;
    c->pictograph = class == SEMBLANCE_BREAK_PICTOGRAPH || (c->pictograph && class == SEMBLANCE_BREAK_EXTEND);
    bool extends = conjunct == SEMBLANCE_CONJUNCT_EXTEND || conjunct == SEMBLANCE_CONJUNCT_LINKER;
    c->linked = c->consonant && extends && (c->linked || conjunct == SEMBLANCE_CONJUNCT_LINKER);
    c->consonant = conjunct == SEMBLANCE_CONJUNCT_CONSONANT || (c->consonant && extends);
    c->odd_region = class == SEMBLANCE_BREAK_REGIONAL && !c->odd_region;
    c->class = class;
}

const uint8_t *semblance_grapheme_end(const uint8_t *p, const uint8_t *end) {
    cluster c = {0};
    for (bool first = true; p < end; first = false) {
        if (*p >= ' ' && *p < 0x7F && (p + 1 == end || (p[1] >= ' ' && p[1] < 0x7F)) && first) return p + 1;
        uint32_t scalar;
        size_t length = semblance_decode(p, end, &scalar);
        uint16_t properties = semblance_properties(scalar);
        int class = properties & SEMBLANCE_BREAK_MASK, conjunct = properties & SEMBLANCE_CONJUNCT_MASK;
        if (!first && !belongs(&c, class, conjunct)) break;
        append(&c, class, conjunct);
        p += length;
    }
    return p;
}
