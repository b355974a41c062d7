// The terms of a segment.
#ifndef SEMBLANCE_LEXICAL_SEGMENT_H
#define SEMBLANCE_LEXICAL_SEGMENT_H

#include "semblance_lexical.h"

/// What a segment's table knows a word by; part of the format.
uint32_t semblance_lexical_hash(const uint8_t *word, size_t count);

/// The number of a term, -1 if the segment doesn't have it.
int64_t semblance_lexical_term(const semblance_lexical_segment *s, uint32_t hash, const uint8_t *word, size_t count);

static inline bool semblance_bit(const uint64_t *bits, uint64_t at) { return bits[at / 64] >> at % 64 & 1; }

#endif
