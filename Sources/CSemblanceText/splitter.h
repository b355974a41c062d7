// A pre-tokenizer: steps that cut a text into words, each step the words of the one before it.
#ifndef SEMBLANCE_SPLITTER_H
#define SEMBLANCE_SPLITTER_H

#include "include/CSemblanceText.h"
#include "storage.h"

enum { SEMBLANCE_SPLITTER_STEPS = 16 };

/// What steps that change the text write, a place for each; made when there is a first one.
typedef struct {
    semblance_bytes *texts;
} semblance_splitter_memory;

/// Takes a word; false if no more words are wanted.
typedef bool (*semblance_take_word)(void *context, const uint8_t *word, const uint8_t *end);

/// Gives the words of a stretch of text one after another; `first` says that a text begins with the stretch.
void semblance_splitter_run(
    const semblance_splitter *splitter, const uint8_t *p, const uint8_t *end, bool first,
    semblance_splitter_memory *memory, semblance_take_word take, void *context);

/// Whether it cuts words as BERT does, and no more.
bool semblance_splitter_is_bert(const semblance_splitter *splitter);

void semblance_splitter_memory_free(semblance_splitter_memory *memory);

#endif
