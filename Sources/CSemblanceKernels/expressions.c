#include "include/semblance_expressions.h"
#include "include/semblance_elementwise.h"
#include "levels.h"

#include <math.h>
#include <string.h>

// MARK: Two operands

/// Steps within a row are constants here, so that the compiler makes vector loops of the four cases.
#define ROW(expression)                                                                                                \
    for (size_t j = 0; j < columns; j++) {                                                                             \
        const float a = x[j * xs], b = y[j * ys];                                                                      \
        out[j] = (expression);                                                                                         \
    }

BODY void binary_row(
    semblance_binary_op op, size_t columns, const float *x, const size_t xs, const float *y, const size_t ys,
    float *restrict out
) {
    switch (op) {
    case SEMBLANCE_OP_ADD: ROW(a + b) break;
    case SEMBLANCE_OP_SUBTRACT: ROW(a - b) break;
    case SEMBLANCE_OP_MULTIPLY: ROW(a * b) break;
    case SEMBLANCE_OP_DIVIDE: ROW(a / b) break;
    case SEMBLANCE_OP_GREATER: ROW(a > b ? 1.0f : 0.0f) break;
    }
}

BODY void binary_body(
    semblance_binary_op op, size_t rows, size_t columns, const float *x, size_t x_row, size_t x_column, const float *y,
    size_t y_row, size_t y_column, float *out
) {
    for (size_t i = 0; i < rows; i++, x += x_row, y += y_row, out += columns) {
        if (x_column && y_column) binary_row(op, columns, x, 1, y, 1, out);
        else if (x_column) binary_row(op, columns, x, 1, y, 0, out);
        else if (y_column) binary_row(op, columns, x, 0, y, 1, out);
        else binary_row(op, columns, x, 0, y, 0, out);
    }
}

LEVELS(
    void, binary,
    (semblance_binary_op op, size_t rows, size_t columns, const float *x, size_t x_row, size_t x_column,
     const float *y, size_t y_row, size_t y_column, float *out),
    (op, rows, columns, x, x_row, x_column, y, y_row, y_column, out)
)

// MARK: One operand

#define EACH(expression)                                                                                               \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        const float a = x[i];                                                                                          \
        y[i] = (expression);                                                                                           \
    }                                                                                                                  \
    break;

/// log(1 + exp(a)) without overflow.
static float softplus(float a) { return fmaxf(a, 0) + log1pf(expf(-fabsf(a))); }

void semblance_unary(semblance_unary_op op, const float *x, size_t n, float parameter, float *y) {
    switch (op) {
    case SEMBLANCE_OP_EXP:
        memcpy(y, x, n * sizeof *y);
        semblance_exponentials(y, n, 1, 0);
        break;
    case SEMBLANCE_OP_LOG: EACH(logf(a))
    case SEMBLANCE_OP_SQRT: EACH(sqrtf(a))
    case SEMBLANCE_OP_POWER: EACH(parameter == 2 ? a * a : powf(a, parameter))
    case SEMBLANCE_OP_MAXIMUM: EACH(a > parameter ? a : parameter)
    case SEMBLANCE_OP_SOFTPLUS: EACH(softplus(a))
    case SEMBLANCE_OP_SIGMOID: EACH(1 / (1 + expf(-a)))
    case SEMBLANCE_OP_TANH: EACH(tanhf(a))
    case SEMBLANCE_OP_SIN: EACH(sinf(a))
    case SEMBLANCE_OP_COS: EACH(cosf(a))
    case SEMBLANCE_OP_ACOS: EACH(acosf(fminf(fmaxf(a, -1), 1)))
    case SEMBLANCE_OP_ABS: EACH(fabsf(a))
    }
}

#undef EACH
#define EACH(expression)                                                                                               \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        const float a = x[i], b = y[i], d = dy[i];                                                                     \
        (void)a, (void)b;                                                                                              \
        dx[i] = (expression);                                                                                          \
    }                                                                                                                  \
    break;

BODY void unary_gradient_body(
    semblance_unary_op op, const float *x, const float *y, const float *dy, size_t n, float parameter, float *dx
) {
    switch (op) {
    case SEMBLANCE_OP_EXP: EACH(d * b)
    case SEMBLANCE_OP_LOG: EACH(d / a)
    case SEMBLANCE_OP_SQRT: EACH(b > 0 ? d / (2 * b) : 0)
    case SEMBLANCE_OP_POWER: EACH(parameter == 2 ? 2 * d * a : a == 0 ? 0 : d * parameter * b / a)
    case SEMBLANCE_OP_MAXIMUM: EACH(a > parameter ? d : 0)
    case SEMBLANCE_OP_SOFTPLUS: EACH(d / (1 + expf(-a)))
    case SEMBLANCE_OP_SIGMOID: EACH(d * b * (1 - b))
    case SEMBLANCE_OP_TANH: EACH(d * (1 - b * b))
    case SEMBLANCE_OP_SIN: EACH(d * cosf(a))
    case SEMBLANCE_OP_COS: EACH(-d * sinf(a))
    case SEMBLANCE_OP_ACOS: EACH(fabsf(a) < 1 ? -d / sqrtf((1 - a) * (1 + a)) : 0)
    case SEMBLANCE_OP_ABS: EACH(a > 0 ? d : a < 0 ? -d : 0)
    }
}

LEVELS(
    void, unary_gradient,
    (semblance_unary_op op, const float *x, const float *y, const float *dy, size_t n, float parameter, float *dx),
    (op, x, y, dy, n, parameter, dx)
)

// MARK: Rows

BODY void row_sums_body(const float *x, size_t rows, size_t columns, float *sums) {
    for (size_t i = 0; i < rows; i++, x += columns) {
        double lanes[8] = {0};
        size_t j = 0;
        for (; j + 8 <= columns; j += 8)
            for (size_t k = 0; k < 8; k++) lanes[k] += (double)x[j + k];
        double sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
        for (; j < columns; j++) sum += (double)x[j];
        sums[i] = (float)sum;
    }
}

LEVELS(void, row_sums, (const float *x, size_t rows, size_t columns, float *sums), (x, rows, columns, sums))

void semblance_log_sum_exp(float *x, size_t rows, size_t columns, float *out) {
    for (size_t i = 0; i < rows; i++, x += columns) {
        float maximum = semblance_maximum(x, columns);
        if (maximum == -INFINITY) {
            out[i] = -INFINITY;
            memset(x, 0, columns * sizeof *x);
            continue;
        }
        double sum = semblance_exponentials(x, columns, 1, maximum);
        out[i] = (float)((double)maximum + log(sum));
        semblance_scale(x, columns, (float)(1 / sum));
    }
}
