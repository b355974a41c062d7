// A normaliser: steps, each over what the one before it left.
#ifndef SEMBLANCE_NORMALIZER_H
#define SEMBLANCE_NORMALIZER_H

#include "normalize.h"

typedef struct {
    semblance_normalized bert;
    semblance_bytes texts[2]; // steps write into one and read the other, in turn
} semblance_normalizer_memory;

typedef struct {
    const uint8_t *begin, *end;
} semblance_span;

/// The normalised text; it lies in `memory`, or is the text itself. Linear in `count`.
semblance_span semblance_normalizer_run(
    const semblance_normalizer *normalizer, const uint8_t *text, size_t count, semblance_normalizer_memory *memory);

/// Whether parts of a text that are cut at blanks can be normalised one by one.
bool semblance_normalizer_is_local(const semblance_normalizer *normalizer);

void semblance_normalizer_memory_free(semblance_normalizer_memory *memory);

#endif
