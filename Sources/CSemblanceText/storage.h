// Growing memory. Running out of it ends the process, as it does everywhere in Swift.
#ifndef SEMBLANCE_STORAGE_H
#define SEMBLANCE_STORAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline void *semblance_allocate(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) abort();
    return memory;
}

/// Memory for at least `needed` elements, at least doubled, so that appending is linear.
static inline void *semblance_grow(void *memory, size_t needed, size_t *capacity, size_t size) {
    if (needed <= *capacity) return memory;
    size_t wanted = *capacity * 2 > needed ? *capacity * 2 : needed;
    if (wanted < 64) wanted = 64;
    if (wanted > SIZE_MAX / size) abort();
    memory = realloc(memory, wanted * size);
    if (!memory) abort();
    *capacity = wanted;
    return memory;
}

/// Bytes that grow.
typedef struct {
    uint8_t *bytes;
    size_t count, capacity;
} semblance_bytes;

/// Where `extra` more bytes can be written.
static inline uint8_t *semblance_bytes_reserve(semblance_bytes *buffer, size_t extra) {
    buffer->bytes = semblance_grow(buffer->bytes, buffer->count + extra, &buffer->capacity, 1);
    return buffer->bytes + buffer->count;
}

#endif
