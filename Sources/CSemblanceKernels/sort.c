#include "include/semblance_sort.h"

#include <string.h>

void semblance_sort_keys(uint64_t *keys, uint64_t *scratch, size_t count) {
    for (int shift = 0; shift < 64; shift += 8) { // an even number of passes: the result ends up in `keys`
        size_t starts[257] = {0};
        for (size_t i = 0; i < count; i++) starts[((keys[i] >> shift) & 255) + 1]++;
        for (int b = 0; b < 256; b++) starts[b + 1] += starts[b];
        for (size_t i = 0; i < count; i++) scratch[starts[(keys[i] >> shift) & 255]++] = keys[i];
        uint64_t *sorted = scratch;
        scratch = keys;
        keys = sorted;
    }
}
