#pragma once

#include <stdbool.h>
#include <stddef.h>

/// Whether allocations are counted here: with glibc, and without a sanitizer, which has a heap of its own.
bool allocation_probe_works(void);

/// From now on counts what the calling thread allocates.
void allocation_probe_begin(void);

/// Ends that. The most bytes that the thread had, or asked for, beyond those it had at the beginning.
size_t allocation_probe_end(void);
