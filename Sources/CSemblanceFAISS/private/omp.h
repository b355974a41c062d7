// What FAISS' headers name of OpenMP. The compiler of Swift has no omp.h; libgomp defines these functions.
#ifndef SEMBLANCE_OMP_H
#define SEMBLANCE_OMP_H

#ifdef __cplusplus
extern "C" {
#endif

/// A lock as libgomp lays it out; opaque.
typedef struct {
    unsigned char opaque[4] __attribute__((aligned(4)));
} omp_lock_t;

void omp_init_lock(omp_lock_t *);
void omp_destroy_lock(omp_lock_t *);
void omp_set_lock(omp_lock_t *);
void omp_unset_lock(omp_lock_t *);
int omp_get_max_threads(void);
int omp_get_num_threads(void);
int omp_get_thread_num(void);
/// Sets the number for the calling thread alone.
void omp_set_num_threads(int);

#ifdef __cplusplus
}
#endif
#endif
