// What the normaliser and the pre-tokenizer know of each Unicode scalar, and UTF-8 in and out.
#ifndef SEMBLANCE_UNICODE_H
#define SEMBLANCE_UNICODE_H

#include <stddef.h>
#include <stdint.h>

enum {
    SEMBLANCE_REMOVED = 1,      // cleaning drops it
    SEMBLANCE_BLANK = 2,        // cleaning makes it a blank
    SEMBLANCE_IDEOGRAPH = 4,    // set off by blanks
    SEMBLANCE_MARK = 8,         // dropped after decomposition, with the accents
    SEMBLANCE_SPACE = 16,       // between words
    SEMBLANCE_PUNCTUATION = 32, // a word of its own
    SEMBLANCE_WORD = 64,        // \w to the single_word flag of added tokens
};

typedef struct {
    uint8_t flags;
    uint8_t combining; // canonical combining class
    uint8_t decomposition_count;
    uint8_t lower_count; // 0: the lowercase is the scalar + lower_delta
    uint16_t decomposition_start;
    uint16_t lower_start;
    int32_t lower_delta;
} semblance_scalar_record;

extern const uint32_t semblance_scalar_pool[];
extern const semblance_scalar_record semblance_scalar_records[];
extern const uint16_t semblance_scalar_blocks[];
extern const uint16_t semblance_scalar_indices[];

/// The record of a scalar up to U+10FFFF.
static inline const semblance_scalar_record *semblance_scalar(uint32_t scalar) {
    return &semblance_scalar_records[semblance_scalar_indices[semblance_scalar_blocks[scalar >> 7] * 128 + (scalar & 127)]];
}

/// The scalar at `p` and how many bytes it has; a byte that begins no whole scalar before `end` reads as U+FFFD.
static inline size_t semblance_decode(const uint8_t *p, const uint8_t *end, uint32_t *scalar) {
    uint32_t lead = p[0];
    size_t left = (size_t)(end - p);
    if (lead < 0x80) {
        *scalar = lead;
        return 1;
    }
    if (lead >= 0xC2 && lead < 0xE0 && left >= 2) {
        *scalar = (lead & 0x1F) << 6 | (p[1] & 0x3F);
        return 2;
    }
    if (lead >= 0xE0 && lead < 0xF0 && left >= 3) {
        *scalar = (lead & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
        return 3;
    }
    if (lead >= 0xF0 && lead < 0xF5 && left >= 4) {
        uint32_t value =
            (lead & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 | (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
        *scalar = value <= 0x10FFFF ? value : 0xFFFD;
        return 4;
    }
    *scalar = 0xFFFD;
    return 1;
}

/// How many bytes the valid UTF-8 has that begins at `p`; 0 if it is overlong, a surrogate, too large or cut off.
static inline size_t semblance_valid_scalar(const uint8_t *p, const uint8_t *end) {
    uint32_t scalar;
    size_t length = semblance_decode(p, end, &scalar);
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    int whole = (length == 1 && scalar < 0x80) || (length == 2 && scalar >= 0x80)
                || (length == 3 && scalar >= 0x800 && (scalar < 0xD800 || scalar > 0xDFFF))
                || (length == 4 && scalar >= 0x10000);
    return whole ? length : 0;
}

/// Where the scalar before `p` begins; `p` is after `begin`.
static inline const uint8_t *semblance_previous(const uint8_t *p, const uint8_t *begin) {
    do { p--; } while (p > begin && (*p & 0xC0) == 0x80);
    return p;
}

/// How many scalars there are.
static inline size_t semblance_scalar_count(const uint8_t *bytes, size_t count) {
    size_t scalars = 0;
    for (size_t i = 0; i < count; i++) scalars += (bytes[i] & 0xC0) != 0x80;
    return scalars;
}

/// Writes a scalar; up to 4 bytes.
static inline uint8_t *semblance_encode(uint32_t scalar, uint8_t *out) {
    if (scalar < 0x80) {
        *out++ = (uint8_t)scalar;
    } else if (scalar < 0x800) {
        *out++ = (uint8_t)(0xC0 | scalar >> 6);
        *out++ = (uint8_t)(0x80 | (scalar & 0x3F));
    } else if (scalar < 0x10000) {
        *out++ = (uint8_t)(0xE0 | scalar >> 12);
        *out++ = (uint8_t)(0x80 | (scalar >> 6 & 0x3F));
        *out++ = (uint8_t)(0x80 | (scalar & 0x3F));
    } else {
        *out++ = (uint8_t)(0xF0 | scalar >> 18);
        *out++ = (uint8_t)(0x80 | (scalar >> 12 & 0x3F));
        *out++ = (uint8_t)(0x80 | (scalar >> 6 & 0x3F));
        *out++ = (uint8_t)(0x80 | (scalar & 0x3F));
    }
    return out;
}

#endif
