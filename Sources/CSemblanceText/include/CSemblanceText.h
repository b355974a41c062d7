#ifndef CSEMBLANCE_TEXT_H
#define CSEMBLANCE_TEXT_H

#include "semblance_interner.h"
#include "semblance_lexical.h"

#endif
