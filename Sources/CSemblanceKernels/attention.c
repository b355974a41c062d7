// Attention of one text, head by head, sixteen queries at a time, each in a lane of its own: scores lie key after key, so
// the softmax runs down the keys and never across lanes, and the products read queries, keys and values where they are.
// The way back computes the weights again: keeping them would cost memory in n².

#include "include/semblance_transformer.h"

#include "dropout.h"
#include "include/semblance_memory.h"
#include "lanes.h"

#include <math.h>

typedef semblance_attention_settings settings;

enum { LANES = 16, MOST_ROWS = 8, MOST_VECTORS = 2 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

// MARK: Products

/// C = alpha · A·B, plus C's own values with `accumulate`: m × n by k steps, element (i, l) of A at i * row + l * column,
/// rows of B and C at b_row and c_row. Each element is one chain of multiply-adds over l.
#define PRODUCT_PARAMETERS                                                                                             \
    size_t m, size_t n, size_t k, const float *a, size_t row, size_t column, const float *b, size_t b_row,             \
        float alpha, int accumulate, float *c, size_t c_row

/// `rows` × `vectors` vectors of C; of the last vector `part` columns.
BODY void product_tile(
    const size_t rows, const size_t vectors, size_t part, size_t k, const float *a, size_t row, size_t column,
    const float *b, size_t b_row, float alpha, int accumulate, float *c, size_t c_row
) {
    float16v sum[MOST_ROWS][MOST_VECTORS], right[MOST_VECTORS];
    _Pragma("clang loop unroll(full)") for (size_t i = 0; i < rows; i++)
        _Pragma("clang loop unroll(full)") for (size_t j = 0; j < vectors; j++) sum[i][j] = (float16v){0};
    for (size_t l = 0; l < k; l++) {
        _Pragma("clang loop unroll(full)") for (size_t j = 0; j < vectors; j++)
            load_part(&right[j], b + l * b_row + j * LANES, part);
        _Pragma("clang loop unroll(full)") for (size_t i = 0; i < rows; i++) {
            float left = a[i * row + l * column];
            _Pragma("clang loop unroll(full)") for (size_t j = 0; j < vectors; j++)
                sum[i][j] = left * right[j] + sum[i][j];
        }
    }
    _Pragma("clang loop unroll(full)") for (size_t i = 0; i < rows; i++)
        _Pragma("clang loop unroll(full)") for (size_t j = 0; j < vectors; j++) {
            float *to = c + i * c_row + j * LANES;
            float16v value = alpha * sum[i][j], old;
            if (accumulate) {
                load_part(&old, to, part);
                value = old + value;
            }
            memcpy(to, &value, part * sizeof *to);
        }
}

BODY void product_columns(const size_t rows, const size_t vectors, size_t part, PRODUCT_PARAMETERS) {
    (void)n;
#define TILE(count)                                                                                                    \
    product_tile(count, vectors, part, k, a + i * row, row, column, b, b_row, alpha, accumulate, c + i * c_row, c_row)
    size_t i = 0;
    for (; i + rows <= m; i += rows) TILE(rows);
    if (rows > 4 && m - i >= 4) {
        TILE(4);
        i += 4;
    }
    if (m - i >= 2) {
        TILE(2);
        i += 2;
    }
    if (m - i >= 1) TILE(1);
#undef TILE
}

BODY void product_body(const size_t rows, const size_t vectors, PRODUCT_PARAMETERS) {
#define COLUMNS(vectors, part)                                                                                         \
    product_columns(rows, vectors, part, m, n, k, a, row, column, b + j, b_row, alpha, accumulate, c + j, c_row)
    size_t j = 0;
    if (vectors > 1)
        for (; j + vectors * LANES <= n; j += vectors * LANES) COLUMNS(vectors, LANES);
    for (; j + LANES <= n; j += LANES) COLUMNS(1, LANES);
    if (j < n) COLUMNS(1, n - j);
#undef COLUMNS
}

#define PRODUCT(name, rows, vectors)                                                                                   \
    static void name(PRODUCT_PARAMETERS) {                                                                             \
        product_body(rows, vectors, m, n, k, a, row, column, b, b_row, alpha, accumulate, c, c_row);                   \
    }

PRODUCT(product_portable, 4, 1)
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) PRODUCT(product_avx2, 4, 1)
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))) PRODUCT(product_avx512, 8, 2)
#endif

static void product(PRODUCT_PARAMETERS) {
    switch (semblance_cpu()) {
#if defined(__x86_64__)
    case SEMBLANCE_CPU_AVX512:
        return product_avx512(m, n, k, a, row, column, b, b_row, alpha, accumulate, c, c_row);
    case SEMBLANCE_CPU_AVX2: return product_avx2(m, n, k, a, row, column, b, b_row, alpha, accumulate, c, c_row);
#endif
    default: return product_portable(m, n, k, a, row, column, b, b_row, alpha, accumulate, c, c_row);
    }
}

// MARK: Lanes

#define UNPACK(a, b, first)                                                                                            \
    __builtin_shufflevector(                                                                                           \
        a, b, first, first + 16, first + 1, first + 17, first + 4, first + 20, first + 5, first + 21, first + 8,       \
        first + 24, first + 9, first + 25, first + 12, first + 28, first + 13, first + 29                              \
    )
#define PAIRS(a, b, first)                                                                                             \
    __builtin_shufflevector(                                                                                           \
        a, b, first, first + 1, first + 16, first + 17, first + 4, first + 5, first + 20, first + 21, first + 8,       \
        first + 9, first + 24, first + 25, first + 12, first + 13, first + 28, first + 29                              \
    )
#define QUARTERS(a, b, first)                                                                                          \
    __builtin_shufflevector(                                                                                           \
        a, b, first, first + 1, first + 2, first + 3, first + 8, first + 9, first + 10, first + 11, first + 16,        \
        first + 17, first + 18, first + 19, first + 24, first + 25, first + 26, first + 27                             \
    )

/// Rows to lanes: turned[c * 16 + i] = factor · x[i * ld + c] for i below `rows`, 0 in the lanes from there on.
BODY void turn_body(const float *x, size_t ld, size_t rows, size_t width, float factor, float *turned) {
    for (size_t first = 0; first < width; first += LANES) {
        size_t part = width - first < LANES ? width - first : LANES;
        float16v r[LANES], t[LANES];
        _Pragma("clang loop unroll(full)") for (size_t i = 0; i < LANES; i++) {
            r[i] = (float16v){0};
            if (i >= rows) continue;
            if (part == LANES)
                r[i] = factor * *(const float16v *)(x + i * ld + first);
            else {
                load_part(&r[i], x + i * ld + first, part);
                r[i] *= factor;
            }
        }
        _Pragma("clang loop unroll(full)") for (size_t i = 0; i < LANES; i += 2) {
            t[i] = UNPACK(r[i], r[i + 1], 0);
            t[i + 1] = UNPACK(r[i], r[i + 1], 2);
        }
        // Vector 4g + m now holds, in its quarter q, column 4q + m of rows 4g ..< 4g + 4.
        _Pragma("clang loop unroll(full)") for (size_t i = 0; i < LANES; i += 4) {
            r[i] = PAIRS(t[i], t[i + 2], 0);
            r[i + 1] = PAIRS(t[i], t[i + 2], 2);
            r[i + 2] = PAIRS(t[i + 1], t[i + 3], 0);
            r[i + 3] = PAIRS(t[i + 1], t[i + 3], 2);
        }
        _Pragma("clang loop unroll(full)") for (size_t m = 0; m < 4; m++) {
            float16v low_even = QUARTERS(r[m], r[4 + m], 0), low_odd = QUARTERS(r[m], r[4 + m], 4);
            float16v high_even = QUARTERS(r[8 + m], r[12 + m], 0), high_odd = QUARTERS(r[8 + m], r[12 + m], 4);
            t[m] = QUARTERS(low_even, high_even, 0);
            t[4 + m] = QUARTERS(low_odd, high_odd, 0);
            t[8 + m] = QUARTERS(low_even, high_even, 4);
            t[12 + m] = QUARTERS(low_odd, high_odd, 4);
        }
        _Pragma("clang loop unroll(full)") for (size_t c = 0; c < LANES; c++)
            if (c < part) *(float16v *)(turned + (first + c) * LANES) = t[c];
    }
}

PRIVATE_LEVELS(
    void, turn, (const float *x, size_t ld, size_t rows, size_t width, float factor, float *turned),
    (x, ld, rows, width, factor, turned)
)

/// Scores of 16 queries, x[16 * j] those for key j, to weights with the sum 1. `bias`, where given, has key j's at
/// bias − j. With `window` at least 0, lane i doesn't see the keys j more than that away from offset + i.
BODY void softmax_body(float *x, size_t n, const float *bias, ptrdiff_t offset, ptrdiff_t window) {
    const int16v lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const float16v nothing = (float16v){0} - INFINITY;
    float16v largest = nothing, sum = {0};
    for (size_t j = 0; j < n; j++) {
        float16v score = *(const float16v *)(x + LANES * j);
        if (bias) score += *(const float16v *)(bias - j);
        if (window >= 0) {
            int16v distance = lanes + (int)(offset - (ptrdiff_t)j);
            int16v hidden = (distance > (int)window) | (distance < -(int)window);
            select_lanes(&score, &hidden, &nothing, &score);
        }
        *(float16v *)(x + LANES * j) = score;
        largest = __builtin_elementwise_max(largest, score); // not NaN where there is another
    }
    for (size_t j = 0; j < n; j++) {
        float16v weight = *(const float16v *)(x + LANES * j) - largest;
        exponential_below(&weight);
        *(float16v *)(x + LANES * j) = weight;
        sum += weight;
    }
    sum = 1.0f / sum;
    for (size_t j = 0; j < n; j++) *(float16v *)(x + LANES * j) *= sum;
}

PRIVATE_LEVELS(
    void, softmax, (float *x, size_t n, const float *bias, ptrdiff_t offset, ptrdiff_t window),
    (x, n, bias, offset, window)
)

/// d := weights · (d − Σ over keys of weights · d), the gradient of the scores from that of the weights.
BODY void softmax_gradient_body(const float *weights, size_t n, float *d) {
    float16v along = {0};
    for (size_t j = 0; j < n; j++)
        along += *(const float16v *)(weights + LANES * j) * *(const float16v *)(d + LANES * j);
    for (size_t j = 0; j < n; j++) {
        float16v *here = (float16v *)(d + LANES * j);
        *here = *(const float16v *)(weights + LANES * j) * (*here - along);
    }
}

PRIVATE_LEVELS(void, softmax_gradient, (const float *weights, size_t n, float *d), (weights, n, d))

/// Dropout of 16 queries' weights, whose random words begin `step` blocks apart; `out` may be `weights`.
BODY void drop_weights_body(
    const settings *s, uint64_t block, uint64_t step, const float *weights, size_t n, float *out
) {
    const dropout d = dropout_of(s->seed, s->stream, s->dropout);
    const uint64x8v lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    uint64x8v low = lanes * step + block, high = low + 8 * step;
    for (size_t j = 0; j < n; j += 4, low += 1, high += 1) {
        uint64x8v first[4], second[4];
        philox8(d.seed, d.stream, &low, first);
        philox8(d.seed, d.stream, &high, second);
        _Pragma("clang loop unroll(full)") for (size_t w = 0; w < 4; w++) {
            if (j + w >= n) break;
            uint32x8v left = __builtin_convertvector(first[w], uint32x8v);
            uint32x8v right = __builtin_convertvector(second[w], uint32x8v);
            uint32x16v words = __builtin_shufflevector(left, right, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            float16v weight = *(const float16v *)(weights + LANES * (j + w));
            drop(&d, &words, &weight);
            *(float16v *)(out + LANES * (j + w)) = weight;
        }
    }
}

PRIVATE_LEVELS(
    void, drop_weights,
    (const settings *s, uint64_t block, uint64_t step, const float *weights, size_t n, float *out),
    (s, block, step, weights, n, out)
)

// MARK: Bias

/// Biases of a head by query place − key place from 1 − tokens on, so that 16 queries' lie side by side.
static size_t bias_room(size_t tokens) { return 2 * tokens + LANES; }

/// Where the bias of that place is in the head's row.
static size_t bias_place(const settings *s, size_t tokens, size_t i) {
    return i + 1 >= tokens ? s->reach - least(i + 1 - tokens, s->reach) : s->reach + least(tokens - 1 - i, s->reach);
}

static void turn_bias(const settings *s, size_t head, size_t tokens, float *out) {
    const float *bias = s->bias + head * (2 * s->reach + 1);
    for (size_t i = 0; i < bias_room(tokens); i++) out[i] = bias[bias_place(s, tokens, i)];
}

/// sums[i] of what the scores with that place get; `sums` is at the first query's place for the first key.
static void add_bias_gradient(const float *d, size_t n, size_t count, float *sums) {
    for (size_t j = 0; j < n; j++, sums--)
        for (size_t i = 0; i < count; i++) sums[i] += d[LANES * j + i];
}

// MARK: Blocks

/// Queries from `first` on, and the keys they see.
typedef struct block {
    size_t first, count, begin, n;
} block;

static block block_at(const settings *s, size_t tokens, size_t first) {
    block b = {first, least(LANES, tokens - first), 0, tokens};
    if (s->window >= tokens) return b;
    if (first > s->window) b.begin = (first - s->window) / 4 * 4; // whole blocks of dropout's random words
    b.n = least(tokens, first + b.count + s->window) - b.begin;
    return b;
}

static void weigh(
    const settings *s, block b, size_t tokens, const float *keys, size_t row, const float *turned, const float *bias,
    float *weights
) {
    product(b.n, LANES, s->head_dimension, keys + b.begin * row, row, 1, turned, LANES, 1, 0, weights, LANES);
    ptrdiff_t offset = (ptrdiff_t)b.first - (ptrdiff_t)b.begin;
    semblance_softmax(
        weights, b.n, bias ? bias + offset + tokens - 1 : NULL, offset, s->window < tokens ? (ptrdiff_t)s->window : -1
    );
}

static void drop_block(
    const settings *s, block b, size_t first_row, size_t head, const float *weights, float *out
) {
    uint64_t row = (uint64_t)(first_row + b.first) * s->heads + head;
    semblance_drop_weights(s, (row << 14) + b.begin / 4, (uint64_t)s->heads << 14, weights, b.n, out);
}

int semblance_attention(
    const settings *s, const float *qkv, size_t tokens, size_t first_row, size_t first_head, size_t head_count,
    float *out
) {
    size_t width = s->head_dimension, columns = s->heads * width, row = 3 * columns;
    size_t bytes = (LANES * width + LANES * tokens + (s->bias ? bias_room(tokens) : 0)) * sizeof(float);
    float *turned = semblance_buffer_allocate(bytes);
    if (!turned) return 1;
    float *weights = turned + LANES * width, *bias = s->bias ? weights + LANES * tokens : NULL;

    for (size_t h = first_head; h < first_head + head_count; h++) {
        const float *q = qkv + h * width, *k = q + columns, *v = k + columns;
        if (bias) turn_bias(s, h, tokens, bias);
        for (size_t first = 0; first < tokens; first += LANES) {
            block b = block_at(s, tokens, first);
            semblance_turn(q + first * row, row, b.count, width, s->scale, turned);
            weigh(s, b, tokens, k, row, turned, bias, weights);
            if (s->dropout > 0) drop_block(s, b, first_row, h, weights, weights);
            product(
                b.count, width, b.n, weights, 1, LANES, v + b.begin * row, row, 1, 0,
                out + first * columns + h * width, columns
            );
        }
    }
    semblance_buffer_release(turned, bytes);
    return 0;
}

// MARK: Backward

/// Adds alpha · Wᵀ · X to the keys' rows of `out`, X the rows of the block's queries; rows from `begun` on have no values yet.
static void add_to_keys(
    block b, size_t begun, const float *weights, const float *x, size_t x_row, size_t width, float alpha, float *out,
    size_t row
) {
    size_t old = least(b.n, begun - b.begin);
    product(old, width, b.count, weights, LANES, 1, x, x_row, alpha, 1, out + b.begin * row, row);
    product(
        b.n - old, width, b.count, weights + old * LANES, LANES, 1, x, x_row, alpha, 0, out + (b.begin + old) * row, row
    );
}

int semblance_attention_gradient(
    const settings *s, const float *qkv, const float *d_out, size_t tokens, size_t first_row, size_t first_head,
    size_t head_count, float *d_qkv, float *d_bias
) {
    size_t width = s->head_dimension, columns = s->heads * width, row = 3 * columns;
    size_t slab = LANES * tokens, side = LANES * width, biases = s->bias ? bias_room(tokens) : 0;
    size_t bytes = (2 * side + 3 * slab + 2 * biases) * sizeof(float);
    float *turned = semblance_buffer_allocate(bytes);
    if (!turned) return 1;
    float *turned_d = turned + side, *weights = turned_d + side, *dropped = weights + slab, *d = dropped + slab;
    float *bias = s->bias ? d + slab : NULL, *bias_sums = s->bias && d_bias ? bias + biases : NULL;

    for (size_t h = first_head; h < first_head + head_count; h++) {
        const float *q = qkv + h * width, *k = q + columns, *v = k + columns;
        float *dq = d_qkv + h * width, *dk = dq + columns, *dv = dk + columns;
        if (bias) turn_bias(s, h, tokens, bias);
        if (bias_sums) memset(bias_sums, 0, biases * sizeof(float));
        size_t begun = 0;
        for (size_t first = 0; first < tokens; first += LANES) {
            block b = block_at(s, tokens, first);
            const float *d_rows = d_out + first * columns + h * width, *queries = q + first * row;
            semblance_turn(queries, row, b.count, width, s->scale, turned);
            weigh(s, b, tokens, k, row, turned, bias, weights);
            const float *used = weights;
            if (s->dropout > 0) drop_block(s, b, first_row, h, weights, dropped), used = dropped;
            // out = W · V, so dV = Wᵀ · d_out and dW = d_out · Vᵀ.
            add_to_keys(b, begun, used, d_rows, columns, width, 1, dv, row);
            semblance_turn(d_rows, columns, b.count, width, 1, turned_d);
            product(b.n, LANES, width, v + b.begin * row, row, 1, turned_d, LANES, 1, 0, d, LANES);
            if (s->dropout > 0) drop_block(s, b, first_row, h, d, d);
            semblance_softmax_gradient(weights, b.n, d);
            if (bias_sums) add_bias_gradient(d, b.n, b.count, bias_sums + first - b.begin + tokens - 1);
            // scores = scale · Q · Kᵀ, so dQ = scale · dS · K and dK = scale · dSᵀ · Q.
            product(
                b.count, width, b.n, d, 1, LANES, k + b.begin * row, row, s->scale, 0, dq + first * row, row
            );
            add_to_keys(b, begun, d, queries, row, width, s->scale, dk, row);
            begun = b.begin + b.n;
        }
        if (bias_sums)
            for (size_t i = 0; i + 1 < 2 * tokens; i++)
                d_bias[h * (2 * s->reach + 1) + bias_place(s, tokens, i)] += bias_sums[i];
    }
    semblance_buffer_release(turned, bytes);
    return 0;
}
