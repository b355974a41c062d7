// For ThreadSanitizer, preloaded: Swift's Mutex takes a contended lock inside a library that is not instrumented, so that
// what the lock orders looks like a race. These stand before the library's functions and say what they do.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));

typedef __attribute__((swiftcall)) void lock_slow(uint32_t owner, __attribute__((swift_context)) void *mutex);
typedef __attribute__((swiftcall)) void unlock_slow(__attribute__((swift_context)) void *mutex);
typedef __attribute__((swiftcall)) bool try_lock_slow(__attribute__((swift_context)) void *mutex);

// Synchronization._MutexHandle._lockSlow(UInt32)
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
// Synchronization._MutexHandle._unlockSlow()
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
// Synchronization._MutexHandle._tryLockSlow() -> Bool
#define TRY "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"

__attribute__((swiftcall)) void lock(uint32_t owner, __attribute__((swift_context)) void *mutex) __asm__(LOCK);
__attribute__((swiftcall)) void unlock(__attribute__((swift_context)) void *mutex) __asm__(UNLOCK);
__attribute__((swiftcall)) bool try_lock(__attribute__((swift_context)) void *mutex) __asm__(TRY);

__attribute__((swiftcall)) void lock(uint32_t owner, __attribute__((swift_context)) void *mutex) {
    static lock_slow *next;
    if (!next) next = (lock_slow *)dlsym(RTLD_NEXT, LOCK);
    next(owner, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

__attribute__((swiftcall)) void unlock(__attribute__((swift_context)) void *mutex) {
    static unlock_slow *next;
    if (!next) next = (unlock_slow *)dlsym(RTLD_NEXT, UNLOCK);
    if (__tsan_release) __tsan_release(mutex);
    next(mutex);
}

__attribute__((swiftcall)) bool try_lock(__attribute__((swift_context)) void *mutex) {
    static try_lock_slow *next;
    if (!next) next = (try_lock_slow *)dlsym(RTLD_NEXT, TRY);
    bool taken = next(mutex);
    if (taken && __tsan_acquire) __tsan_acquire(mutex);
    return taken;
}
