#include "include/semblance_elementwise.h"

#include "include/semblance_memory.h"
#include "lanes.h"

#include <float.h>
#include <math.h>
#include <string.h>

// MARK: Table rows

size_t semblance_first_id_outside(const int32_t *ids, size_t count, size_t table_rows) {
    for (size_t i = 0; i < count; i++)
        if (ids[i] < -1 || (ids[i] >= 0 && (size_t)ids[i] >= table_rows)) return i;
    return count;
}

/// out = out + factor · x, or factor · x for the first row of a sum.
BODY void add_row(float *restrict out, const float *restrict x, size_t n, float factor, int first) {
    if (first)
        for (size_t i = 0; i < n; i++) out[i] = factor * x[i];
    else
        for (size_t i = 0; i < n; i++) out[i] += factor * x[i];
}

BODY void prefetch_row(const float *x, size_t n) {
    for (size_t i = 0; i < n; i += 16) __builtin_prefetch(x + i);
}

enum { AHEAD = 4 }; // rows: some 4 KiB in flight hide the latency of memory

BODY void embedding_mean_body(
    const float *table, size_t dimension, const float *weights, const int32_t *ids, const int32_t *offsets,
    size_t texts, float *out, size_t ld
) {
    int32_t end = offsets[texts];
    for (size_t t = 0; t < texts; t++, out += ld) {
        int32_t from = offsets[t], to = offsets[t + 1];
        if (from == to) {
            memset(out, 0, dimension * sizeof *out);
            continue;
        }
        for (int32_t j = from; j < to; j++) {
            if (j + AHEAD < end) prefetch_row(table + (size_t)ids[j + AHEAD] * dimension, dimension);
            add_row(out, table + (size_t)ids[j] * dimension, dimension, weights ? weights[ids[j]] : 1, j == from);
        }
        float scale = 1 / (float)(to - from);
        for (size_t i = 0; i < dimension; i++) out[i] *= scale;
    }
}

LEVELS(
    void, embedding_mean,
    (const float *table, size_t dimension, const float *weights, const int32_t *ids, const int32_t *offsets,
     size_t texts, float *out, size_t ld),
    (table, dimension, weights, ids, offsets, texts, out, ld)
)

BODY void embedding_gradient_body(
    const float *d_out, size_t dimension, const float *weights, const int32_t *rows, const int32_t *starts,
    const int32_t *texts, const float *inverse_counts, size_t unique, float *out
) {
    for (size_t u = 0; u < unique; u++, out += dimension) {
        float weight = weights ? weights[rows[u]] : 1;
        for (int32_t j = starts[u]; j < starts[u + 1]; j++) {
            size_t text = (size_t)texts[j];
            add_row(out, d_out + text * dimension, dimension, weight * inverse_counts[text], j == starts[u]);
        }
    }
}

LEVELS(
    void, embedding_gradient,
    (const float *d_out, size_t dimension, const float *weights, const int32_t *rows, const int32_t *starts,
     const int32_t *texts, const float *inverse_counts, size_t unique, float *out),
    (d_out, dimension, weights, rows, starts, texts, inverse_counts, unique, out)
)

size_t semblance_group_tokens(
    const int32_t *ids, const int32_t *offsets, size_t texts, size_t table_rows, int32_t *rows, int32_t *starts,
    int32_t *occurrence_texts
) {
    size_t bytes = table_rows * sizeof(int32_t);
    int32_t *places = semblance_buffer_allocate(bytes); // first counts, then where a row's next occurrence goes
    if (!places) return SIZE_MAX;
    memset(places, 0, bytes);
    for (int32_t j = offsets[0]; j < offsets[texts]; j++) places[ids[j]]++;
    size_t unique = 0;
    int32_t start = 0;
    for (size_t row = 0; row < table_rows; row++) {
        if (places[row] == 0) continue;
        rows[unique] = (int32_t)row;
        starts[unique++] = start;
        int32_t next = start + places[row];
        places[row] = start;
        start = next;
    }
    starts[unique] = start;
    for (size_t t = 0; t < texts; t++)
        for (int32_t j = offsets[t]; j < offsets[t + 1]; j++) occurrence_texts[places[ids[j]]++] = (int32_t)t;
    semblance_buffer_release(places, bytes);
    return unique;
}

// MARK: Reductions

BODY float dot_body(const float *x, const float *y, size_t n) {
    float16v sums[4] = {0};
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (size_t j = 0; j < 4; j++)
            sums[j] += *(const float16v *)(x + i + 16 * j) * *(const float16v *)(y + i + 16 * j);
    for (; i + 16 <= n; i += 16) sums[0] += *(const float16v *)(x + i) * *(const float16v *)(y + i);
    if (i < n) {
        float16v a, b;
        load_part(&a, x + i, n - i);
        load_part(&b, y + i, n - i);
        sums[1] += a * b;
    }
    sums[0] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    return sum_lanes(&sums[0]);
}

LEVELS(float, dot, (const float *x, const float *y, size_t n), (x, y, n))

BODY void add_squares(double8v *sums, const float16v *v) {
    float8v halves[2];
    memcpy(halves, v, sizeof halves);
    for (size_t i = 0; i < 2; i++) {
        double8v wide = __builtin_convertvector(halves[i], double8v);
        sums[i] += wide * wide;
    }
}

BODY double sum_of_squares_body(const float *x, size_t n) {
    double8v sums[4] = {0};
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (size_t j = 0; j < 2; j++) add_squares(sums + 2 * j, (const float16v *)(x + i + 16 * j));
    for (; i < n; i += 16) {
        float16v v;
        load_part(&v, x + i, n - i < 16 ? n - i : 16);
        add_squares(sums, &v);
    }
    sums[0] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    return sum_double_lanes(&sums[0]);
}

LEVELS(double, sum_of_squares, (const float *x, size_t n), (x, n))

/// The larger of both, lane by lane; NaN wins.
BODY void keep_larger(float16v *largest, const float16v *x) {
    int16v larger = (*x > *largest) | (*x != *x);
    *largest = (float16v)(((int16v)*x & larger) | ((int16v)*largest & ~larger));
}

BODY float maximum_body(const float *x, size_t n) {
    float16v largest[4];
    for (size_t j = 0; j < 4; j++) largest[j] = (float16v){0} - INFINITY;
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (size_t j = 0; j < 4; j++) keep_larger(&largest[j], (const float16v *)(x + i + 16 * j));
    for (; i + 16 <= n; i += 16) keep_larger(&largest[0], (const float16v *)(x + i));
    for (size_t j = 1; j < 4; j++) keep_larger(&largest[0], &largest[j]);
    float lanes[16], result = -INFINITY;
    memcpy(lanes, &largest[0], sizeof lanes);
    for (size_t j = 0; j < 16; j++)
        if (lanes[j] > result || lanes[j] != lanes[j]) result = lanes[j];
    for (; i < n; i++)
        if (x[i] > result || x[i] != x[i]) result = x[i];
    return result;
}

LEVELS(float, maximum, (const float *x, size_t n), (x, n))

// MARK: Unit rows

BODY void unit_rows_body(const float *x, size_t rows, size_t columns, float *y, float *inverse_norms) {
    for (size_t row = 0; row < rows; row++, x += columns, y += columns) {
        double norm = __builtin_elementwise_sqrt(sum_of_squares_body(x, columns));
        float inverse = norm < FLT_MIN ? 0 : (float)(1 / norm);
        inverse_norms[row] = inverse;
        for (size_t i = 0; i < columns; i++) y[i] = x[i] * inverse;
    }
}

LEVELS(
    void, unit_rows, (const float *x, size_t rows, size_t columns, float *y, float *inverse_norms),
    (x, rows, columns, y, inverse_norms)
)

BODY void unit_rows_gradient_body(
    const float *y, const float *inverse_norms, const float *dy, size_t rows, size_t columns, float *dx
) {
    for (size_t row = 0; row < rows; row++, y += columns, dy += columns, dx += columns) {
        float along = dot_body(dy, y, columns), inverse = inverse_norms[row];
        for (size_t i = 0; i < columns; i++) {
            float across = dy[i] - along * y[i];
            dx[i] = inverse * across;
        }
    }
}

LEVELS(
    void, unit_rows_gradient,
    (const float *y, const float *inverse_norms, const float *dy, size_t rows, size_t columns, float *dx),
    (y, inverse_norms, dy, rows, columns, dx)
)

// MARK: Exponentials

BODY float exponentials_body(float *x, size_t n, float factor, float shift) {
    double8v sums[2] = {0};
    size_t i = 0;
    while (i + 16 <= n) {
        // Short runs in float, their sums in double.
        size_t end = n - i < 128 ? i + (n - i) / 16 * 16 : i + 128;
        float16v run = {0};
        for (; i < end; i += 16) {
            float16v v = *(const float16v *)(x + i) * factor - shift;
            exponential(&v);
            *(float16v *)(x + i) = v;
            run += v;
        }
        add_as_doubles(sums, &run);
    }
    if (i < n) {
        float16v v;
        load_part(&v, x + i, n - i);
        v = v * factor - shift;
        exponential(&v);
        memcpy(x + i, &v, (n - i) * sizeof *x);
        load_part(&v, x + i, n - i);
        add_as_doubles(sums, &v);
    }
    sums[0] += sums[1];
    return (float)sum_double_lanes(&sums[0]);
}

LEVELS(float, exponentials, (float *x, size_t n, float factor, float shift), (x, n, factor, shift))

// MARK: Vectors

BODY void scale_body(float *x, size_t n, float factor) {
    for (size_t i = 0; i < n; i++) x[i] *= factor;
}

LEVELS(void, scale, (float *x, size_t n, float factor), (x, n, factor))

BODY void add_scaled_body(float *y, const float *x, size_t n, float factor) { add_row(y, x, n, factor, 0); }

LEVELS(void, add_scaled, (float *y, const float *x, size_t n, float factor), (y, x, n, factor))
