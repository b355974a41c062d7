// Bootstrap and randomisation over the values of single queries.
#include "semblance_resampling.h"

#include <math.h>

#include "semblance_random.h"

void semblance_bootstrap_means(
    const double *values, size_t rows, size_t columns, uint64_t seed, size_t first, size_t count, double *means
) {
    for (size_t r = 0; r < count; r++) {
        double *mean = means + r * columns;
        for (size_t c = 0; c < columns; c++) mean[c] = 0;
        uint32_t words[4];
        for (size_t i = 0; i < rows; i++) {
            if (i % 4 == 0) semblance_philox(seed, first + r, i / 4, words);
            const double *row = values + (size_t)((uint64_t)words[i % 4] * rows >> 32) * columns;
            for (size_t c = 0; c < columns; c++) mean[c] += row[c];
        }
        for (size_t c = 0; c < columns; c++) mean[c] /= (double)rows;
    }
}

size_t semblance_sign_flips_at_least(
    const double *differences, size_t n, uint64_t seed, size_t first, size_t count, double bar
) {
    size_t found = 0;
    for (size_t r = 0; r < count; r++) {
        double sum = 0;
        uint32_t words[4];
        for (size_t i = 0; i < n; i++) {
            if (i % 128 == 0) semblance_philox(seed, first + r, i / 128, words);
            sum += words[i / 32 % 4] >> (i % 32) & 1 ? differences[i] : -differences[i];
        }
        found += fabs(sum) >= bar;
    }
    return found;
}
