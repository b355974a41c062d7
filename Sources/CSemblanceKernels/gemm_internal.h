// What the parts of the packed products share. Operands of all precisions are packed into words of 32 bits, each with
// one, two or four consecutive elements of the inner dimension: a float, a pair of bfloat16, four bytes. A step is a word.
#ifndef GEMM_INTERNAL_H
#define GEMM_INTERNAL_H

#include "include/semblance_gemm.h"

#include <stddef.h>
#include <stdint.h>

enum {
    PANEL = 32, // columns of a packed panel
    PIECE = 16, // steps of a piece: a row of an AMX tile
};

typedef uint32_t word __attribute__((may_alias));

static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t parts(size_t n, size_t size) { return n / size + (n % size != 0); }

/// How a column of an operand becomes whole numbers: q = x / scale, rounded to the nearest, plus `zero`.
typedef struct scaling {
    float scale;   // NaN where the column holds one or an infinity
    float inverse; // 1 / scale, or 0
    int32_t zero;
} scaling;

/// An operand to pack: element l of column i is x[l * ls + i * is]. One of the strides is 1, or packing is slow.
typedef struct operand {
    semblance_precision precision;
    const float *x;
    size_t k, ls, is;
    const scaling *scalings; // a column's; int8 alone
    int is_signed;           // bytes from -127 to 127, not 0 to 255
} operand;

/// Where the words of an operand go: groups of `rows` columns, at most `width`, one after the other.
typedef struct layout {
    size_t rows, width;
    int tiled; // in pieces, in which the words of one column lie side by side; else the words of one step do
} layout;

/// Packs `steps` steps from step l0 on of the operand's first n columns; group g starts at
/// out + g * width * group_steps. What is beyond k or n is zero.
void semblance_pack_words(
    const operand *x, size_t l0, size_t steps, size_t n, const layout *layout, size_t group_steps, word *out
);

/// The scalings of n columns: symmetric ones (zero = 0, the largest size becomes 127), or those that map the range from
/// smallest to largest, 0 included, to 0…255.
void semblance_scalings(const operand *x, size_t n, int symmetric, scaling *out);

/// The place of a tile in C, and what becomes of its finished sums.
typedef struct finish {
    float alpha;
    int accumulate;
    const float *bias; // or NULL
    float *c;
    size_t ldc;
    // int8 alone: of the tile's rows; of its columns, with the sums of their bytes
    const scaling *row_scalings;
    const float *column_scales;
    const int32_t *column_sums;
} finish;

/// The innermost loops of one precision on one instruction set.
typedef struct kernel {
    size_t rows; // of a tile
    int tiled;   // as the layout
    void (*begin)(void), (*end)(void);
    /// One tile of `rows` × `columns`, at most kernel.rows × PANEL, over packed A and one packed panel. `sums` keeps
    /// partial sums between blocks of k. Each step fetches into the L2 cache what lies at `ahead`, which moves on by
    /// `ahead_step` bytes: the next panel, a part of it per tile, or it would come from memory all at once.
    void (*tile)(
        size_t rows, size_t columns, size_t steps, const word *a, const word *b, const char *ahead, size_t ahead_step,
        word *sums, int first, int last, const finish *f
    );
} kernel;

/// The best kernel for what the calling thread may use, and whether it is faster than fp32's.
const kernel *semblance_kernel(semblance_precision precision, int *is_fast);

#endif
