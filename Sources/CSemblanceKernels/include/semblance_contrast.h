// The softmax over candidates of a block of anchors: loss and gradient in place, masks by comparing keys.
#ifndef SEMBLANCE_CONTRAST_H
#define SEMBLANCE_CONTRAST_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    float factor;    // logits = factor * score; 1 / temperature
    float smoothing; // share of the target spread evenly over all unmasked columns
    float weight;    // of each row's loss in the sum, in the gradient
} semblance_contrast_settings;

/// What a row reports beside its gradient.
typedef struct {
    double loss;            // in nats
    double factor_gradient; // ∂(weight * loss)/∂factor
    float hardest;          // the highest score among unmasked columns that are not targets; -inf when there is none
    float positive;         // the lowest score of a target
    int32_t hardest_column; // where `hardest` exceeds `positive`; else -1
    int32_t masked;         // columns masked for this row
} semblance_contrast_row;

/// Turns `rows` rows of scores from `first_row` on into gradients.
///
///     loss_r = Σ_t target_t (logSumExp_j s_j − s_t),  s = factor · score over unmasked columns
///     scores[r, j] becomes weight · ∂loss_r/∂score_j = weight · factor · (softmax_j − target_j)
///
/// A target of probability 1 has gradient −Σ of the others', never p − 1, which cancels in floats.
///
/// Keys are ids of equal texts or groups; -1 matches nothing. Of each column: `column_anchor`, the anchor's text where
/// the column is an anchor or a positive, else -1; `column_document`, the document's text, or where the column is an
/// anchor its positive's; `column_group`; `column_owner`, the row that brought it; `column_excludes_owner`, 1 where a row
/// never sees its own columns (anchor to anchor, document to document). A column is masked for a row that did not bring
/// it where one of its three keys is the row's. Of each row: `row_anchor`, `row_group`, and in
/// `row_first[r] ..< row_first[r + 1]` the texts of its positives and their columns; `row_twin`, a further column that
/// holds the same pair as the only target (document to query beside query to document), or -1. The pair's gradient,
/// p + p' − 1, is again −Σ of the others' and stands in the target's column.
/// `scratch` holds `columns` floats.
void semblance_contrast(
    float *_Nonnull scores, size_t ld, size_t first_row, size_t rows, size_t columns,
    const int32_t *_Nonnull column_anchor, const int32_t *_Nonnull column_document,
    const int32_t *_Nonnull column_group, const int32_t *_Nonnull column_owner,
    const uint8_t *_Nonnull column_excludes_owner, const int32_t *_Nonnull row_anchor,
    const int32_t *_Nonnull row_group, const int32_t *_Nonnull row_first, const int32_t *_Nonnull row_document,
    const int32_t *_Nonnull row_target, const int32_t *_Nonnull row_twin, semblance_contrast_settings settings,
    float *_Nonnull scratch, semblance_contrast_row *_Nonnull reports
);

#endif
