// Random changes of texts given as token ids.
#ifndef SEMBLANCE_TEXT_EDITS_H
#define SEMBLANCE_TEXT_EDITS_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    /// A run of `share` to `most` of the tokens, at least one.
    SEMBLANCE_EDIT_CROP,
    /// Each token falls with probability `share`; if all would, one stays.
    SEMBLANCE_EDIT_DELETE,
    /// Each token becomes one of `replacements` with probability `share`.
    SEMBLANCE_EDIT_REPLACE,
    /// Each token becomes `mask` with probability `share`.
    SEMBLANCE_EDIT_MASK,
    /// The tokens that a run of `count` characters touches become one `mask`; texts of fewer than `least` characters stay.
    SEMBLANCE_EDIT_MASK_SPAN,
    /// Up to `count` runs of `share` of the tokens fall, together count · share of them.
    SEMBLANCE_EDIT_DELETE_SPANS,
    /// Up to `count` pairs of runs of `share` of the tokens change places.
    SEMBLANCE_EDIT_SWAP_SPANS,
    /// Each token becomes one of its `neighbours` with probability `share`.
    SEMBLANCE_EDIT_SUBSTITUTE,
} semblance_text_edit_kind;

typedef struct {
    semblance_text_edit_kind kind;
    double share, most;
    int32_t count, least;
} semblance_text_edit;

typedef struct {
    /// Made one after another.
    const semblance_text_edit *_Nonnull edits;
    size_t edit_count;
    /// Text t draws from the blocks from t · 2³² on of this stream.
    uint64_t seed, stream;
    /// Tokens at a text's beginning and end that stay.
    size_t leading, trailing;
    int32_t mask;
    const int32_t *_Nullable replacements;
    size_t replacement_count;
    /// `neighbours_each` ids for each id, itself where there are none.
    const int32_t *_Nullable neighbours;
    size_t neighbours_each;
    /// By id: its characters.
    const int32_t *_Nullable lengths;
} semblance_text_edits;

/// Edits `count` texts. No edit makes a text longer, so `result` has room for the ids of all; `result_offsets` for
/// count + 1; `scratch` for the ids of the longest text.
void semblance_edit_texts(
    const semblance_text_edits *_Nonnull edits, const int32_t *_Nullable ids, const int32_t *_Nonnull offsets,
    size_t count, int32_t *_Nullable result, int32_t *_Nonnull result_offsets, int32_t *_Nullable scratch
);

#endif
