// Rows of tokens on the way in and out of a transformer: sums of table rows, rotations, pooling.

#include "include/semblance_transformer.h"

#include "include/semblance_memory.h"
#include "lanes.h"

#include <math.h>

BODY void gather_sum_body(
    const float *const *tables, const int32_t *const *ids, size_t table_count, size_t tokens, size_t columns, float *y
) {
    for (size_t token = 0; token < tokens; token++, y += columns) {
        int32_t first = ids[0][token];
        if (first >= 0)
            memcpy(y, tables[0] + (size_t)first * columns, columns * sizeof *y);
        else
            memset(y, 0, columns * sizeof *y);
        for (size_t t = 1; t < table_count; t++) {
            if (ids[t][token] < 0) continue;
            const float *row = tables[t] + (size_t)ids[t][token] * columns;
            for (size_t i = 0; i < columns; i++) y[i] += row[i];
        }
    }
}

LEVELS(
    void, gather_sum,
    (const float *const *tables, const int32_t *const *ids, size_t table_count, size_t tokens, size_t columns,
     float *y),
    (tables, ids, table_count, tokens, columns, y)
)

BODY void turn_pairs_body(float *x, size_t heads, size_t half, const float *cosines, const float *sines) {
    for (size_t h = 0; h < heads; h++, x += 2 * half)
        for (size_t i = 0; i < half; i++) {
            float a = x[i], b = x[half + i];
            x[i] = a * cosines[i] - b * sines[i];
            x[half + i] = b * cosines[i] + a * sines[i];
        }
}

PRIVATE_LEVELS(
    void, turn_pairs, (float *x, size_t heads, size_t half, const float *cosines, const float *sines),
    (x, heads, half, cosines, sines)
)

int semblance_rotate(
    float *qkv, size_t tokens, size_t heads, size_t head_dimension, const float *frequencies, float direction
) {
    size_t half = head_dimension / 2, bytes = head_dimension * sizeof(float);
    float *cosines = semblance_buffer_allocate(bytes), *sines = cosines + half;
    if (!cosines) return 1;
    for (size_t place = 0; place < tokens; place++) {
        for (size_t i = 0; i < half; i++) {
            float angle = (float)place * frequencies[i];
            cosines[i] = cosf(angle);
            sines[i] = direction * sinf(angle);
        }
        semblance_turn_pairs(qkv + place * 3 * heads * head_dimension, 2 * heads, half, cosines, sines);
    }
    semblance_buffer_release(cosines, bytes);
    return 0;
}

BODY void pool_weighted_body(
    const float *x, const float *weights, const int32_t *offsets, size_t texts, size_t columns, float *y
) {
    for (size_t t = 0; t < texts; t++, y += columns) {
        memset(y, 0, columns * sizeof *y);
        for (int32_t j = offsets[t]; j < offsets[t + 1]; j++) {
            float weight = weights[j];
            const float *row = x + (size_t)j * columns;
            if (weight != 0)
                for (size_t i = 0; i < columns; i++) y[i] += weight * row[i];
        }
    }
}

LEVELS(
    void, pool_weighted,
    (const float *x, const float *weights, const int32_t *offsets, size_t texts, size_t columns, float *y),
    (x, weights, offsets, texts, columns, y)
)

BODY void pool_maximum_body(
    const float *x, const int32_t *starts, const int32_t *ends, size_t texts, size_t columns, float *y, int32_t *places
) {
    for (size_t t = 0; t < texts; t++, y += columns, places += columns) {
        int32_t start = starts[t], end = ends[t];
        for (size_t i = 0; i < columns; i++) {
            y[i] = start < end ? x[(size_t)start * columns + i] : 0;
            places[i] = start < end ? start : -1;
        }
        for (int32_t j = start + 1; j < end; j++) {
            const float *row = x + (size_t)j * columns;
            for (size_t i = 0; i < columns; i++) {
                int larger = !(row[i] <= y[i]) & (y[i] == y[i]);
                y[i] = larger ? row[i] : y[i];
                places[i] = larger ? j : places[i];
            }
        }
    }
}

LEVELS(
    void, pool_maximum,
    (const float *x, const int32_t *starts, const int32_t *ends, size_t texts, size_t columns, float *y,
     int32_t *places),
    (x, starts, ends, texts, columns, y, places)
)
