#ifndef SEMBLANCE_VOCABULARY_H
#define SEMBLANCE_VOCABULARY_H

#include "include/CSemblanceText.h"
#include "trie.h"

struct semblance_vocabulary {
    semblance_trie trie;
    uint8_t *bytes;
    size_t *starts;    // by id
    int32_t *lengths;  // by id; -1 where there is no token
    int32_t limit;
    size_t count;
};

#endif
