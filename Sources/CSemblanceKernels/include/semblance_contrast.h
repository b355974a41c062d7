// The softmax over candidates of a block of anchors: masks by comparing keys, loss and gradient in place.
#ifndef SEMBLANCE_CONTRAST_H
#define SEMBLANCE_CONTRAST_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    float factor;           // logits = factor * score; 1 / temperature
    float smoothing;        // share of the target spread evenly over all unmasked columns
    float weight;           // of each row's loss in the sum, in the gradient
    int leaves_out_targets; // whether targets are no part of the sum over candidates (arXiv:2110.06848)
} semblance_contrast_settings;

/// What a row reports beside its gradient.
typedef struct {
    double loss;            // in nats
    double entropy;         // of the softmax, in nats
    double factor_gradient; // ∂(weight * loss)/∂factor
    float hardest;          // the highest score among unmasked columns that are not targets; -inf when there is none
    float positive;         // the lowest score of a target
    int32_t hardest_column; // where `hardest` exceeds `positive`; else -1
    int32_t open;           // the caller's to set: how many candidates the softmax is over
} semblance_contrast_row;

/// Which rows see a column.
enum {
    SEMBLANCE_VISIBLE,
    SEMBLANCE_HIDDEN_FROM_OWNER, // anchor to anchor, document to document: a row never sees its own
    SEMBLANCE_OWNER_ALONE,       // a column made for one row
};

/// Writes −∞ into `rows` rows of scores from `first_row` on where a candidate may be relevant to the row without being
/// its target, and how many they were to `masked`.
///
/// Keys are ids of equal texts or groups; -1 matches nothing. Of each column: `column_anchor`, the anchor's text where
/// the column is an anchor or a positive, else -1; `column_document`, the document's text, or where the column is an
/// anchor its positive's; `column_group`; `column_owner`, the row that brought it, or -1; `column_visibility`. A column
/// is masked for a row that did not bring it where one of its three keys is the row's. Of each row: `row_anchor`,
/// `row_group`, and in `row_first[r] ..< row_first[r + 1]` the texts of its positives.
void semblance_contrast_mask(
    float *_Nonnull scores, size_t ld, size_t first_row, size_t rows, size_t columns,
    const int32_t *_Nonnull column_anchor, const int32_t *_Nonnull column_document,
    const int32_t *_Nonnull column_group, const int32_t *_Nonnull column_owner,
    const uint8_t *_Nonnull column_visibility, const int32_t *_Nonnull row_anchor, const int32_t *_Nonnull row_group,
    const int32_t *_Nonnull row_first, const int32_t *_Nonnull row_document, int32_t *_Nonnull masked
);

/// Writes −∞ into n elements of `mask` where `closed` is not 0 and `target` is.
void semblance_contrast_close(
    float *_Nonnull mask, const float *_Nonnull closed, const float *_Nonnull target, size_t n
);

/// Turns `rows` rows of scores, −∞ where masked, into gradients.
///
///     loss_r = Σ_t target_t (logSumExp_j s_j − s_t),  s = factor · score
///     scores[r, j] becomes weight · row_weight[r] · ∂loss_r/∂score_j, the latter factor · (softmax_j − target_j)
///
/// A target of probability 1 has gradient −Σ of the others', never p − 1, which cancels in floats. Of each row:
/// in `row_first[r] ..< row_first[r + 1]` the columns of its targets, each with an equal share; `row_twin`, a further
/// column that holds the same pair as the only target (document to query beside query to document), or -1. The pair's
/// gradient, p + p' − 1, is again −Σ of the others' and stands in the target's column. Where targets are left out of the sum
/// a row without other candidates has loss and gradient 0. Rows' weights are 1 where
/// `row_weight` is NULL. `scratch` holds `columns` floats.
void semblance_contrast_softmax(
    float *_Nonnull scores, size_t ld, size_t first_row, size_t rows, size_t columns,
    const int32_t *_Nonnull row_first, const int32_t *_Nonnull row_target, const int32_t *_Nonnull row_twin,
    const float *_Nullable row_weight, semblance_contrast_settings settings, float *_Nonnull scratch,
    semblance_contrast_row *_Nonnull reports
);

/// The same with targets given as a distribution over all columns, `[rows, columns]`; masked columns have no share.
/// Of the reports loss, entropy and gradient of the factor are set.
void semblance_contrast_distribution(
    float *_Nonnull scores, size_t ld, size_t first_row, size_t rows, size_t columns, const float *_Nonnull targets,
    size_t targets_ld, const float *_Nullable row_weight, semblance_contrast_settings settings,
    float *_Nonnull scratch, semblance_contrast_row *_Nonnull reports
);

#endif
