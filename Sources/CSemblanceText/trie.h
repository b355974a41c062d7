// A set of byte strings with numbers, as a double-array trie: one array look-up a byte.
#ifndef SEMBLANCE_TRIE_H
#define SEMBLANCE_TRIE_H

#include <stddef.h>
#include <stdint.h>

/// The child of node n by byte b is node nodes[n].base + b, if that one's parent is n.
typedef struct {
    int32_t base, parent;
    int32_t value; // -1 where no string ends
} semblance_trie_node;

typedef struct {
    semblance_trie_node *nodes;
    size_t count;
} semblance_trie;

typedef struct {
    const uint8_t *bytes;
    size_t count;
    int32_t value;
} semblance_trie_entry;

enum { SEMBLANCE_TRIE_ROOT = 0 };

/// Builds a trie over entries sorted by their bytes, no two alike; an empty string is left out.
semblance_trie semblance_trie_create(const semblance_trie_entry *sorted, size_t count);

void semblance_trie_free(semblance_trie *trie);

/// The child of `node` by a byte, or -1.
static inline int32_t semblance_trie_child(const semblance_trie_node *nodes, int32_t node, uint8_t byte) {
    int32_t child = nodes[node].base + byte;
    return nodes[child].parent == node ? child : -1;
}

/// The node at the end of a path, or -1.
static inline int32_t semblance_trie_walk(
    const semblance_trie_node *nodes, int32_t node, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count && node >= 0; i++) node = semblance_trie_child(nodes, node, bytes[i]);
    return node;
}

/// The value of the longest string that begins at `p`, going on from `node`, and its length; -1 if there is none.
static inline int32_t semblance_trie_longest(
    const semblance_trie_node *nodes, int32_t node, const uint8_t *p, const uint8_t *end, size_t *length) {
    int32_t found = -1;
    const uint8_t *begin = p;
    while (p < end) {
        node = semblance_trie_child(nodes, node, *p++);
        if (node < 0) break;
        if (nodes[node].value >= 0) {
            found = nodes[node].value;
            *length = (size_t)(p - begin);
        }
    }
    return found;
}

#endif
