// The register tile of one instruction set: ROWS × COLUMNS sums over a packed A panel and a packed B panel.
// Included once a level by gemm.c, with NAME(x), TARGET, LANES, ROWS, VECTORS (a row's) and FMA(a, b, c) defined.

typedef float NAME(vector) __attribute__((vector_size(LANES * 4), aligned(4)));

static inline __attribute__((always_inline)) TARGET void NAME(rows)(
    const size_t rows, size_t k, const float *a, const float *b, const char *ahead, size_t ahead_step, float *sums,
    int first, int last, const finish *f, size_t columns, const float *bias, float *c, size_t ldc
) {
    typedef NAME(vector) vector;
    vector sum[ROWS][VECTORS];
    _Pragma("clang loop unroll(full)") for (size_t i = 0; i < rows; i++)
        _Pragma("clang loop unroll(full)") for (size_t j = 0; j < VECTORS; j++)
            sum[i][j] = first ? (vector){0} : *(const vector *)(sums + i * PANEL + j * LANES);

    for (size_t l = 0; l < k; l++, a += ROWS, b += PANEL, ahead += ahead_step) {
        __builtin_prefetch(ahead, 0, 2);
        vector right[VECTORS];
        _Pragma("clang loop unroll(full)") for (size_t j = 0; j < VECTORS; j++)
            right[j] = *(const vector *)(b + j * LANES);
        _Pragma("clang loop unroll(full)") for (size_t i = 0; i < rows; i++) {
            vector left = a[i] - (vector){0}; // in every lane
            _Pragma("clang loop unroll(full)") for (size_t j = 0; j < VECTORS; j++)
                sum[i][j] = FMA(left, right[j], sum[i][j]);
        }
    }

    if (!last || columns < VECTORS * LANES) {
        _Pragma("clang loop unroll(full)") for (size_t i = 0; i < rows; i++)
            _Pragma("clang loop unroll(full)") for (size_t j = 0; j < VECTORS; j++)
                *(vector *)(sums + i * PANEL + j * LANES) = sum[i][j];
        if (!last) return;
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < columns; j++) {
                float value = f->alpha * sums[i * PANEL + j];
                if (bias) value = value + bias[j];
                if (f->accumulate) value = c[i * ldc + j] + value;
                c[i * ldc + j] = value;
            }
        return;
    }
    _Pragma("clang loop unroll(full)") for (size_t i = 0; i < rows; i++)
        _Pragma("clang loop unroll(full)") for (size_t j = 0; j < VECTORS; j++) {
            vector value = f->alpha * sum[i][j];
            if (bias) value = value + *(const vector *)(bias + j * LANES);
            if (f->accumulate) value = *(const vector *)(c + i * ldc + j * LANES) + value;
            *(vector *)(c + i * ldc + j * LANES) = value;
        }
}

/// One tile of `rows` × `columns` (at most ROWS × PANEL). `sums`, ROWS × PANEL floats, keeps the partial sums between
/// blocks of k. Each step fetches into the L2 cache what lies at `ahead`, which moves on by `ahead_step` bytes: the next
/// panel, a part of it per tile, or it would come from memory all at once.
static TARGET void NAME(tile)(
    size_t rows, size_t columns, size_t k, const float *a, const float *b, const char *ahead, size_t ahead_step,
    float *sums, int first, int last, const finish *f, const float *bias, float *c, size_t ldc
) {
    for (size_t j = 0; j < columns; j += VECTORS * LANES) {
        size_t width = columns - j < VECTORS * LANES ? columns - j : VECTORS * LANES;
        const float *bias_j = bias ? bias + j : NULL;
#define CASE(r)                                                                                                        \
    case r:                                                                                                            \
        if (r <= ROWS)                                                                                                 \
            NAME(rows)                                                                                                 \
            (r <= ROWS ? r : ROWS, k, a, b + j, ahead, ahead_step, sums + j, first, last, f, width, bias_j, c + j, ldc); \
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
