// Sums of table rows, unit rows, exponentials and other work on rows of floats.
// Reductions go through 16 lanes in one order on every instruction set, so a row's result depends on the row alone.
#ifndef SEMBLANCE_ELEMENTWISE_H
#define SEMBLANCE_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

/// The position of the first id that is neither -1 nor in 0..<table_rows, or `count`: what takes ids below and in
/// semblance_transformer.h relies on there being none.
size_t semblance_first_id_outside(const int32_t *_Nonnull ids, size_t count, size_t table_rows);

/// Means (or weighted sums over the count) of table rows, one for each text, in order of the tokens:
///
///     out[t] = ( Σ over j in offsets[t]..<offsets[t+1] of w[ids[j]] · table[ids[j]] ) / (offsets[t+1] - offsets[t])
///
/// with w = 1 where `weights` (one for each table row) is NULL. A text without tokens gets a zero row. Row t of `out` is
/// at out + t * ld. The sum is scaled at the end.
void semblance_embedding_mean(
    const float *_Nonnull table, size_t dimension, const float *_Nullable weights, const int32_t *_Nonnull ids,
    const int32_t *_Nonnull offsets, size_t texts, float *_Nonnull out, size_t ld
);

/// The gradient of `semblance_embedding_mean` in the rows that occur, grouped by `semblance_group_tokens`:
///
///     out[u] = Σ over j in starts[u]..<starts[u+1], ascending, of w[rows[u]] · inverse_counts[texts[j]] · d_out[texts[j]]
///
/// `d_out` is [texts, dimension], `out` [unique, dimension], both contiguous; inverse_counts[t] = 1 / tokens of text t.
void semblance_embedding_gradient(
    const float *_Nonnull d_out, size_t dimension, const float *_Nullable weights, const int32_t *_Nonnull rows,
    const int32_t *_Nonnull starts, const int32_t *_Nonnull texts, const float *_Nonnull inverse_counts, size_t unique,
    float *_Nonnull out
);

/// Groups the tokens ids[offsets[0]..<offsets[texts]] by table row: a stable counting sort in O(tokens + table_rows).
///
/// Writes the rows that occur, ascending, to `rows` (room for min(tokens, table_rows)), where each one's occurrences
/// start to `starts` (one more than that), and the occurrences' texts, 0..<texts, to `occurrence_texts` (room for all
/// tokens). Returns the number of rows that occur; SIZE_MAX when there is no memory for a count per table row.
size_t semblance_group_tokens(
    const int32_t *_Nonnull ids, const int32_t *_Nonnull offsets, size_t texts, size_t table_rows,
    int32_t *_Nonnull rows, int32_t *_Nonnull starts, int32_t *_Nonnull occurrence_texts
);

/// Rows scaled to unit length: y = x · r with r = 1/‖x‖, the norm in double. A row shorter than the smallest normal
/// float counts as zero: y = 0 and r = 0. `y` may be `x`. A row with NaN or an infinity holds NaN afterwards.
void semblance_unit_rows(
    const float *_Nonnull x, size_t rows, size_t columns, float *_Nonnull y, float *_Nonnull inverse_norms
);

/// The gradient of `semblance_unit_rows`: dx = r (dy − ⟨dy, y⟩ y); 0 for a zero row. `dx` may be `dy`.
void semblance_unit_rows_gradient(
    const float *_Nonnull y, const float *_Nonnull inverse_norms, const float *_Nonnull dy, size_t rows, size_t columns,
    float *_Nonnull dx
);

/// The largest element; −∞ when n is 0, NaN when there is one.
float semblance_maximum(const float *_Nonnull x, size_t n);

/// x = exp(x · factor − shift), within 2 units in the last place of the rounded argument's exponential; returns the sum,
/// kept in double. −∞ gives 0, NaN stays.
float semblance_exponentials(float *_Nonnull x, size_t n, float factor, float shift);

/// x = x · factor.
void semblance_scale(float *_Nonnull x, size_t n, float factor);

/// y = y + factor · x; `y` and `x` don't overlap.
void semblance_add_scaled(float *_Nonnull y, const float *_Nonnull x, size_t n, float factor);

/// ⟨x, y⟩ in float.
float semblance_dot(const float *_Nonnull x, const float *_Nonnull y, size_t n);

/// Σ x², in double.
double semblance_sum_of_squares(const float *_Nonnull x, size_t n);

#endif
