// Long texts cut into passages. Texts are valid UTF-8 with their length in bytes.
#ifndef SEMBLANCE_PASSAGES_H
#define SEMBLANCE_PASSAGES_H

#include <stddef.h>
#include <stdint.h>

/// What ends where a unit does, the best places to cut last.
typedef enum {
    SEMBLANCE_ENDS_NOTHING, // within a long word
    SEMBLANCE_ENDS_WORD,
    SEMBLANCE_ENDS_LINE,
    SEMBLANCE_ENDS_SENTENCE,
    SEMBLANCE_ENDS_PARAGRAPH,
} semblance_text_end;

/// A word without the white space around it; an ideograph; or up to 24 grapheme clusters of a longer word.
typedef struct {
    size_t begin, end;
    semblance_text_end ends;
} semblance_text_unit;

typedef struct {
    semblance_text_unit *_Nullable units;
    size_t count, capacity;
} semblance_text_units;

/// The units of a text, into a list that is zeroed at first. Linear in the text.
void semblance_text_units_read(
    semblance_text_units *_Nonnull units, const uint8_t *_Nullable text, size_t count
);

void semblance_text_units_free(semblance_text_units *_Nonnull units);

/// Units `first` ..< `end`.
typedef struct {
    size_t first, end;
} semblance_unit_run;

/// The run after one that is `before` (both 0 at first), of at most `length` tokens or of one unit: beginning so that
/// at most `overlap` tokens are of the run before, ending at the best place in its last third.
///
/// `tokens`, `units` + 1 of them, are sums: unit i has tokens[i + 1] - tokens[i]. O(units of both runs).
semblance_unit_run semblance_next_run(
    const semblance_text_unit *_Nonnull units, const uint64_t *_Nonnull tokens, size_t count, uint64_t length,
    uint64_t overlap, semblance_unit_run before
);

#endif
