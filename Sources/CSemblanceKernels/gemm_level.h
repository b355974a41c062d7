// The register tile of one precision and instruction set: ROWS × COLUMNS sums over packed rows of A and a packed panel.
// Included by gemm_kernels.c with NAME(x), TARGET, LANES, ROWS, VECTORS (a row's), SUM (a sum's type), DOT(a, b, sum)
// over vectors of words, and VALUE(sum, i, j), the float that a sum stands for; all are undefined at the end.

typedef int32_t NAME(words) __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef float NAME(floats) __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef SUM NAME(vector) __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

/// Writes what the sums of row i and `width` columns from j on stand for to their place.
static inline __attribute__((always_inline)) TARGET void NAME(put)(
    NAME(vector) sum, size_t i, size_t j, const size_t width, const finish *f
) {
    typedef NAME(floats) floats;
    typedef NAME(words) words __attribute__((unused));
    float *c = f->c + i * f->ldc + j;
    floats value = f->alpha * VALUE(sum, i, j);
    if (f->bias) {
        floats bias = {0};
        memcpy(&bias, f->bias + j, width * sizeof(float));
        value = value + bias;
    }
    if (f->accumulate) {
        floats old = {0};
        memcpy(&old, c, width * sizeof(float));
        value = old + value;
    }
    memcpy(c, &value, width * sizeof(float));
}

static TARGET void NAME(finish)(size_t rows, size_t columns, const word *sums, const finish *f) {
    for (size_t i = 0; i < rows; i++, sums += PANEL)
        for (size_t j = 0; j < columns; j += LANES) {
            NAME(vector) sum = *(const NAME(vector) *)(sums + j);
            if (columns - j >= LANES)
                NAME(put)(sum, i, j, LANES, f);
            else
                NAME(put)(sum, i, j, columns - j, f);
        }
}

static inline __attribute__((always_inline)) TARGET void NAME(rows)(
    const size_t rows, size_t columns, size_t steps, const word *a, const word *b, const char *ahead, size_t ahead_step,
    word *sums, int first, int last, const finish *f
) {
    typedef NAME(vector) vector;
    typedef NAME(floats) floats __attribute__((unused));
    typedef NAME(words) words;
    vector sum[ROWS][VECTORS];
    _Pragma("clang loop unroll(full)") for (size_t i = 0; i < rows; i++)
        _Pragma("clang loop unroll(full)") for (size_t j = 0; j < VECTORS; j++)
            sum[i][j] = first ? (vector){0} : *(const vector *)(sums + i * PANEL + j * LANES);

    for (size_t l = 0; l < steps; l++, a += ROWS, b += PANEL, ahead += ahead_step) {
        __builtin_prefetch(ahead, 0, 2);
        words right[VECTORS];
        _Pragma("clang loop unroll(full)") for (size_t j = 0; j < VECTORS; j++)
            right[j] = *(const words *)(b + j * LANES);
        _Pragma("clang loop unroll(full)") for (size_t i = 0; i < rows; i++) {
            words left = (int32_t)a[i] - (words){0}; // in every lane
            _Pragma("clang loop unroll(full)") for (size_t j = 0; j < VECTORS; j++)
                sum[i][j] = DOT(left, right[j], sum[i][j]);
        }
    }

    if (!last || columns < VECTORS * LANES) {
        _Pragma("clang loop unroll(full)") for (size_t i = 0; i < rows; i++)
            _Pragma("clang loop unroll(full)") for (size_t j = 0; j < VECTORS; j++)
                *(vector *)(sums + i * PANEL + j * LANES) = sum[i][j];
        if (last) NAME(finish)(rows, columns, sums, f);
        return;
    }
    _Pragma("clang loop unroll(full)") for (size_t i = 0; i < rows; i++)
        _Pragma("clang loop unroll(full)") for (size_t j = 0; j < VECTORS; j++)
            NAME(put)(sum[i][j], i, j * LANES, LANES, f);
}

static TARGET void NAME(tile)(
    size_t rows, size_t columns, size_t steps, const word *a, const word *b, const char *ahead, size_t ahead_step,
    word *sums, int first, int last, const finish *f
) {
    for (size_t j = 0; j < columns; j += VECTORS * LANES) {
        finish g = *f;
        g.c += j;
        if (g.bias) g.bias += j;
        if (g.column_scales) {
            g.column_scales += j;
            g.column_sums += j;
        }
        size_t width = least(columns - j, VECTORS * LANES);
#define CASE(r)                                                                                                        \
    case r:                                                                                                            \
        if (r <= ROWS)                                                                                                 \
            NAME(rows)                                                                                                 \
            (r <= ROWS ? r : ROWS, width, steps, a, b + j, ahead, ahead_step, sums + j, first, last, &g);              \
        break;
        switch (rows) {
            CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#if ROWS > 6
            CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#endif
        default: __builtin_unreachable();
        }
#undef CASE
    }
}

#undef NAME
#undef TARGET
#undef LANES
#undef ROWS
#undef VECTORS
#undef SUM
#undef DOT
#undef VALUE
