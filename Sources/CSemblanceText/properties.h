// What pre-tokenizers and normalisers know of each Unicode scalar, besides what unicode.h has for BERT's.
#ifndef SEMBLANCE_PROPERTIES_H
#define SEMBLANCE_PROPERTIES_H

#include <stddef.h>
#include <stdint.h>

/// What a scalar is to grapheme clusters; the low bits of its properties.
enum {
    SEMBLANCE_BREAK_OTHER, SEMBLANCE_BREAK_CR, SEMBLANCE_BREAK_LF, SEMBLANCE_BREAK_CONTROL, SEMBLANCE_BREAK_EXTEND,
    SEMBLANCE_BREAK_JOINER, SEMBLANCE_BREAK_REGIONAL, SEMBLANCE_BREAK_PREPEND, SEMBLANCE_BREAK_SPACING,
    SEMBLANCE_BREAK_L, SEMBLANCE_BREAK_V, SEMBLANCE_BREAK_T, SEMBLANCE_BREAK_LV, SEMBLANCE_BREAK_LVT,
    SEMBLANCE_BREAK_PICTOGRAPH,
    SEMBLANCE_BREAK_MASK = 15,
};

/// What it is to conjuncts of Indic scripts; the next bits.
enum {
    SEMBLANCE_CONJUNCT_CONSONANT = 1 << 4,
    SEMBLANCE_CONJUNCT_EXTEND = 2 << 4,
    SEMBLANCE_CONJUNCT_LINKER = 3 << 4,
    SEMBLANCE_CONJUNCT_MASK = 3 << 4,
};

enum {
    SEMBLANCE_LETTER = 1 << 6,       // \p{L}
    SEMBLANCE_NUMBER = 1 << 7,       // \p{N}
    SEMBLANCE_NUMERIC = 1 << 8,      // a digit to the Digits pre-tokenizer
    SEMBLANCE_COMBINING = 1 << 9,    // dropped by the StripAccents normaliser
    SEMBLANCE_COMPATIBLE = 1 << 10,  // has a compatibility decomposition
    SEMBLANCE_COMPOSES = 1 << 11,    // may be composed with what stands before it
    SEMBLANCE_UNSTABLE = 1 << 12,    // composition or reordering may change it
};

extern const uint16_t semblance_property_blocks[];
extern const uint16_t semblance_property_values[];

/// The properties of a scalar up to U+10FFFF.
static inline uint16_t semblance_properties(uint32_t scalar) {
    return semblance_property_values[semblance_property_blocks[scalar >> 7] * 128 + (scalar & 127)];
}

/// Two scalars and what they are composed to; sorted.
typedef struct {
    uint32_t first, second, whole;
} semblance_composition;

extern const semblance_composition semblance_compositions[];
extern const size_t semblance_composition_count;

/// A scalar and where its full compatibility decomposition is in the pool; sorted.
typedef struct {
    uint32_t scalar;
    uint16_t start, count;
} semblance_compatibility;

extern const semblance_compatibility semblance_compatibilities[];
extern const size_t semblance_compatibility_count;
extern const uint32_t semblance_compatibility_pool[];

#endif
