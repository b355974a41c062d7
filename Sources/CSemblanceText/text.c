#include "include/CSemblanceText.h"
