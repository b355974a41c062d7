// One optimizer step over flat parameters, or over some rows of a table. Gradients are multiplied by `gradient_scale`
// first (clipping, averaging). Nothing here reads or writes memory outside the arrays given.
#ifndef SEMBLANCE_OPTIMIZERS_H
#define SEMBLANCE_OPTIMIZERS_H

#include <stddef.h>
#include <stdint.h>

/// AdamW as torch.optim.AdamW computes it, with g the scaled gradient:
///
///     p = p · (1 − learning_rate · decay);  m = m + (1 − β1)(g − m);  v = β2 v + (1 − β2) g²
///     p = p − (learning_rate / correction1) · m / ( √v / √correction2 + ε )
///
/// `correction1` is 1 − β1^t and `correction2` 1 − β2^t at step t = 1, 2, …: computed from the very floats given here
/// as betas, or the first steps are off by the rounding of 0.999.
void semblance_adam(
    float *_Nonnull p, float *_Nonnull m, float *_Nonnull v, const float *_Nonnull g, size_t n, float learning_rate,
    float beta1, float beta2, float epsilon, float decay, float correction1, float correction2, float gradient_scale
);

/// Lazy Adam on rows of a table, as torch.optim.SparseAdam: other rows and their moments stay as they are, the bias
/// correction is the whole table's, ε is added to the uncorrected root, there is no decay:
///
///     p = p − learning_rate · (√correction2 / correction1) · m / (√v + ε)
///
/// `p`, `m` and `v` are tables of `dimension` columns, `g` is [count, dimension], row u for the table's row rows[u];
/// no row comes twice.
void semblance_adam_rows(
    float *_Nonnull p, float *_Nonnull m, float *_Nonnull v, size_t dimension, const int32_t *_Nonnull rows,
    const float *_Nonnull g, size_t count, float learning_rate, float beta1, float beta2, float epsilon,
    float correction1, float correction2, float gradient_scale
);

/// Adagrad as torch.optim.Adagrad: sum = sum + g²;  p = p − learning_rate · g / (√sum + ε).
void semblance_adagrad(
    float *_Nonnull p, float *_Nonnull sum, const float *_Nonnull g, size_t n, float learning_rate, float epsilon,
    float gradient_scale
);

/// Adagrad on rows of a table; arguments as for `semblance_adam_rows`. Equals the dense step with zeros elsewhere.
void semblance_adagrad_rows(
    float *_Nonnull p, float *_Nonnull sum, size_t dimension, const int32_t *_Nonnull rows, const float *_Nonnull g,
    size_t count, float learning_rate, float epsilon, float gradient_scale
);

#endif
