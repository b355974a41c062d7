#include "include/semblance_transformer.h"

#include "lanes.h"

/// Σ of n floats: 16 lanes, run after run.
BODY float sum_floats(const float *x, size_t n) {
    float16v sum = {0};
    size_t i = 0;
    for (; i + 16 <= n; i += 16) sum += *(const float16v *)(x + i);
    if (i < n) {
        float16v part;
        load_part(&part, x + i, n - i);
        sum += part;
    }
    return sum_lanes(&sum);
}

/// Σ (x − mean)².
BODY float sum_squared_deviations(const float *x, size_t n, float mean) {
    float16v sum = {0};
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        float16v d = *(const float16v *)(x + i) - mean;
        sum += d * d;
    }
    float rest = 0;
    for (; i < n; i++) rest += (x[i] - mean) * (x[i] - mean);
    return sum_lanes(&sum) + rest;
}

BODY void layer_norm_body(
    const float *x, const float *residual, size_t rows, size_t columns, const float *gamma, const float *beta,
    float epsilon, float *normalized, float *inverse_deviations, float *y
) {
    for (size_t row = 0; row < rows; row++, x += columns, y += columns) {
        if (residual) {
            for (size_t i = 0; i < columns; i++) y[i] = x[i] + residual[i];
            residual += columns;
        } else if (y != x) {
            memcpy(y, x, columns * sizeof *y);
        }
        float mean = sum_floats(y, columns) / (float)columns;
        float variance = sum_squared_deviations(y, columns, mean) / (float)columns;
        float inverse = 1 / __builtin_elementwise_sqrt(variance + epsilon);
        if (normalized) {
            for (size_t i = 0; i < columns; i++) normalized[i] = (y[i] - mean) * inverse;
            normalized += columns;
        }
        if (inverse_deviations) inverse_deviations[row] = inverse;
        if (beta)
            for (size_t i = 0; i < columns; i++) y[i] = (y[i] - mean) * inverse * gamma[i] + beta[i];
        else
            for (size_t i = 0; i < columns; i++) y[i] = (y[i] - mean) * inverse * gamma[i];
    }
}

LEVELS(
    void, layer_norm,
    (const float *x, const float *residual, size_t rows, size_t columns, const float *gamma, const float *beta,
     float epsilon, float *normalized, float *inverse_deviations, float *y),
    (x, residual, rows, columns, gamma, beta, epsilon, normalized, inverse_deviations, y)
)

BODY void layer_norm_gradient_body(
    const float *normalized, const float *inverse_deviations, const float *gamma, const float *dy, size_t rows,
    size_t columns, float *dx
) {
    for (size_t row = 0; row < rows; row++, normalized += columns, dy += columns, dx += columns) {
        float16v sum = {0}, along = {0};
        size_t i = 0;
        for (; i + 16 <= columns; i += 16) {
            float16v g = *(const float16v *)(dy + i) * *(const float16v *)(gamma + i);
            sum += g;
            along += g * *(const float16v *)(normalized + i);
        }
        float rest = 0, rest_along = 0;
        for (; i < columns; i++) {
            float g = dy[i] * gamma[i];
            rest += g;
            rest_along += g * normalized[i];
        }
        float mean = (sum_lanes(&sum) + rest) / (float)columns;
        float mean_along = (sum_lanes(&along) + rest_along) / (float)columns;
        float inverse = inverse_deviations[row];
        for (i = 0; i < columns; i++) dx[i] = inverse * (dy[i] * gamma[i] - mean - normalized[i] * mean_along);
    }
}

LEVELS(
    void, layer_norm_gradient,
    (const float *normalized, const float *inverse_deviations, const float *gamma, const float *dy, size_t rows,
     size_t columns, float *dx),
    (normalized, inverse_deviations, gamma, dy, rows, columns, dx)
)

BODY void add_column_sums_body(
    const float *x, const float *y, size_t rows, size_t columns, size_t ld, float *sums
) {
    for (size_t row = 0; row < rows; row++, x += ld) {
        if (y) {
            for (size_t i = 0; i < columns; i++) sums[i] += x[i] * y[i];
            y += ld;
        } else {
            for (size_t i = 0; i < columns; i++) sums[i] += x[i];
        }
    }
}

LEVELS(
    void, add_column_sums,
    (const float *x, const float *y, size_t rows, size_t columns, size_t ld, float *sums),
    (x, y, rows, columns, ld, sums)
)
