#include "include/semblance_transformer.h"

#include "lanes.h"

// MARK: Lanes

/// Φ(x), the normal distribution function: ½ (1 + erf(x/√2)), within 1e-7. With t = |x|/√2, erf(t) is t times a polynomial
/// in t² up to 1, and erfc(t) the exponential of one in t beyond (both fitted to the least largest error).
BODY void normal_distribution(float16v *out, const float16v *x) {
    const float16v zero = {0}, ten = zero + 10.0f;
    int16v negative = *x < zero;
    float16v mirrored = -*x, t;
    select_lanes(&t, &negative, &mirrored, x);
    t = t * 0.70710678118654752f;
    int16v far = t > ten;
    select_lanes(&t, &far, &ten, &t);

    float16v s = t * t;
    float16v near = s * 7.889120752e-5f - 8.020841633e-4f;
    near = near * s + 5.189535208e-3f;
    near = near * s - 2.6854444295e-2f;
    near = near * s + 1.1283600330e-1f;
    near = near * s - 3.7612625957e-1f;
    near = near * s + 1.1283791065f;
    near = near * t * 0.5f; // ½ erf(t)

    float16v tail = t * -2.168682659e-5f + 4.413360730e-4f;
    tail = tail * t - 4.204560537e-3f;
    tail = tail * t + 2.5208251551e-2f;
    tail = tail * t - 1.0841856897e-1f;
    tail = tail * t - 6.3321989775e-1f;
    tail = tail * t - 1.1295784712f;
    tail = tail * t + 1.8803942657e-4f;
    exponential(&tail);
    tail = tail * 0.5f; // ½ erfc(t)

    int16v is_near = t <= zero + 1.0f;
    float16v below = 0.5f - near, above = 0.5f + near, rest = 1.0f - tail, lower, upper;
    select_lanes(&lower, &is_near, &below, &tail);
    select_lanes(&upper, &is_near, &above, &rest);
    select_lanes(out, &negative, &lower, &upper);
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

/// The argument of the approximation's tanh: √(2/π) (x + 0.044715 x³).
BODY void tanh_argument(float16v *out, const float16v *x) {
    *out = 0.79788456080286536f * (*x + 0.044715f * (*x * *x * *x));
}

/// f(x) to `value` and f′(x) to `slope`; the one not wanted is NULL.
BODY void activation(semblance_activation kind, const float16v *x, float16v *value, float16v *slope) {
    const float16v zero = {0};
    switch (kind) {
    case SEMBLANCE_GELU: {
        float16v p;
        normal_distribution(&p, x);
        if (value) *value = *x * p;
        if (slope) {
            float16v density = *x * *x * -0.5f;
            exponential(&density);
            *slope = p + *x * (density * 0.39894228040143268f);
        }
        break;
    }
    case SEMBLANCE_GELU_TANH: {
        float16v u, t;
        tanh_argument(&u, x);
        hyperbolic_tangent(&t, &u);
        if (value) *value = *x * 0.5f * (t + 1.0f);
        if (slope) {
            float16v du = 0.79788456080286536f * (3 * 0.044715f * (*x * *x) + 1.0f);
            *slope = 0.5f * (t + 1.0f) + 0.5f * *x * (1.0f - t * t) * du;
        }
        break;
    }
    case SEMBLANCE_RELU: {
        int16v positive = *x > zero;
        float16v one = zero + 1.0f;
        if (value) select_lanes(value, &positive, x, &zero);
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
    for (size_t i = 0; i < n; i += 16) {
        size_t count = n - i < 16 ? n - i : 16;
        float16v part, d, slope;
        load_part(&part, x + i, count);
        load_part(&d, dy + i, count);
        activation(kind, &part, NULL, &slope);
        d *= slope;
        memcpy(dx + i, &d, count * sizeof *dx);
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
