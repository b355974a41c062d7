// Elementwise functions and their derivatives, for formulas over whole matrices. Results don't depend on the
// instruction set beyond the last place of exp.
#ifndef SEMBLANCE_EXPRESSIONS_H
#define SEMBLANCE_EXPRESSIONS_H

#include <stddef.h>

typedef enum {
    SEMBLANCE_OP_ADD,
    SEMBLANCE_OP_SUBTRACT,
    SEMBLANCE_OP_MULTIPLY,
    SEMBLANCE_OP_DIVIDE,
    SEMBLANCE_OP_GREATER, // 1 where x > y, else 0
} semblance_binary_op;

typedef enum {
    SEMBLANCE_OP_EXP,
    SEMBLANCE_OP_LOG,
    SEMBLANCE_OP_SQRT,     // derivative 0 at 0
    SEMBLANCE_OP_POWER,    // x^parameter; derivative 0 at 0
    SEMBLANCE_OP_MAXIMUM,  // max(x, parameter); derivative 0 where x <= parameter
    SEMBLANCE_OP_SOFTPLUS, // log(1 + exp(x))
    SEMBLANCE_OP_SIGMOID,
    SEMBLANCE_OP_TANH,
    SEMBLANCE_OP_SIN,
    SEMBLANCE_OP_COS,
    SEMBLANCE_OP_ACOS,     // of x brought into -1 ... 1; derivative 0 at the ends
    SEMBLANCE_OP_ABS,      // derivative 0 at 0
} semblance_unary_op;

/// out[i, j] = x[i, j] op y[i, j]; each operand has its own steps between rows and between columns, 0 where one value
/// serves all. `out` is contiguous.
void semblance_binary(
    semblance_binary_op op, size_t rows, size_t columns, const float *_Nonnull x, size_t x_row, size_t x_column,
    const float *_Nonnull y, size_t y_row, size_t y_column, float *_Nonnull out
);

/// y = f(x).
void semblance_unary(semblance_unary_op op, const float *_Nonnull x, size_t n, float parameter, float *_Nonnull y);

/// dx = dy · f'(x), given y = f(x).
void semblance_unary_gradient(
    semblance_unary_op op, const float *_Nonnull x, const float *_Nonnull y, const float *_Nonnull dy, size_t n,
    float parameter, float *_Nonnull dx
);

/// sums[i] = Σ over j of x[i, j], in double on the way.
void semblance_row_sums(const float *_Nonnull x, size_t rows, size_t columns, float *_Nonnull sums);

/// out[i] = log Σ over j of exp(x[i, j]); −∞ for a row of −∞. `x` is left as exp(x − out): the softmax.
void semblance_log_sum_exp(float *_Nonnull x, size_t rows, size_t columns, float *_Nonnull out);

#endif
