#include "include/semblance_openblas.h"

#include "include/semblance_cpu.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__ELF__)
#define WEAK __attribute__((weak))
extern char *openblas_get_corename(void) WEAK;
extern int openblas_get_num_threads(void) WEAK;
extern void openblas_set_num_threads(int threads) WEAK;
extern void gotoblas_dynamic_init(void) WEAK;
extern void gotoblas_dynamic_quit(void) WEAK;
#else
static char *(*const openblas_get_corename)(void) = NULL;
static int (*const openblas_get_num_threads)(void) = NULL;
static void (*const openblas_set_num_threads)(int) = NULL;
static void (*const gotoblas_dynamic_init)(void) = NULL;
static void (*const gotoblas_dynamic_quit)(void) = NULL;
#endif

const char *semblance_openblas_core(void) { return openblas_get_corename ? openblas_get_corename() : NULL; }

int semblance_openblas_threads(void) { return openblas_get_num_threads ? openblas_get_num_threads() : 0; }

int semblance_openblas_set_threads(int threads) {
    if (!openblas_set_num_threads) return 0;
    openblas_set_num_threads(threads);
    return 1;
}

int semblance_openblas_use_avx512(void) {
    if (semblance_cpu() != SEMBLANCE_CPU_AVX512 || !gotoblas_dynamic_init || !gotoblas_dynamic_quit) return 0;
    // OpenBLAS 0.3.21 takes Sapphire Rapids and Zen 5 for these; a name that isn't here is a choice it made with AVX-512.
    static const char *const without[] = {"Haswell", "Zen", "Sandybridge", "Excavator", "Nehalem", "Prescott", "Core2"};
    const char *core = semblance_openblas_core();
    int misjudged = 0;
    for (size_t i = 0; core && i < sizeof without / sizeof *without; i++)
        if (strcmp(core, without[i]) == 0) misjudged = 1;
    if (!misjudged) return 0;
    // The variable is read by the initialisation alone.
    if (setenv("OPENBLAS_CORETYPE", "SKYLAKEX", 1) != 0) return 0;
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    unsetenv("OPENBLAS_CORETYPE");
    return 1;
}
