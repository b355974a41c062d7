#include <string.h>

#include "include/CSemblanceText.h"

void semblance_offsets_shift(int32_t *offsets, size_t count, int32_t base) {
    for (size_t i = 0; i < count; i++) offsets[i] += base;
}

int64_t semblance_lists_select_offsets(
    const int32_t *offsets, size_t list_count, const int32_t *chosen, size_t chosen_count, int32_t *result) {
    int64_t total = 0;
    result[0] = 0;
    for (size_t i = 0; i < chosen_count; i++) {
        if (chosen[i] < 0 || (size_t)chosen[i] >= list_count) return -1;
        total += offsets[chosen[i] + 1] - offsets[chosen[i]];
        if (total > INT32_MAX) return -1;
        result[i + 1] = (int32_t)total;
    }
    return total;
}

void semblance_lists_select_ids(
    const int32_t *ids, const int32_t *offsets, const int32_t *chosen, size_t chosen_count, int32_t *result) {
    for (size_t i = 0; i < chosen_count; i++) {
        size_t count = (size_t)(offsets[chosen[i] + 1] - offsets[chosen[i]]);
        if (count) memcpy(result, ids + offsets[chosen[i]], count * sizeof(int32_t));
        result += count;
    }
}
