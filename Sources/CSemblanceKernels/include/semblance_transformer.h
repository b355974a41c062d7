// What a transformer does between its matrix products: normalisation, activations, attention, dropout, rotations.
// Tokens are rows, row after row at a stride; every result depends on its own row, or text, alone.
#ifndef SEMBLANCE_TRANSFORMER_H
#define SEMBLANCE_TRANSFORMER_H

#include <stddef.h>
#include <stdint.h>

/// Layer normalisation of rows (arXiv:1607.06450), of x + residual where `residual` is given:
///
///     y = γ · x̂ + β,   x̂ = (s − mean(s)) · r,   r = 1 / √(var(s) + ε),   s = x + residual
///
/// `beta` may be NULL. `normalized` (x̂) and `inverse_deviations` (r, one a row) are written where not NULL; `y` may be `x`.
void semblance_layer_norm(
    const float *_Nonnull x, const float *_Nullable residual, size_t rows, size_t columns, const float *_Nonnull gamma,
    const float *_Nullable beta, float epsilon, float *_Nullable normalized, float *_Nullable inverse_deviations,
    float *_Nonnull y
);

/// ∂loss/∂s of layer normalisation: with g = γ · dy, ds = r · (g − mean(g) − x̂ · mean(g · x̂)).
void semblance_layer_norm_gradient(
    const float *_Nonnull normalized, const float *_Nonnull inverse_deviations, const float *_Nonnull gamma,
    const float *_Nonnull dy, size_t rows, size_t columns, float *_Nonnull dx
);

/// sums[c] += Σ over rows of x[r, c] (· y[r, c] where `y` is given), rows in order; both at stride `ld`.
void semblance_add_column_sums(
    const float *_Nonnull x, const float *_Nullable y, size_t rows, size_t columns, size_t ld, float *_Nonnull sums
);

/// Activation functions.
typedef enum {
    SEMBLANCE_GELU = 0,      // x · Φ(x), arXiv:1606.08415
    SEMBLANCE_GELU_TANH = 1, // its approximation by tanh
    SEMBLANCE_RELU = 2,
    SEMBLANCE_SILU = 3,      // x · σ(x)
    SEMBLANCE_TANH = 4,
} semblance_activation;

/// y = f(x), element by element, within 4e-7 of max(1, |x|); `y` may be `x`. NaN gives NaN; SiLU and the approximation of
/// GELU also make NaN of −∞, as −∞ · 0.
void semblance_activate(semblance_activation kind, const float *_Nonnull x, size_t n, float *_Nonnull y);

/// dx = dy · f′(x); `dx` may be `dy`.
void semblance_activate_gradient(
    semblance_activation kind, const float *_Nonnull x, const float *_Nonnull dy, size_t n, float *_Nonnull dx
);

/// Gated units of rows x = [a, b] with `columns` each: y = f(a) · b (arXiv:2002.05202).
void semblance_gated(
    semblance_activation kind, const float *_Nonnull x, size_t rows, size_t columns, float *_Nonnull y
);

/// The gradient of gated units: dx = [dy · b · f′(a), dy · f(a)].
void semblance_gated_gradient(
    semblance_activation kind, const float *_Nonnull x, const float *_Nonnull dy, size_t rows, size_t columns,
    float *_Nonnull dx
);

/// y = x with each element zero with probability `rate`, else times 1 / (1 − rate). Element i is decided by word i mod 4
/// of block counter + i / 4 of the stream (see semblance_philox). `y` may be `x`.
void semblance_dropout(
    uint64_t seed, uint64_t stream, uint64_t counter, float rate, const float *_Nonnull x, size_t n, float *_Nonnull y
);

/// How the tokens of one text attend to each other.
typedef struct semblance_attention_settings {
    size_t heads, head_dimension;
    float scale;
    size_t window;                // a token sees those at most so many places away; SIZE_MAX is all
    const float *_Nullable bias;  // [heads, 2 · reach + 1]: added to a score by key place − query place, clamped to ± reach
    size_t reach;
    uint64_t seed, stream;        // of dropout: text row r, head h has blocks from ((first_row + r) · heads + h) << 14 on
    float dropout;                // 0: none
} semblance_attention_settings;

/// Attention of one text's tokens for `head_count` heads from `first_head` on (arXiv:1706.03762 §3.2):
///
///     out[i, h] = Σ over j of softmax over j of (scale · ⟨q[i, h], k[j, h]⟩ + bias) · v[j, h]
///
/// A row of `qkv` holds queries, keys and values of all heads, heads · head_dimension floats each; `out` has as many a
/// row. Rows are contiguous. `first_row` is the text's first row in the batch; below 65,536 tokens with dropout.
/// Returns 0, or 1 when there is no memory for the workspace.
int semblance_attention(
    const semblance_attention_settings *_Nonnull settings, const float *_Nonnull qkv, size_t tokens, size_t first_row,
    size_t first_head, size_t head_count, float *_Nonnull out
);

/// The gradient of attention: from `d_out` to `d_qkv`, whose columns of these heads are overwritten. `d_bias`, where given,
/// has the shape of the bias and is added to.
int semblance_attention_gradient(
    const semblance_attention_settings *_Nonnull settings, const float *_Nonnull qkv, const float *_Nonnull d_out,
    size_t tokens, size_t first_row, size_t first_head, size_t head_count, float *_Nonnull d_qkv,
    float *_Nullable d_bias
);

/// Turns pairs of components by angles that grow with the place (rotary positions, arXiv:2104.09864), in place: in each
/// head's queries and keys, (x[i], x[i + half]) turns by place · frequencies[i] (`frequencies` has half =
/// head_dimension / 2 values). `direction` is 1, or −1 to turn back.
/// Returns 0, or 1 when there is no memory for the workspace.
int semblance_rotate(
    float *_Nonnull qkv, size_t tokens, size_t heads, size_t head_dimension, const float *_Nonnull frequencies,
    float direction
);

/// y[t] = x[t] + …: sums of table rows, one row of each table a token, the tables' ids in `ids[k]`; -1 is no row.
void semblance_gather_sum(
    const float *_Nonnull const *_Nonnull tables, const int32_t *_Nonnull const *_Nonnull ids, size_t table_count,
    size_t tokens, size_t columns, float *_Nonnull y
);

/// Pools rows offsets[t] ..< offsets[t + 1] of `x`, each text's, with a weight for each row: y[t] = Σ w[j] · x[j].
void semblance_pool_weighted(
    const float *_Nonnull x, const float *_Nonnull weights, const int32_t *_Nonnull offsets, size_t texts,
    size_t columns, float *_Nonnull y
);

/// The greatest of each column over a text's rows starts[t] ..< ends[t], and the row it is in (the first of several,
/// and of a NaN, which is greater than all); 0 and −1 for no rows.
void semblance_pool_maximum(
    const float *_Nonnull x, const int32_t *_Nonnull starts, const int32_t *_Nonnull ends, size_t texts,
    size_t columns, float *_Nonnull y, int32_t *_Nonnull places
);

#endif
