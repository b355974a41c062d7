// A pool of threads: tasks that run one by one, and loops whose indices all idle threads share.
#ifndef SEMBLANCE_WORKERS_H
#define SEMBLANCE_WORKERS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semblance_workers semblance_workers;

/// How a pool's threads come off beside others, as far as the system knows such a thing.
typedef enum {
    SEMBLANCE_PRIORITY_NORMAL = 0,
    SEMBLANCE_PRIORITY_LOW,  // a tenth of the time where others want a core, too
    SEMBLANCE_PRIORITY_IDLE, // hardly any; and others are woken as if the core were free
} semblance_priority;

/// A pool of `threads` threads (at least 1), started at once; NULL when the system refuses a thread.
semblance_workers *_Nullable semblance_workers_create(int threads, semblance_priority priority);

/// Ends the threads after the queued tasks are done. Must not be called from one of them.
void semblance_workers_destroy(semblance_workers *_Nonnull workers);

/// Calls `body(context, i)` once for each i in 0..<count and returns when all are done.
/// The caller takes part and at most `threads - 1` of the pool's threads join, so at most `threads` cores are busy.
/// May be called from any thread, a pool's task included, and by many callers at once.
void semblance_workers_for(
    semblance_workers *_Nonnull workers, size_t count, void (*_Nonnull body)(void *_Nullable context, size_t index),
    void *_Nullable context
);

/// Queues `task(context)` to run on one of the threads; returns at once.
void semblance_workers_submit(
    semblance_workers *_Nonnull workers, void (*_Nonnull task)(void *_Nullable context), void *_Nullable context
);

#ifdef __cplusplus
}
#endif

#endif
