// The AMX tile: 32 × 32 sums in four of the eight tile registers, over pieces of 16 steps.
// Included by gemm_kernels.c with NAME(x), TARGET, TILES (what declares the registers), TILE_ZERO(t), TILE_LOAD(t, p,
// bytes from row to row), TILE_STORE(t, p, bytes), TILE_DOT(sums, a, b) and FINISH; NAME, TILE_DOT and FINISH are
// undefined at the end. Rows beyond the matrix are packed as zeros; of their sums nothing is kept.

static TARGET void NAME(tile)(
    size_t rows, size_t columns, size_t steps, const word *a, const word *b, const char *ahead, size_t ahead_step,
    word *sums, int first, int last, const finish *f
) {
    enum { HALF = 16, ROW = PANEL * sizeof(word) };
    TILES
    if (first) {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
    } else {
        TILE_LOAD(0, sums, ROW);
        TILE_LOAD(1, sums + HALF, ROW);
        TILE_LOAD(2, sums + HALF * PANEL, ROW);
        TILE_LOAD(3, sums + HALF * PANEL + HALF, ROW);
    }
    for (size_t l = 0; l < steps; l += PIECE, a += 2 * HALF * PIECE, b += PIECE * PANEL, ahead += PIECE * ahead_step) {
        for (size_t byte = 0; byte < PIECE * ahead_step; byte += 64) __builtin_prefetch(ahead + byte, 0, 2);
        TILE_LOAD(4, a, PIECE * sizeof(word));
        TILE_LOAD(6, b, ROW);
        TILE_LOAD(7, b + HALF, ROW);
        TILE_DOT(0, 4, 6);
        TILE_DOT(1, 4, 7);
        if (rows > HALF) {
            TILE_LOAD(5, a + HALF * PIECE, PIECE * sizeof(word));
            TILE_DOT(2, 5, 6);
            TILE_DOT(3, 5, 7);
        }
    }
    TILE_STORE(0, sums, ROW);
    TILE_STORE(1, sums + HALF, ROW);
    if (rows > HALF) {
        TILE_STORE(2, sums + HALF * PANEL, ROW);
        TILE_STORE(3, sums + HALF * PANEL + HALF, ROW);
    }
    if (last) FINISH(rows, columns, sums, f);
}

#undef NAME
#undef TILE_DOT
#undef FINISH
