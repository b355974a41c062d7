#include "include/semblance_transformer.h"

#include "lanes.h"

// MARK: Lanes

/// x · Φ(x) = max(x, 0) − y · Φ(−y) with y = |x|; ln Φ(−y) is a polynomial in y (fitted on [0, 6] to the least largest
/// error; beyond it falls on, and at 10 the exponential is 0 beside any x).
BODY void gelu(float16v *out, const float16v *x) {
    const float16v zero = {0}, most = zero + 10.0f;
    float16v y = __builtin_elementwise_min(__builtin_elementwise_abs(*x), most), positive;
    int16v is_negative = *x < zero; // NaN stays
    select_lanes(&positive, &is_negative, &zero, x);
    float16v p = y * -1.4329382098e-8f + 4.5197333200e-7f;
    p = p * y - 6.0860539379e-6f;
    p = p * y + 4.4303224176e-5f;
    p = p * y - 1.6445260472e-4f;
    p = p * y - 5.9787150824e-5f;
    p = p * y + 4.8868241733e-3f;
    p = p * y - 3.6396940168e-2f;
    p = p * y - 3.1829235978e-1f;
    p = p * y - 7.9788642231e-1f;
    p = p * y - 6.9314714953e-1f;
    exponential_below(&p);
    *out = positive - y * p;
}

/// Φ(x) + x · φ(x), for x ≤ 0 and y = |x| the polynomial exp(y²/2) · (Φ(−y) − y · φ(y)) (fitted on [0, 5.5]) times
/// exp(−y²/2); for x > 0 one less that.
BODY void gelu_slope(float16v *out, const float16v *x) {
    const float16v zero = {0}, most = zero + 13.0f;
    float16v y = __builtin_elementwise_abs(*x);
    int16v is_positive = *x > zero, is_far = y > most;
    select_lanes(&y, &is_far, &most, &y);
    float16v density = y * y * -0.5f;
    exponential_below(&density);
    float16v p = y * -2.8002960248e-7f + 7.0540326902e-6f;
    p = p * y - 7.9658436755e-5f;
    p = p * y + 5.4153849076e-4f;
    p = p * y - 2.5318989162e-3f;
    p = p * y + 8.9075216143e-3f;
    p = p * y - 2.5371575191e-2f;
    p = p * y + 6.1860279203e-2f;
    p = p * y - 1.3278270334e-1f;
    p = p * y + 2.4996836686e-1f;
    p = p * y - 7.9788258925e-1f;
    p = p * y + 4.9999997971e-1f;
    p = p * density;
    float16v rest = 1.0f - p;
    select_lanes(out, &is_positive, &rest, &p);
}

/// σ(x) = 1 / (1 + exp(−x)).
BODY void logistic(float16v *out, const float16v *x) {
    float16v e = -*x;
    exponential(&e);
    *out = 1.0f / (1.0f + e);
}

/// tanh(x) = 2 σ(2x) − 1 far from 0, an odd polynomial (Taylor, |x| < 0.3) near it, where the difference would cancel.
BODY void hyperbolic_tangent(float16v *out, const float16v *x) {
    const float16v zero = {0};
    float16v twice = *x * 2.0f, far, s = *x * *x;
    logistic(&far, &twice);
    far = far * 2.0f - 1.0f;
    float16v near = s * -8.8632355e-3f + 2.1869489e-2f;
    near = near * s - 5.3968254e-2f;
    near = near * s + 1.3333333e-1f;
    near = near * s - 3.3333333e-1f;
    near = near * s * *x + *x;
    int16v small = s < zero + 0.09f;
    select_lanes(out, &small, &near, &far);
}

/// f(x) to `value` and f′(x) to `slope`; the one not wanted is NULL.
BODY void activation(semblance_activation kind, const float16v *x, float16v *value, float16v *slope) {
    const float16v zero = {0};
    switch (kind) {
    case SEMBLANCE_GELU:
        if (value) gelu(value, x);
        if (slope) gelu_slope(slope, x);
        break;
    case SEMBLANCE_GELU_TANH: { // ½ (1 + tanh u) = σ(2u)
        float16v square = *x * *x, twice = *x * (square * 0.07135481627f + 1.5957691216f), p;
        logistic(&p, &twice);
        if (value) *value = *x * p;
        if (slope) *slope = p + *x * (p * (1.0f - p)) * (square * 0.21406444881f + 1.5957691216f);
        break;
    }
    case SEMBLANCE_RELU: {
        int16v negative = *x < zero, positive = *x > zero; // NaN stays
        float16v one = zero + 1.0f;
        if (value) select_lanes(value, &negative, &zero, x);
        if (slope) select_lanes(slope, &positive, &one, &zero);
        break;
    }
    case SEMBLANCE_SILU: {
        float16v p;
        logistic(&p, x);
        if (value) *value = *x * p;
        if (slope) *slope = p * (*x * (1.0f - p) + 1.0f);
        break;
    }
    case SEMBLANCE_TANH: {
        float16v t;
        hyperbolic_tangent(&t, x);
        if (value) *value = t;
        if (slope) *slope = 1.0f - t * t;
        break;
    }
    }
}

// MARK: Rows

BODY void activate_row(semblance_activation kind, const float *x, size_t n, float *y) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) activation(kind, (const float16v *)(x + i), (float16v *)(y + i), NULL);
    if (i < n) {
        float16v part, value;
        load_part(&part, x + i, n - i);
        activation(kind, &part, &value, NULL);
        memcpy(y + i, &value, (n - i) * sizeof *y);
    }
}

BODY void activate_gradient_row(semblance_activation kind, const float *x, const float *dy, size_t n, float *dx) {
    float16v slope;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        activation(kind, (const float16v *)(x + i), NULL, &slope);
        *(float16v *)(dx + i) = *(const float16v *)(dy + i) * slope;
    }
    if (i < n) {
        float16v part, d;
        load_part(&part, x + i, n - i);
        load_part(&d, dy + i, n - i);
        activation(kind, &part, NULL, &slope);
        d *= slope;
        memcpy(dx + i, &d, (n - i) * sizeof *dx);
    }
}

/// The kind as a constant, so that each has a loop of its own.
#define FOR_EACH_KIND(call)                                                                                            \
    switch (kind) {                                                                                                    \
    case SEMBLANCE_GELU: call(SEMBLANCE_GELU); break;                                                                  \
    case SEMBLANCE_GELU_TANH: call(SEMBLANCE_GELU_TANH); break;                                                        \
    case SEMBLANCE_RELU: call(SEMBLANCE_RELU); break;                                                                  \
    case SEMBLANCE_SILU: call(SEMBLANCE_SILU); break;                                                                  \
    case SEMBLANCE_TANH: call(SEMBLANCE_TANH); break;                                                                  \
    }

BODY void activate_body(semblance_activation kind, const float *x, size_t n, float *y) {
#define CALL(k) activate_row(k, x, n, y)
    FOR_EACH_KIND(CALL)
#undef CALL
}

LEVELS(void, activate, (semblance_activation kind, const float *x, size_t n, float *y), (kind, x, n, y))

BODY void activate_gradient_body(semblance_activation kind, const float *x, const float *dy, size_t n, float *dx) {
#define CALL(k) activate_gradient_row(k, x, dy, n, dx)
    FOR_EACH_KIND(CALL)
#undef CALL
}

LEVELS(
    void, activate_gradient, (semblance_activation kind, const float *x, const float *dy, size_t n, float *dx),
    (kind, x, dy, n, dx)
)

// MARK: Gated units

BODY void gated_body(semblance_activation kind, const float *x, size_t rows, size_t columns, float *y) {
    for (size_t row = 0; row < rows; row++, x += 2 * columns, y += columns) {
        activate_body(kind, x, columns, y);
        for (size_t i = 0; i < columns; i++) y[i] *= x[columns + i];
    }
}

LEVELS(
    void, gated, (semblance_activation kind, const float *x, size_t rows, size_t columns, float *y),
    (kind, x, rows, columns, y)
)

BODY void gated_gradient_body(
    semblance_activation kind, const float *x, const float *dy, size_t rows, size_t columns, float *dx
) {
    for (size_t row = 0; row < rows; row++, x += 2 * columns, dy += columns, dx += 2 * columns) {
        activate_body(kind, x, columns, dx + columns);
        for (size_t i = 0; i < columns; i++) {
            dx[columns + i] *= dy[i];
            dx[i] = dy[i] * x[columns + i];
        }
        activate_gradient_body(kind, x, dx, columns, dx);
    }
}

LEVELS(
    void, gated_gradient,
    (semblance_activation kind, const float *x, const float *dy, size_t rows, size_t columns, float *dx),
    (kind, x, dy, rows, columns, dx)
)
