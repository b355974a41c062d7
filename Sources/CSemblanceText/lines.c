#include <string.h>

#include "include/CSemblanceText.h"
#include "unicode.h"

void semblance_token_list_append_lines(semblance_token_list *list, const uint8_t *text, size_t count) {
    const uint8_t *p = text, *end = text + count;
    for (int32_t line = 0; p < end; line++) {
        const uint8_t *stop = memchr(p, '\n', (size_t)(end - p)), *last = stop ? stop : end;
        while (last > p) {
            const uint8_t *before = semblance_previous(last, p);
            uint32_t scalar;
            semblance_decode(before, last, &scalar);
            if (!(semblance_scalar(scalar)->flags & SEMBLANCE_SPACE)) break;
            last = before;
        }
        semblance_token_list_append(list, p, (size_t)(last - p), line);
        p = stop ? stop + 1 : end;
    }
}
