// Extended grapheme clusters: what readers take for one character.
#ifndef SEMBLANCE_GRAPHEMES_H
#define SEMBLANCE_GRAPHEMES_H

#include <stddef.h>
#include <stdint.h>

/// Where the cluster that begins at `p` ends; `p` is before `end` and at the beginning of a cluster.
const uint8_t *semblance_grapheme_end(const uint8_t *p, const uint8_t *end);

#endif
