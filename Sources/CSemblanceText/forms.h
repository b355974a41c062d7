// Unicode's normalisation forms.
#ifndef SEMBLANCE_FORMS_H
#define SEMBLANCE_FORMS_H

#include "normalize.h"

/// Appends a text in one of the forms to `out`. Linear in `count`; `work->marks` is used, its text isn't.
void semblance_form_append(
    semblance_form form, const uint8_t *text, size_t count, semblance_normalized *work, semblance_bytes *out);

#endif
