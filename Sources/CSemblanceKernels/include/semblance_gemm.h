// Products of matrices with a right operand packed once: C = A·B. A, B and C are fp32; what is multiplied may be less.
// m rows of A and C, n columns of B and C, k the inner dimension.
#ifndef SEMBLANCE_GEMM_H
#define SEMBLANCE_GEMM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What both operands are rounded to before they are multiplied.
typedef enum {
    SEMBLANCE_FLOAT32 = 0,
    SEMBLANCE_BFLOAT16 = 1, // sums in fp32
    SEMBLANCE_INT8 = 2,     // sums in 32-bit whole numbers; k at most 65,536
} semblance_precision;

/// Whether products of this precision are faster here than fp32's; they are right everywhere.
int semblance_precision_is_fast(semblance_precision precision);

/// Columns of one panel of a packed operand: 32 on every instruction set, so packed data never depends on the CPU.
size_t semblance_panel_width(void);

/// Floats that one panel of a packed operand takes up, whatever they hold; `k * width` for fp32.
size_t semblance_panel_words(semblance_precision precision, size_t k);

/// Floats needed for a packed k×n right operand: whole panels, so n is rounded up to the panel width.
size_t semblance_packed_count(size_t k, size_t n);

/// Packs B, k×n, element (i, j) being b[i * row_stride + j * column_stride]; fast when one of the strides is 1.
///
/// Panel p holds the columns from p * width as k rows of `width` floats, the columns beyond n as zeros; it starts at
/// packed + p * k * width. Panels are independent: packing the columns from p * width on to that address, on another
/// thread, gives the same bytes.
void semblance_pack(
    size_t k, size_t n, const float *_Nonnull b, size_t row_stride, size_t column_stride, float *_Nonnull packed
);

/// C = alpha · A·B, plus `bias` (one value a column) where given, plus C's own values where `accumulate` is not 0.
///
/// Element (i, l) of A is a[i * a_row_stride + l * a_column_stride]; both orders are fast when the other stride is 1.
/// Each element of C is one chain of fused multiply-adds over k in ascending order, started from 0, whatever m, n, the
/// blocking and the element's place: s = fma(a[i,k-1], b[k-1,j], … fma(a[i,0], b[0,j], 0)). Then
/// c = alpha * s; c = c + bias[j]; c = old + c, each rounded (the portable path rounds the product too where the CPU has
/// no fused multiply-add). k = 0 gives s = 0. NaN and infinities go the way of that arithmetic, also for alpha = 0.
///
/// A range of columns from p * width on is the call with packed + p * k * width, bias + p * width and c + p * width; a
/// range of rows the one with a and c moved: all give the same bits. Takes its workspace (below 1 MiB) from
/// semblance_buffer_allocate and makes do with the stack when there is none.
void semblance_product_packed(
    size_t m, size_t n, size_t k, const float *_Nonnull a, size_t a_row_stride, size_t a_column_stride,
    const float *_Nonnull packed, float alpha, int accumulate, const float *_Nullable bias, float *_Nonnull c, size_t ldc
);

/// Packs B as semblance_pack does, for products of this precision: panel p starts at
/// packed + p * semblance_panel_words(precision, k).
///
/// bf16: rounded to the nearest, ties to even; NaN stays NaN.
/// int8: column j becomes q = b / s, rounded to the nearest, from -127 to 127, with s its largest size / 127. A column
/// of sizes below 1e-36 is 0; one with a NaN or an infinity makes its column of every product NaN.
void semblance_pack_as(
    semblance_precision precision, size_t k, size_t n, const float *_Nonnull b, size_t row_stride, size_t column_stride,
    float *_Nonnull packed
);

/// As semblance_product_packed, with both operands rounded. On one CPU, an element's bits depend on its row of A and
/// its column of B alone.
///
/// bf16: A is rounded as B is. Sums are fp32, in ascending order of k; within two or 32 consecutive elements the order
/// is the instruction's. Subnormal numbers may count as 0.
/// int8: row i of A becomes q = round(a / r) + z, from 0 to 255, with r = (largest - smallest) / 255, 0 among them, and
/// z the q of 0; the sum of (q - z) · q of B is exact, and s = sum * (r * s of the column). Rows as columns above:
/// too small ones are 0, one with a NaN or an infinity makes its row of C NaN.
void semblance_product(
    semblance_precision precision, size_t m, size_t n, size_t k, const float *_Nonnull a, size_t a_row_stride,
    size_t a_column_stride, const float *_Nonnull packed, float alpha, int accumulate, const float *_Nullable bias,
    float *_Nonnull c, size_t ldc
);

#ifdef __cplusplus
}
#endif

#endif
