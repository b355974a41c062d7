// C = A·B in blocks: some rows of A are packed beside each other and stay in the L2 cache while the packed panels of B
// stream past; a tile of registers holds its sums. Where the steps need several blocks, partial sums wait in `sums`.

#include "gemm_internal.h"

#include "include/semblance_memory.h"

#include <string.h>

// A block of A holds KC × MC words, or more rows where steps are fewer, and with the partial sums of MC × NC elements
// leaves room in an L2 cache of 1 MiB. Of all sizes tried these came closest to the best everywhere.
enum { KC = 512, MC = 192, NC = 384, STACK = 8704 };

size_t semblance_panel_width(void) { return PANEL; }

/// The steps of a packed panel. Those of reduced precision come in whole pieces, the same on every CPU.
static size_t panel_steps(semblance_precision precision, size_t k) {
    switch (precision) {
    case SEMBLANCE_FLOAT32: return k;
    case SEMBLANCE_BFLOAT16: return parts(k, 2 * PIECE) * PIECE;
    case SEMBLANCE_INT8: return parts(k, 4 * PIECE) * PIECE;
    }
    __builtin_unreachable();
}

/// A panel of bytes ends with its columns' scales and with the sums of their bytes.
static size_t panel_rows(semblance_precision precision, size_t k) {
    return panel_steps(precision, k) + (precision == SEMBLANCE_INT8 ? 2 : 0);
}

size_t semblance_panel_words(semblance_precision precision, size_t k) { return panel_rows(precision, k) * PANEL; }

size_t semblance_packed_count(size_t k, size_t n) { return parts(n, PANEL) * PANEL * k; }

void semblance_pack(size_t k, size_t n, const float *b, size_t row_stride, size_t column_stride, float *packed) {
    semblance_pack_as(SEMBLANCE_FLOAT32, k, n, b, row_stride, column_stride, packed);
}

static void pack_bytes(operand b, size_t n, size_t steps, word *packed);

void semblance_pack_as(
    semblance_precision precision, size_t k, size_t n, const float *b, size_t row_stride, size_t column_stride,
    float *packed
) {
    operand right = {.precision = precision, .x = b, .k = k, .ls = row_stride, .is = column_stride};
    size_t steps = panel_steps(precision, k);
    if (precision == SEMBLANCE_INT8)
        pack_bytes(right, n, steps, (word *)packed);
    else
        semblance_pack_words(&right, 0, steps, n, &(layout){PANEL, PANEL, 0}, steps, (word *)packed);
}

/// Panels of bytes, each with its scales and sums.
static void pack_bytes(operand b, size_t n, size_t steps, word *packed) {
    const float *x = b.x;
    for (size_t j = 0; j < n; j += PANEL, packed += (steps + 2) * PANEL) {
        size_t columns = least(PANEL, n - j);
        scaling scalings[PANEL] = {0};
        b.x = x + j * b.is;
        b.scalings = scalings;
        b.is_signed = 1;
        semblance_scalings(&b, columns, 1, scalings);
        semblance_pack_words(&b, 0, steps, columns, &(layout){PANEL, PANEL, 0}, steps + 2, packed);
        word *scales = packed + steps * PANEL, *sums = scales + PANEL;
        memset(sums, 0, PANEL * sizeof *sums);
        for (size_t l = 0; l < steps; l++)
            for (size_t i = 0; i < PANEL; i++) {
                word w = packed[l * PANEL + i];
                sums[i] += (word)((int8_t)w + (int8_t)(w >> 8) + (int8_t)(w >> 16) + (int8_t)(w >> 24));
            }
        for (size_t i = 0; i < PANEL; i++) memcpy(scales + i, &scalings[i].scale, sizeof *scales);
    }
}

// MARK: Product

void semblance_product_packed(
    size_t m, size_t n, size_t k, const float *a, size_t a_row_stride, size_t a_column_stride, const float *packed,
    float alpha, int accumulate, const float *bias, float *c, size_t ldc
) {
    semblance_product(
        SEMBLANCE_FLOAT32, m, n, k, a, a_row_stride, a_column_stride, packed, alpha, accumulate, bias, c, ldc
    );
}

int semblance_precision_is_fast(semblance_precision precision) {
    int is_fast;
    semblance_kernel(precision, &is_fast);
    return is_fast;
}

void semblance_product(
    semblance_precision precision, size_t m, size_t n, size_t k, const float *a, size_t a_row_stride,
    size_t a_column_stride, const float *packed, float alpha, int accumulate, const float *bias, float *c, size_t ldc
) {
    if (m == 0 || n == 0) return;
    int is_fast;
    const kernel *v = semblance_kernel(precision, &is_fast);
    const word *panels = (const word *)packed;
    const size_t panel_size = semblance_panel_words(precision, k), all = panel_steps(precision, k);

    // Equal blocks of steps, at most KC each, of whole pieces where they come in pieces; one (empty) block when k is 0.
    size_t unit = precision == SEMBLANCE_FLOAT32 ? 1 : PIECE;
    size_t k_blocks = all ? parts(all, KC) : 1;
    size_t kc = parts(parts(all, k_blocks), unit) * unit;
    size_t tiles = MC * KC / (kc ? kc : 1) / v->rows;
    size_t mc = least(tiles, parts(m, v->rows)) * v->rows;
    size_t nc = k_blocks == 1 ? n : NC;

    word stack[STACK];
    size_t sums_count = k_blocks == 1 ? v->rows * PANEL : mc * least(nc, parts(n, PANEL) * PANEL);
    size_t scalings_count = precision == SEMBLANCE_INT8 ? mc * sizeof(scaling) / sizeof(word) : 0;
    size_t bytes = (mc * kc + sums_count + scalings_count) * sizeof(word);
    word *workspace = bytes <= sizeof stack ? stack : semblance_buffer_allocate(bytes);
    if (!workspace) { // small blocks, in the same order of summation
        workspace = stack;
        mc = v->rows;
        kc = least(kc, (STACK / mc - PANEL - sizeof(scaling) / sizeof(word)) / unit * unit);
        nc = PANEL;
        k_blocks = kc ? parts(all, kc) : 1;
        sums_count = mc * PANEL;
    }
    word *left = workspace, *sums = left + mc * kc;
    scaling *scalings = (scaling *)(sums + sums_count);

    for (size_t i0 = 0; i0 < m; i0 += mc) {
        size_t rows = least(mc, m - i0);
        // Tiles of registers are equally high, or the last one would be too low to keep the multipliers busy.
        size_t height = v->tiled ? v->rows : parts(rows, parts(rows, v->rows));
        layout to = {height, v->rows, v->tiled};
        operand o = {precision, a + i0 * a_row_stride, k, a_column_stride, a_row_stride, scalings, 0};
        if (precision == SEMBLANCE_INT8) semblance_scalings(&o, rows, 0, scalings);
        for (size_t j0 = 0; j0 < n; j0 += nc) {
            size_t columns = least(nc, n - j0);
            for (size_t l0 = 0, last = 0; !last; l0 += kc) {
                size_t steps = least(kc, all - l0);
                last = all - l0 <= kc;
                if (k_blocks > 1 || j0 == 0) semblance_pack_words(&o, l0, steps, rows, &to, steps, left);
                if (v->begin) v->begin();
                word *tile_sums = sums;
                // Bytes of the next panel to fetch for each step, so that all tiles of this one together fetch it.
                size_t share = PANEL * sizeof(word) / parts(rows, height) + 1;
                for (size_t j = 0; j < columns; j += PANEL) {
                    const word *panel = panels + (j0 + j) / PANEL * panel_size, *scales = panel + all * PANEL;
                    const char *ahead = (const char *)(panel + l0 * PANEL + (j + PANEL < columns ? panel_size : 0));
                    finish f = {.alpha = alpha, .accumulate = accumulate, .bias = bias ? bias + j0 + j : NULL};
                    f.ldc = ldc;
                    if (precision == SEMBLANCE_INT8) {
                        f.column_scales = (const float *)scales;
                        f.column_sums = (const int32_t *)(scales + PANEL);
                    }
                    for (size_t i = 0; i < rows; i += height) {
                        f.c = c + (i0 + i) * ldc + j0 + j;
                        f.row_scalings = scalings + i;
                        v->tile(
                            least(height, rows - i), least(PANEL, columns - j), steps,
                            left + i / height * v->rows * steps, panel + l0 * PANEL, ahead, share, tile_sums, l0 == 0,
                            (int)last, &f
                        );
                        ahead += share * steps;
                        if (k_blocks > 1) tile_sums += v->rows * PANEL;
                    }
                }
                if (v->end) v->end();
            }
        }
    }
    if (workspace != stack) semblance_buffer_release(workspace, bytes);
}
