#include "trie.h"

#include <string.h>

#include "storage.h"

/// A node whose children are still to be placed: entries [first, last) share its path of `depth` bytes.
typedef struct {
    int32_t node;
    size_t first, last, depth;
} pending_node;

/// Slots below 256 are never used but for the root, so that a leaf's base of 0 finds no child.
enum { FIRST_SLOT = 256, MAXIMUM_TRIES = 128 };

typedef struct {
    semblance_trie_node *nodes; // free slots have parent -1 and are a list: `base` is the next one, `value` the last
    size_t count, capacity;
    int32_t first_free, last_free;
} builder;

static void extend(builder *b, size_t count) {
    if (count > (size_t)INT32_MAX - 256) abort();
    b->nodes = semblance_grow(b->nodes, count, &b->capacity, sizeof(semblance_trie_node));
    while (b->count < count) {
        int32_t slot = (int32_t)b->count++;
        b->nodes[slot] = (semblance_trie_node){-1, -1, -1};
        if (slot < FIRST_SLOT) continue;
        b->nodes[slot].value = b->last_free;
        if (b->last_free >= 0) b->nodes[b->last_free].base = slot;
        else b->first_free = slot;
        b->last_free = slot;
    }
}

/// A base at which every label's slot is free. After some tries it goes to the end, which keeps building linear.
static int32_t find_base(const builder *b, const uint8_t *labels, size_t label_count) {
    int32_t slot = b->first_free;
    for (int tries = 0; slot >= 0 && tries < MAXIMUM_TRIES; slot = b->nodes[slot].base, tries++) {
        int32_t base = slot - labels[0];
        if ((size_t)base + 256 > b->count) break;
        size_t fitting = 1;
        while (fitting < label_count && b->nodes[base + labels[fitting]].parent == -1) fitting++;
        if (fitting == label_count) return base;
    }
    return (int32_t)b->count;
}

/// Makes a free slot a node.
static void take(builder *b, int32_t slot, int32_t parent, int32_t value) {
    int32_t next = b->nodes[slot].base, last = b->nodes[slot].value;
    if (last >= 0) b->nodes[last].base = next;
    else b->first_free = next;
    if (next >= 0) b->nodes[next].value = last;
    else b->last_free = last;
    b->nodes[slot] = (semblance_trie_node){0, parent, value};
}

semblance_trie semblance_trie_create(const semblance_trie_entry *sorted, size_t count) {
    builder b = {.first_free = -1, .last_free = -1};
    extend(&b, 2 * FIRST_SLOT);
    b.nodes[SEMBLANCE_TRIE_ROOT].base = 0;
    pending_node *queue = NULL;
    size_t head = 0, tail = 0, capacity = 0;
    while (count > 0 && sorted[0].count == 0) sorted++, count--;
    if (count > 0) {
        queue = semblance_grow(queue, 1, &capacity, sizeof(pending_node));
        queue[tail++] = (pending_node){SEMBLANCE_TRIE_ROOT, 0, count, 0};
    }
    while (head < tail) {
        pending_node at = queue[head++];
        uint8_t labels[256];
        size_t starts[257], label_count = 0;
        for (size_t i = at.first; i < at.last; i++) {
            uint8_t label = sorted[i].bytes[at.depth];
            if (label_count == 0 || labels[label_count - 1] != label) {
                labels[label_count] = label;
                starts[label_count++] = i;
            }
        }
        starts[label_count] = at.last;
        int32_t base = find_base(&b, labels, label_count);
        extend(&b, (size_t)base + 256);
        b.nodes[at.node].base = base;
        if (head > 4096 && head * 2 > tail) {
            memmove(queue, queue + head, (tail - head) * sizeof(pending_node));
            tail -= head;
            head = 0;
        }
        queue = semblance_grow(queue, tail + label_count, &capacity, sizeof(pending_node));
        for (size_t i = 0; i < label_count; i++) {
            int32_t slot = base + labels[i];
            size_t first = starts[i];
            int ends_here = sorted[first].count == at.depth + 1;
            take(&b, slot, at.node, ends_here ? sorted[first].value : -1);
            if (ends_here) first++;
            if (first < starts[i + 1]) queue[tail++] = (pending_node){slot, first, starts[i + 1], at.depth + 1};
        }
    }
    free(queue);
    return (semblance_trie){b.nodes, b.count};
}

void semblance_trie_free(semblance_trie *trie) {
    free(trie->nodes);
    *trie = (semblance_trie){NULL, 0};
}
