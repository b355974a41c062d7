#include "include/semblance_selection.h"

#include <math.h>

/// The number that k others of x are before in falling order; x is reordered.
static float highest(float *x, size_t n, size_t k) {
    for (;;) {
        const float pivot = x[n / 2];
        // Higher ones to the front, lower ones to the end; what can't be compared counts as equal.
        size_t front = 0, i = 0, end = n;
        while (i < end) {
            float a = x[i];
            if (a > pivot) {
                x[i++] = x[front];
                x[front++] = a;
            } else if (a < pivot) {
                x[i] = x[--end];
                x[end] = a;
            } else {
                i++;
            }
        }
        if (k < front) {
            n = front;
        } else if (k < end) {
            return pivot;
        } else {
            x += end;
            n -= end;
            k -= end;
        }
    }
}

void semblance_close_but_highest(
    const float *scores, const float *mask, size_t n, float limit, size_t keep, float *closed, float *scratch
) {
    size_t count = 0;
    for (size_t j = 0; j < n; j++)
        if (mask[j] != -INFINITY && !(scores[j] > limit)) scratch[count++] = scores[j];
    float threshold = -INFINITY;
    size_t ties = n;
    if (keep == 0) {
        threshold = INFINITY;
    } else if (count > keep) {
        threshold = highest(scratch, count, keep - 1);
        ties = keep;
        for (size_t j = 0; j < count; j++) ties -= scratch[j] > threshold;
    }
    for (size_t j = 0; j < n; j++) {
        if (mask[j] == -INFINITY) continue;
        int keeps = !(scores[j] > limit);
        if (keeps && !(scores[j] > threshold)) {
            keeps = scores[j] == threshold && ties > 0;
            ties -= (size_t)keeps;
        }
        if (!keeps) closed[j] = 1;
    }
}
