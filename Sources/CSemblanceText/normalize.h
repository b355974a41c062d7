// BERT's normaliser: cleaning, ideographs set off, accents stripped, lowercase; in this order.
#ifndef SEMBLANCE_NORMALIZE_H
#define SEMBLANCE_NORMALIZE_H

#include "storage.h"
#include "include/CSemblanceText.h"

/// A mark that waits for the end of its run, where marks are put into canonical order.
typedef struct {
    uint32_t scalar;
    uint32_t combining;
} semblance_mark;

/// The normalised bytes, and the memory the work needs; reused from text to text.
typedef struct {
    semblance_bytes out;
    semblance_mark *marks;
    size_t mark_count, mark_capacity;
} semblance_normalized;

/// Replaces `result->out` by the normalised text. Linear in `count`.
void semblance_normalize(uint32_t options, const uint8_t *text, size_t count, semblance_normalized *result);

void semblance_normalized_free(semblance_normalized *result);

#endif
