// Free lists by size class under one lock. A class is a power of two cut in eight, so at most an eighth is unused.

#include "include/semblance_memory.h"

#include <pthread.h>
#include <stdlib.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__GLIBC__)
#include <malloc.h>
#endif

enum { ALIGNMENT = 64, LARGE_PAGE = 2 << 20, SMALLEST = 1024, CLASSES = 48 * 8 };

typedef struct free_buffer {
    struct free_buffer *next;
} free_buffer;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static free_buffer *lists[CLASSES];
static size_t kept = 0;
static size_t limit = (size_t)256 << 20;

/// The class that holds `bytes`, and its full size in `*size`; -1 where the size is beyond all classes.
static int size_class(size_t bytes, size_t *size) {
    if (bytes <= SMALLEST) {
        *size = SMALLEST;
        return 0;
    }
    int power = 63 - __builtin_clzll((unsigned long long)(bytes - 1)); // 2^power < bytes <= 2^(power+1)
    size_t base = (size_t)1 << power;
    size_t step = base / 8;
    size_t part = (bytes - base + step - 1) / step; // 1...8
    *size = base + part * step;
    int index = (power - 10) * 8 + (int)part;
    return index < CLASSES ? index : -1;
}

void *semblance_buffer_allocate(size_t bytes) {
    if (bytes > ((size_t)1 << 57)) return NULL;
    size_t size;
    int class = size_class(bytes, &size);
    if (class >= 0) {
        pthread_mutex_lock(&lock);
        free_buffer *found = lists[class];
        if (found) {
            lists[class] = found->next;
            kept -= size;
        }
        pthread_mutex_unlock(&lock);
        if (found) return found;
    }
    void *fresh = NULL;
    int is_large = size >= LARGE_PAGE;
    if (posix_memalign(&fresh, is_large ? LARGE_PAGE : ALIGNMENT, size) != 0) return NULL;
#if defined(__linux__)
    if (is_large) madvise(fresh, size, MADV_HUGEPAGE); // fewer misses of the address cache where the system allows it
#endif
    return fresh;
}

void semblance_buffer_release(void *buffer, size_t bytes) {
    if (!buffer) return;
    size_t size;
    int class = size_class(bytes, &size);
    if (class >= 0) {
        pthread_mutex_lock(&lock);
        if (kept + size <= limit) {
            free_buffer *entry = buffer;
            entry->next = lists[class];
            lists[class] = entry;
            kept += size;
            buffer = NULL;
        }
        pthread_mutex_unlock(&lock);
    }
    free(buffer);
}

void semblance_fill(float *x, size_t count, float value) {
    for (size_t i = 0; i < count; i++) x[i] = value;
}

static void trim_to(size_t bytes) {
    for (int class = CLASSES - 1; class >= 0 && kept > bytes; class--) {
        size_t size = SMALLEST;
        if (class > 0) {
            size_t base = (size_t)1 << ((class - 1) / 8 + 10);
            size = base + (size_t)((class - 1) % 8 + 1) * (base / 8);
        }
        while (lists[class] && kept > bytes) {
            free_buffer *entry = lists[class];
            lists[class] = entry->next;
            kept -= size;
            free(entry);
        }
    }
}

void semblance_heap_trim(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

void semblance_buffer_trim(void) {
    pthread_mutex_lock(&lock);
    trim_to(0);
    pthread_mutex_unlock(&lock);
}

void semblance_buffer_set_limit(size_t bytes) {
    pthread_mutex_lock(&lock);
    limit = bytes;
    trim_to(bytes);
    pthread_mutex_unlock(&lock);
}

size_t semblance_buffer_limit(void) {
    pthread_mutex_lock(&lock);
    size_t bytes = limit;
    pthread_mutex_unlock(&lock);
    return bytes;
}

size_t semblance_buffer_kept(void) {
    pthread_mutex_lock(&lock);
    size_t bytes = kept;
    pthread_mutex_unlock(&lock);
    return bytes;
}
