#include "include/CSemblanceFAISS.h"
