// Recycled, 64-byte aligned buffers: steady loops allocate nothing.
#ifndef SEMBLANCE_MEMORY_H
#define SEMBLANCE_MEMORY_H

#include <stddef.h>

/// A buffer of at least `bytes` bytes, aligned to 64, contents undefined; NULL when the system has no memory left.
void *_Nullable semblance_buffer_allocate(size_t bytes);

/// Gives a buffer back. `bytes` is the size it was asked with; small totals are kept for the next request.
void semblance_buffer_release(void *_Nullable buffer, size_t bytes);

/// Sets `count` floats to one value.
void semblance_fill(float *_Nonnull x, size_t count, float value);

/// Returns what the C library keeps of freed memory to the system, where it can be asked to.
void semblance_heap_trim(void);

/// Returns every kept buffer to the system.
void semblance_buffer_trim(void);

/// How many bytes may be kept for reuse; what is over it goes back to the system. The default is 256 MiB.
void semblance_buffer_set_limit(size_t bytes);

/// How many bytes may be kept for reuse now.
size_t semblance_buffer_limit(void);

/// Bytes kept for reuse now.
size_t semblance_buffer_kept(void);

#endif
