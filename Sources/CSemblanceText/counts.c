#include "counts.h"

#include "words.h"

semblance_word_counts *semblance_word_counts_create(uint32_t options, size_t maximum_word) {
    semblance_word_counts *counts = semblance_allocate(1, sizeof(semblance_word_counts));
    counts->words = semblance_new_interner();
    counts->options = options;
    counts->maximum_word = maximum_word;
    return counts;
}

void semblance_word_counts_destroy(semblance_word_counts *counts) {
    semblance_interner_destroy(counts->words);
    free(counts->counts);
    semblance_normalized_free(&counts->scratch);
    free(counts);
}

void semblance_word_counts_add(semblance_word_counts *counts, const uint8_t *text, size_t count) {
    if (count == 0) return;
    semblance_normalize(counts->options, text, count, &counts->scratch);
    const uint8_t *p = counts->scratch.out.bytes, *end = p + counts->scratch.out.count, *word_end;
    while ((word_end = semblance_next_word(&p, end))) {
        const uint8_t *word = p;
        size_t length = (size_t)(word_end - word);
        p = word_end;
        if (length > counts->maximum_word && semblance_scalar_count(word, length) > counts->maximum_word) continue;
        size_t number = (size_t)semblance_number(counts->words, word, length), before = counts->capacity;
        counts->counts = semblance_grow(counts->counts, number + 1, &counts->capacity, sizeof(uint64_t));
        for (size_t i = before; i < counts->capacity; i++) counts->counts[i] = 0;
        counts->counts[number]++;
    }
}

size_t semblance_word_counts_size(const semblance_word_counts *counts) {
    return semblance_interner_count(counts->words);
}
