// Attention of one text, head by head: keys and values are packed once, then blocks of queries go through the two products
// with the softmax between. The way back computes the weights again: keeping them would cost memory in n².

#include "include/semblance_transformer.h"

#include "dropout.h"
#include "include/semblance_gemm.h"
#include "include/semblance_memory.h"
#include "lanes.h"

#include <math.h>

typedef semblance_attention_settings settings;

enum { QUERIES = 64 }; // of a block

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/// Queries from `first` on and the keys they see: from `begin`, a whole panel, to `end`.
typedef struct block {
    size_t first, count, begin, end;
} block;

static block block_at(const settings *s, size_t tokens, size_t first) {
    block b = {first, least(QUERIES, tokens - first), 0, tokens};
    if (s->window >= tokens) return b;
    if (first > s->window) b.begin = (first - s->window) / semblance_panel_width() * semblance_panel_width();
    b.end = least(tokens, first + b.count + s->window);
    return b;
}

// MARK: Softmax

/// Scores of one query to weights before division by their sum, which is returned; lanes beyond n are not touched.
BODY float weigh(float *x, size_t n) {
    float16v largest = (float16v){0} - INFINITY;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        float16v v = *(const float16v *)(x + i);
        int16v larger = v > largest;
        select_lanes(&largest, &larger, &v, &largest);
    }
    float16v rest = (float16v){0} - INFINITY;
    memcpy(&rest, x + i, (n - i) * sizeof *x);
    int16v larger = rest > largest;
    select_lanes(&largest, &larger, &rest, &largest);
    float lanes[16], shift = -INFINITY;
    memcpy(lanes, &largest, sizeof lanes);
    for (size_t j = 0; j < 16; j++) shift = lanes[j] > shift ? lanes[j] : shift;

    float16v sum = {0};
    for (i = 0; i + 16 <= n; i += 16) {
        float16v v = *(const float16v *)(x + i) - shift;
        exponential(&v);
        *(float16v *)(x + i) = v;
        sum += v;
    }
    if (i < n) {
        rest = rest - shift; // −∞ beyond n: weight 0
        exponential(&rest);
        memcpy(x + i, &rest, (n - i) * sizeof *x);
        sum += rest;
    }
    return sum_lanes(&sum);
}

/// Scores of a block to weights before division, rows at `ld`, and one over each row's sum.
BODY void softmax_body(const settings *s, size_t head, block b, float *scores, size_t ld, float *inverse_sums) {
    size_t n = b.end - b.begin;
    for (size_t i = 0; i < b.count; i++, scores += ld) {
        size_t query = b.first + i;
        if (s->bias) {
            const float *bias = s->bias + head * (2 * s->reach + 1);
            for (size_t j = 0; j < n; j++) {
                size_t key = b.begin + j;
                size_t place = key >= query ? s->reach + least(key - query, s->reach) : s->reach - least(query - key, s->reach);
                scores[j] += bias[place];
            }
        }
        size_t from = 0, to = n;
        if (query > s->window + b.begin) from = query - s->window - b.begin;
        if (s->window < b.end && query + s->window + 1 < b.end) to = query + s->window + 1 - b.begin;
        for (size_t j = 0; j < from; j++) scores[j] = 0;
        for (size_t j = to; j < n; j++) scores[j] = 0;
        inverse_sums[i] = 1 / weigh(scores + from, to - from);
    }
}

PRIVATE_LEVELS(
    void, softmax,
    (const settings *s, size_t head, block b, float *scores, size_t ld, float *inverse_sums),
    (s, head, b, scores, ld, inverse_sums)
)

BODY void scale_rows_body(float *x, const float *factors, size_t rows, size_t columns, size_t ld) {
    for (size_t i = 0; i < rows; i++, x += ld)
        for (size_t j = 0; j < columns; j++) x[j] *= factors[i];
}

PRIVATE_LEVELS(
    void, scale_rows, (float *x, const float *factors, size_t rows, size_t columns, size_t ld),
    (x, factors, rows, columns, ld)
)

/// Dropout of a block's weights: `out` may be `weights`.
BODY void drop_weights_body(
    const settings *s, size_t head, size_t first_row, block b, const float *weights, size_t ld, float *out
) {
    for (size_t i = 0; i < b.count; i++, weights += ld, out += ld) {
        uint64_t row = (uint64_t)(first_row + b.first + i) * s->heads + head;
        drop(s->seed, s->stream, (row << 14) + b.begin / 4, s->dropout, weights, b.end - b.begin, out);
    }
}

PRIVATE_LEVELS(
    void, drop_weights,
    (const settings *s, size_t head, size_t first_row, block b, const float *weights, size_t ld, float *out),
    (s, head, first_row, b, weights, ld, out)
)

/// d := weights · (d − ⟨d_out, out⟩), the gradient of the scores from that of the weights.
BODY void softmax_gradient_body(
    const float *weights, const float *out, const float *d_out, size_t width, size_t row_ld, block b, size_t ld, float *d
) {
    for (size_t i = 0; i < b.count; i++, weights += ld, d += ld, out += row_ld, d_out += row_ld) {
        float along = 0;
        for (size_t j = 0; j < width; j++) along += out[j] * d_out[j];
        for (size_t j = 0; j < b.end - b.begin; j++) d[j] = weights[j] * (d[j] - along);
    }
}

PRIVATE_LEVELS(
    void, softmax_gradient,
    (const float *weights, const float *out, const float *d_out, size_t width, size_t row_ld, block b, size_t ld,
     float *d),
    (weights, out, d_out, width, row_ld, b, ld, d)
)

// MARK: Forward

/// Panels of a packed operand, in floats, rounded so that what follows is aligned.
static size_t room(size_t k, size_t n) { return (semblance_packed_count(k, n) + 15) / 16 * 16; }

int semblance_attention(
    const settings *s, const float *qkv, size_t tokens, size_t first_row, size_t first_head, size_t head_count,
    float *out
) {
    size_t width = s->head_dimension, columns = s->heads * width, row = 3 * columns;
    size_t keys_room = room(width, tokens), values_room = room(tokens, width), ld = (tokens + 15) / 16 * 16;
    size_t bytes = (keys_room + values_room + least(QUERIES, tokens) * ld) * sizeof(float);
    float *keys = semblance_buffer_allocate(bytes);
    if (!keys) return 1;
    float *values = keys + keys_room, *scores = values + values_room, inverse_sums[QUERIES];

    for (size_t h = first_head; h < first_head + head_count; h++) {
        const float *q = qkv + h * width, *k = q + columns, *v = k + columns;
        semblance_pack(width, tokens, k, 1, row, keys);
        size_t packed_begin = SIZE_MAX, packed_end = 0;
        for (size_t first = 0; first < tokens; first += QUERIES) {
            block b = block_at(s, tokens, first);
            size_t n = b.end - b.begin;
            if (b.begin != packed_begin || b.end != packed_end)
                semblance_pack(n, width, v + b.begin * row, row, 1, values);
            packed_begin = b.begin;
            packed_end = b.end;
            semblance_product_packed(
                b.count, n, width, q + first * row, row, 1, keys + b.begin * width, s->scale, 0, NULL, scores, ld
            );
            semblance_softmax(s, h, b, scores, ld, inverse_sums);
            if (s->dropout > 0) semblance_drop_weights(s, h, first_row, b, scores, ld, scores);
            float *o = out + first * columns + h * width;
            semblance_product_packed(b.count, width, n, scores, ld, 1, values, 1, 0, NULL, o, columns);
            semblance_scale_rows(o, inverse_sums, b.count, width, columns);
        }
    }
    semblance_buffer_release(keys, bytes);
    return 0;
}

// MARK: Backward

int semblance_attention_gradient(
    const settings *s, const float *qkv, const float *out, const float *d_out, size_t tokens, size_t first_row,
    size_t first_head, size_t head_count, float *d_qkv, float *d_bias
) {
    size_t width = s->head_dimension, columns = s->heads * width, row = 3 * columns;
    size_t side = room(width, tokens), ld = (tokens + 15) / 16 * 16, queries = least(QUERIES, tokens);
    size_t slab = queries * ld, rows_room = room(queries, width), turned = room(tokens, width);
    size_t bytes = (2 * side + turned + 2 * rows_room + 3 * slab) * sizeof(float);
    float *keys = semblance_buffer_allocate(bytes);
    if (!keys) return 1;
    float *values = keys + side, *key_rows = values + side, *packed_rows = key_rows + turned;
    float *packed_queries = packed_rows + rows_room, *weights = packed_queries + rows_room;
    float *dropped = weights + slab, *d = dropped + slab, inverse_sums[QUERIES];

    for (size_t h = first_head; h < first_head + head_count; h++) {
        const float *q = qkv + h * width, *k = q + columns, *v = k + columns;
        float *dq = d_qkv + h * width, *dk = dq + columns, *dv = dk + columns;
        for (size_t i = 0; i < tokens; i++) {
            memset(dk + i * row, 0, width * sizeof(float));
            memset(dv + i * row, 0, width * sizeof(float));
        }
        semblance_pack(width, tokens, k, 1, row, keys);
        semblance_pack(width, tokens, v, 1, row, values);
        for (size_t first = 0; first < tokens; first += QUERIES) {
            block b = block_at(s, tokens, first);
            size_t n = b.end - b.begin;
            const float *d_rows = d_out + first * columns + h * width, *queries_here = q + first * row;
            // The weights again.
            semblance_product_packed(
                b.count, n, width, queries_here, row, 1, keys + b.begin * width, s->scale, 0, NULL, weights, ld
            );
            semblance_softmax(s, h, b, weights, ld, inverse_sums);
            semblance_scale_rows(weights, inverse_sums, b.count, n, ld);
            float *used = weights;
            if (s->dropout > 0) semblance_drop_weights(s, h, first_row, b, weights, ld, used = dropped);
            // out = W · V, so dV = Wᵀ · d_out and dW = d_out · Vᵀ.
            semblance_pack(b.count, width, d_rows, columns, 1, packed_rows);
            semblance_product_packed(
                n, width, b.count, used, 1, ld, packed_rows, 1, 1, NULL, dv + b.begin * row, row
            );
            semblance_product_packed(
                b.count, n, width, d_rows, columns, 1, values + b.begin * width, 1, 0, NULL, d, ld
            );
            if (s->dropout > 0) semblance_drop_weights(s, h, first_row, b, d, ld, d);
            semblance_softmax_gradient(
                weights, out + first * columns + h * width, d_rows, width, columns, b, ld, d
            );
            if (d_bias) {
                float *sums = d_bias + h * (2 * s->reach + 1);
                for (size_t i = 0; i < b.count; i++)
                    for (size_t j = 0; j < n; j++) {
                        size_t query = first + i, key = b.begin + j;
                        sums[key >= query ? s->reach + least(key - query, s->reach)
                                          : s->reach - least(query - key, s->reach)] += d[i * ld + j];
                    }
            }
            // scores = scale · Q · Kᵀ, so dQ = scale · dS · K and dK = scale · dSᵀ · Q.
            semblance_pack(n, width, k + b.begin * row, row, 1, key_rows);
            semblance_product_packed(b.count, width, n, d, ld, 1, key_rows, s->scale, 0, NULL, dq + first * row, row);
            semblance_pack(b.count, width, queries_here, row, 1, packed_queries);
            semblance_product_packed(
                n, width, b.count, d, 1, ld, packed_queries, s->scale, 1, NULL, dk + b.begin * row, row
            );
        }
    }
    semblance_buffer_release(keys, bytes);
    return 0;
}
