// OpenBLAS' C interface, found through pkg-config or on the default include path.
#include <cblas.h>
