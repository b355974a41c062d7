#include "vocabulary.h"

#include <string.h>

#include "storage.h"
#include "unicode.h"

void semblance_token_list_append(semblance_token_list *list, const uint8_t *token, size_t count, int32_t id) {
    size_t start = list->count ? list->ends[list->count - 1] : 0;
    list->bytes = semblance_grow(list->bytes, start + count, &list->byte_capacity, 1);
    list->ends = semblance_grow(list->ends, list->count + 1, &list->end_capacity, sizeof(size_t));
    list->ids = semblance_grow(list->ids, list->count + 1, &list->id_capacity, sizeof(int32_t));
    if (count) memcpy(list->bytes + start, token, count);
    list->ends[list->count] = start + count;
    list->ids[list->count++] = id;
}

void semblance_token_list_free(semblance_token_list *list) {
    free(list->bytes);
    free(list->ends);
    free(list->ids);
    *list = (semblance_token_list){0};
}

typedef struct {
    semblance_trie_entry entry;
    size_t index;
} ordered_entry;

static int compare(const void *a, const void *b) {
    const ordered_entry *x = a, *y = b;
    size_t shorter = x->entry.count < y->entry.count ? x->entry.count : y->entry.count;
    int order = memcmp(x->entry.bytes, y->entry.bytes, shorter);
    if (order) return order;
    if (x->entry.count != y->entry.count) return x->entry.count < y->entry.count ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

semblance_vocabulary *semblance_vocabulary_create(const semblance_token_list *list, size_t conflict[2]) {
    size_t count = list->count, total = count ? list->ends[count - 1] : 0;
    semblance_vocabulary *v = semblance_allocate(1, sizeof(semblance_vocabulary));
    v->bytes = semblance_allocate(total, 1);
    if (total) memcpy(v->bytes, list->bytes, total);

    ordered_entry *ordered = semblance_allocate(count, sizeof(ordered_entry));
    for (size_t i = 0, start = 0; i < count; start = list->ends[i], i++)
        ordered[i] = (ordered_entry){{v->bytes + start, list->ends[i] - start, list->ids[i]}, i};
    qsort(ordered, count, sizeof(ordered_entry), compare);
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++) {
        const semblance_trie_entry *next = i + 1 < count ? &ordered[i + 1].entry : NULL;
        if (next && next->count == ordered[i].entry.count
            && memcmp(next->bytes, ordered[i].entry.bytes, next->count) == 0)
            continue;
        ordered[distinct++] = ordered[i];
    }

    for (size_t i = 0; i < distinct; i++)
        if (ordered[i].entry.value >= v->limit) v->limit = ordered[i].entry.value + 1;
    v->count = distinct;
    v->starts = semblance_allocate((size_t)v->limit, sizeof(size_t));
    v->lengths = semblance_allocate((size_t)v->limit, sizeof(int32_t));
    memset(v->lengths, 0xFF, (size_t)v->limit * sizeof(int32_t));
    int broken = 0;
    for (size_t i = 0; i < distinct && !broken; i++) {
        int32_t id = ordered[i].entry.value;
        size_t start = (size_t)(ordered[i].entry.bytes - v->bytes);
        if (v->lengths[id] >= 0) {
            for (size_t j = 0; j < i; j++)
                if (ordered[j].entry.value == id) conflict[0] = ordered[j].index;
            conflict[1] = ordered[i].index;
            broken = 1;
        }
        v->starts[id] = start;
        v->lengths[id] = (int32_t)ordered[i].entry.count;
    }
    if (!broken) {
        semblance_trie_entry *entries = semblance_allocate(distinct, sizeof(semblance_trie_entry));
        for (size_t i = 0; i < distinct; i++) entries[i] = ordered[i].entry;
        v->trie = semblance_trie_create(entries, distinct);
        free(entries);
    }
    free(ordered);
    if (!broken) return v;
    semblance_vocabulary_destroy(v);
    return NULL;
}

void semblance_vocabulary_destroy(semblance_vocabulary *vocabulary) {
    semblance_trie_free(&vocabulary->trie);
    free(vocabulary->bytes);
    free(vocabulary->starts);
    free(vocabulary->lengths);
    free(vocabulary);
}

size_t semblance_vocabulary_count(const semblance_vocabulary *vocabulary) { return vocabulary->count; }

int32_t semblance_vocabulary_limit(const semblance_vocabulary *vocabulary) { return vocabulary->limit; }

int32_t semblance_vocabulary_id(const semblance_vocabulary *vocabulary, const uint8_t *token, size_t count) {
    const semblance_trie_node *nodes = vocabulary->trie.nodes;
    int32_t node = semblance_trie_walk(nodes, SEMBLANCE_TRIE_ROOT, token, count);
    return node < 0 ? -1 : nodes[node].value;
}

const uint8_t *semblance_vocabulary_token(const semblance_vocabulary *vocabulary, int32_t id, size_t *count) {
    if (id < 0 || id >= vocabulary->limit || vocabulary->lengths[id] < 0) return NULL;
    *count = (size_t)vocabulary->lengths[id];
    return vocabulary->bytes + vocabulary->starts[id];
}

static int compare_lengths(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

int32_t semblance_vocabulary_median_length(
    const semblance_vocabulary *vocabulary, const int32_t *more, size_t more_count) {
    size_t count = 0;
    int32_t *lengths = semblance_allocate(vocabulary->count + more_count, sizeof(int32_t));
    for (int32_t id = 0; id < vocabulary->limit; id++) {
        if (vocabulary->lengths[id] < 0) continue;
        const uint8_t *token = vocabulary->bytes + vocabulary->starts[id];
        lengths[count++] = (int32_t)semblance_scalar_count(token, (size_t)vocabulary->lengths[id]);
    }
    for (size_t i = 0; i < more_count; i++) lengths[count++] = more[i];
    qsort(lengths, count, sizeof(int32_t), compare_lengths);
    int32_t median = count ? (int32_t)(((int64_t)lengths[(count - 1) / 2] + lengths[count / 2]) / 2) : 0;
    free(lengths);
    return median;
}
