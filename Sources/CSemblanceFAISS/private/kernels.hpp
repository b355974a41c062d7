// The kernels, which are C.
#pragma once

extern "C" {
#include "CSemblanceKernels.h"
}
