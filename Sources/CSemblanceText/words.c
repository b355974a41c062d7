#include "words.h"

#define S SEMBLANCE_IS_SPACE
#define P SEMBLANCE_IS_PUNCTUATION
#define W SEMBLANCE_IS_WIDE

const uint8_t semblance_byte_classes[256] = {
    ['\t'] = S, ['\n'] = S, ['\v'] = S, ['\f'] = S, ['\r'] = S, [' '] = S,
    ['!' ... '/'] = P, [':' ... '@'] = P, ['[' ... '`'] = P, ['{' ... '~'] = P,
    [0x80 ... 0xFF] = W,
};
