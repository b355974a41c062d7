// Counts allocations by standing before the C library's functions, in a program that links it.

#include "CAllocationProbe.h"

#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

#if defined(__linux__) && defined(__GLIBC__) && !HAS_SANITIZER

#include <errno.h>
#include <malloc.h>
#include <stdint.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static __thread bool counting;
static __thread int64_t live, peak;

/// Says that so many bytes are asked for, before it is known whether they can be had.
static void ask(size_t size) {
    if (!counting) return;
    int64_t most = size > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)size;
    if (live + most > peak) peak = live + most;
}

static void *take(void *memory) {
    if (counting && memory) {
        live += (int64_t)malloc_usable_size(memory);
        if (live > peak) peak = live;
    }
    return memory;
}

static void give(void *memory) {
    if (counting && memory) live -= (int64_t)malloc_usable_size(memory);
}

void *malloc(size_t size) {
    ask(size);
    return take(__libc_malloc(size));
}

void *calloc(size_t count, size_t size) {
    size_t bytes;
    ask(__builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes);
    return take(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size) {
    ask(size);
    size_t old = counting && memory ? malloc_usable_size(memory) : 0;
    void *fresh = __libc_realloc(memory, size);
    if (counting && (fresh || size == 0)) live -= (int64_t)old;
    return take(fresh);
}

void *memalign(size_t alignment, size_t size) {
    ask(size);
    return take(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    void *fresh = memalign(alignment, size);
    if (!fresh) return ENOMEM;
    *memory = fresh;
    return 0;
}

void free(void *memory) {
    give(memory);
    __libc_free(memory);
}

bool allocation_probe_works(void) { return true; }

void allocation_probe_begin(void) {
    live = peak = 0;
    counting = true;
}

size_t allocation_probe_end(void) {
    counting = false;
    return (size_t)peak;
}

#else

bool allocation_probe_works(void) { return false; }
void allocation_probe_begin(void) {}
size_t allocation_probe_end(void) { return 0; }

#endif
