// Everything the kernels offer. Conventions: matrices are row-major; element (r, c) is x[r * ld + c] with ld counted
// in elements; functions run on the calling thread alone and never allocate unless they say so.
#ifndef CSEMBLANCE_KERNELS_H
#define CSEMBLANCE_KERNELS_H

#include "semblance_codes.h"
#include "semblance_contrast.h"
#include "semblance_cpu.h"
#include "semblance_distances.h"
#include "semblance_diversity.h"
#include "semblance_elementwise.h"
#include "semblance_expressions.h"
#include "semblance_files.h"
#include "semblance_gemm.h"
#include "semblance_half.h"
#include "semblance_memory.h"
#include "semblance_number_blocks.h"
#include "semblance_openblas.h"
#include "semblance_optimizers.h"
#include "semblance_ordered_pairs.h"
#include "semblance_random.h"
#include "semblance_resampling.h"
#include "semblance_selection.h"
#include "semblance_sha256.h"
#include "semblance_sort.h"
#include "semblance_text_edits.h"
#include "semblance_transformer.h"
#include "semblance_workers.h"
#include "semblance_xxh64.h"

#endif
