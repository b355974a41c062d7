// One lock guards the lists; indices of a loop are taken by an atomic counter.
// A thread joins loops before it takes tasks, so a task's inner loops finish before new tasks begin.

#define _GNU_SOURCE

#include "include/semblance_workers.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#if defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

typedef struct loop {
    void (*body)(void *, size_t);
    void *context;
    size_t count;
    _Atomic size_t next; // the next index to hand out
    _Atomic int helpers; // pool threads inside this loop; changes under the lock
    struct loop *following;
} loop;

typedef struct task {
    void (*body)(void *);
    void *context;
    struct task *following;
} task;

struct semblance_workers {
    pthread_mutex_t lock;
    pthread_cond_t work; // a loop or a task came
    pthread_cond_t left; // a helper left a loop
    loop *loops;
    task *first_task;
    task *last_task;
    _Atomic unsigned long arrivals; // grows with every loop and task: what an idle thread spins on
    semblance_priority priority;
    int threads;
    int ending;
    pthread_t handles[];
};

// Some 10 microseconds: longer than the gap between two loops of one step, shorter than a wake-up is worth.
enum { SPINS = 2000 };

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void run_indices(loop *l) {
    size_t i;
    while ((i = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed)) < l->count) l->body(l->context, i);
}

/// A loop with indices left and room for a helper; called under the lock.
static loop *open_loop(semblance_workers *w) {
    for (loop *l = w->loops; l; l = l->following)
        if (atomic_load(&l->next) < l->count && atomic_load(&l->helpers) < w->threads - 1) return l;
    return NULL;
}

/// Of the calling thread.
static void set_priority(semblance_priority priority) {
#if defined(__linux__)
    if (priority == SEMBLANCE_PRIORITY_NORMAL) return;
    struct sched_param none = {0};
    if (priority == SEMBLANCE_PRIORITY_IDLE && sched_setscheduler(0, SCHED_IDLE, &none) == 0) return;
    // Threads have a niceness each there.
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
#else
    (void)priority;
#endif
}

static void *run_thread(void *argument) {
    semblance_workers *w = argument;
    set_priority(w->priority);
    pthread_mutex_lock(&w->lock);
    for (;;) {
        loop *l = open_loop(w);
        if (l) {
            atomic_fetch_add(&l->helpers, 1);
            pthread_mutex_unlock(&w->lock);
            run_indices(l);
            pthread_mutex_lock(&w->lock);
            atomic_fetch_sub(&l->helpers, 1);
            pthread_cond_broadcast(&w->left);
            continue;
        }
        task *t = w->first_task;
        if (t) {
            w->first_task = t->following;
            if (!w->first_task) w->last_task = NULL;
            pthread_mutex_unlock(&w->lock);
            t->body(t->context);
            free(t);
            pthread_mutex_lock(&w->lock);
            continue;
        }
        if (w->ending) break;
        unsigned long seen = atomic_load(&w->arrivals);
        pthread_mutex_unlock(&w->lock);
        for (int i = 0; i < SPINS && atomic_load_explicit(&w->arrivals, memory_order_relaxed) == seen; i++)
            pause_briefly();
        pthread_mutex_lock(&w->lock);
        if (atomic_load(&w->arrivals) == seen && !w->ending) pthread_cond_wait(&w->work, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

semblance_workers *semblance_workers_create(int threads, semblance_priority priority) {
    if (threads < 1) threads = 1;
    semblance_workers *w = calloc(1, sizeof *w + (size_t)threads * sizeof(pthread_t));
    if (!w) return NULL;
    w->priority = priority;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    pthread_cond_init(&w->left, NULL);
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&w->handles[i], NULL, run_thread, w) != 0) {
            semblance_workers_destroy(w);
            return NULL;
        }
        w->threads = i + 1;
    }
    return w;
}

void semblance_workers_destroy(semblance_workers *w) {
    pthread_mutex_lock(&w->lock);
    w->ending = 1;
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->threads; i++) pthread_join(w->handles[i], NULL);
    pthread_cond_destroy(&w->left);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

void semblance_workers_for(semblance_workers *w, size_t count, void (*body)(void *, size_t), void *context) {
    if (count <= 1 || w->threads == 1) {
        for (size_t i = 0; i < count; i++) body(context, i);
        return;
    }
    loop l = {.body = body, .context = context, .count = count};
    pthread_mutex_lock(&w->lock);
    l.following = w->loops;
    w->loops = &l;
    atomic_fetch_add(&w->arrivals, 1);
    if (count - 1 < (size_t)(w->threads - 1)) {
        for (size_t i = 1; i < count; i++) pthread_cond_signal(&w->work);
    } else {
        pthread_cond_broadcast(&w->work);
    }
    pthread_mutex_unlock(&w->lock);

    run_indices(&l);

    for (int i = 0; i < SPINS && atomic_load(&l.helpers) != 0; i++) pause_briefly();
    pthread_mutex_lock(&w->lock);
    while (atomic_load(&l.helpers) != 0) pthread_cond_wait(&w->left, &w->lock);
    loop **link = &w->loops;
    while (*link != &l) link = &(*link)->following;
    *link = l.following;
    pthread_mutex_unlock(&w->lock);
}

void semblance_workers_submit(semblance_workers *w, void (*body)(void *), void *context) {
    task *t = malloc(sizeof *t);
    if (!t) { // no memory for the queue: run it here rather than lose it
        body(context);
        return;
    }
    *t = (task){body, context, NULL};
    pthread_mutex_lock(&w->lock);
    if (w->last_task) w->last_task->following = t;
    else w->first_task = t;
    w->last_task = t;
    atomic_fetch_add(&w->arrivals, 1);
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
}
