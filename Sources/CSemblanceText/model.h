// The seam between tokenizer and model: a model turns a word into ids. Each begins with this and is cast to it.
#ifndef SEMBLANCE_MODEL_H
#define SEMBLANCE_MODEL_H

#include "include/CSemblanceText.h"

struct semblance_model {
    /// Appends the ids of one word, which isn't empty.
    void (*add)(
        const semblance_model *model, const uint8_t *word, const uint8_t *end, semblance_tokens *tokens);
    void (*destroy)(semblance_model *model);
};

#endif
