// Products of fp32 matrices with a right operand packed once: C = A·B.
// m rows of A and C, n columns of B and C, k the inner dimension.
#ifndef SEMBLANCE_GEMM_H
#define SEMBLANCE_GEMM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Columns of one panel of a packed operand: 32 on every instruction set, so packed data never depends on the CPU.
size_t semblance_panel_width(void);

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

#ifdef __cplusplus
}
#endif

#endif
