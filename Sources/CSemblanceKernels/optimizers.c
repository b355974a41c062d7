#include "include/semblance_optimizers.h"

#include "levels.h"

#include <math.h>

/// What one Adam step does to every element.
typedef struct adam_step {
    float keep;      // of p: 1 − learning rate · decay
    float rate;      // of the move
    float beta2, rest1, rest2; // rest = 1 − β
    float root;      // multiplies √v
    float epsilon;
    float scale;     // of the gradient
} adam_step;

BODY void adam_elements(
    float *restrict p, float *restrict m, float *restrict v, const float *restrict g, size_t n, const adam_step *step
) {
    const adam_step s = *step;
    for (size_t i = 0; i < n; i++) {
        float gradient = g[i] * s.scale;
        float first = m[i] + s.rest1 * (gradient - m[i]);
        float second = s.beta2 * v[i] + s.rest2 * gradient * gradient;
        m[i] = first;
        v[i] = second;
        float size = __builtin_elementwise_sqrt(second) * s.root + s.epsilon;
        p[i] = p[i] * s.keep - s.rate * (first / size);
    }
}

BODY void adam_body(
    float *p, float *m, float *v, const float *g, size_t n, float learning_rate, float beta1, float beta2,
    float epsilon, float decay, float correction1, float correction2, float gradient_scale
) {
    adam_step s = {
        .keep = (float)(1 - (double)learning_rate * decay),
        .rate = (float)((double)learning_rate / correction1),
        .beta2 = beta2,
        .rest1 = 1 - beta1,
        .rest2 = 1 - beta2,
        .root = (float)(1 / sqrt(correction2)),
        .epsilon = epsilon,
        .scale = gradient_scale,
    };
    adam_elements(p, m, v, g, n, &s);
}

LEVELS(
    void, adam,
    (float *p, float *m, float *v, const float *g, size_t n, float learning_rate, float beta1, float beta2,
     float epsilon, float decay, float correction1, float correction2, float gradient_scale),
    (p, m, v, g, n, learning_rate, beta1, beta2, epsilon, decay, correction1, correction2, gradient_scale)
)

BODY void adam_rows_body(
    float *p, float *m, float *v, size_t dimension, const int32_t *rows, const float *g, size_t count,
    float learning_rate, float beta1, float beta2, float epsilon, float correction1, float correction2,
    float gradient_scale
) {
    adam_step s = {
        .keep = 1,
        .rate = (float)(learning_rate * sqrt(correction2) / correction1),
        .beta2 = beta2,
        .rest1 = 1 - beta1,
        .rest2 = 1 - beta2,
        .root = 1,
        .epsilon = epsilon,
        .scale = gradient_scale,
    };
    for (size_t u = 0; u < count; u++) {
        size_t at = (size_t)rows[u] * dimension;
        adam_elements(p + at, m + at, v + at, g + u * dimension, dimension, &s);
    }
}

LEVELS(
    void, adam_rows,
    (float *p, float *m, float *v, size_t dimension, const int32_t *rows, const float *g, size_t count,
     float learning_rate, float beta1, float beta2, float epsilon, float correction1, float correction2,
     float gradient_scale),
    (p, m, v, dimension, rows, g, count, learning_rate, beta1, beta2, epsilon, correction1, correction2, gradient_scale)
)

BODY void adagrad_body(
    float *restrict p, float *restrict sum, const float *restrict g, size_t n, float learning_rate, float epsilon,
    float gradient_scale
) {
    for (size_t i = 0; i < n; i++) {
        float gradient = g[i] * gradient_scale;
        float total = sum[i] + gradient * gradient;
        sum[i] = total;
        float size = __builtin_elementwise_sqrt(total) + epsilon;
        p[i] -= learning_rate * (gradient / size);
    }
}

LEVELS(
    void, adagrad,
    (float *p, float *sum, const float *g, size_t n, float learning_rate, float epsilon, float gradient_scale),
    (p, sum, g, n, learning_rate, epsilon, gradient_scale)
)

BODY void adagrad_rows_body(
    float *p, float *sum, size_t dimension, const int32_t *rows, const float *g, size_t count, float learning_rate,
    float epsilon, float gradient_scale
) {
    for (size_t u = 0; u < count; u++) {
        size_t at = (size_t)rows[u] * dimension;
        adagrad_body(p + at, sum + at, g + u * dimension, dimension, learning_rate, epsilon, gradient_scale);
    }
}

LEVELS(
    void, adagrad_rows,
    (float *p, float *sum, size_t dimension, const int32_t *rows, const float *g, size_t count, float learning_rate,
     float epsilon, float gradient_scale),
    (p, sum, dimension, rows, g, count, learning_rate, epsilon, gradient_scale)
)
