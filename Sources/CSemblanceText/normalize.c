#include "normalize.h"

#include <string.h>

#include "unicode.h"

enum { HANGUL_FIRST = 0xAC00, HANGUL_COUNT = 11172 };

static void put_lowered(uint32_t options, uint32_t scalar, const semblance_scalar_record *record, semblance_bytes *out) {
    uint8_t *p = semblance_bytes_reserve(out, 32);
    if (!(options & SEMBLANCE_LOWERCASE)) {
        p = semblance_encode(scalar, p);
    } else if (record->lower_count == 0) {
        p = semblance_encode((uint32_t)((int32_t)scalar + record->lower_delta), p);
    } else {
        for (size_t i = 0; i < record->lower_count; i++)
            p = semblance_encode(semblance_scalar_pool[record->lower_start + i], p);
    }
    out->count = (size_t)(p - out->bytes);
}

/// Writes the waiting marks, sorted by combining class; equal ones stay in order. Counting keeps it linear.
static void put_marks(uint32_t options, semblance_normalized *result) {
    size_t count = result->mark_count;
    if (count == 0) return;
    result->mark_count = 0;
    if (count > 1) {
        size_t starts[257] = {0};
        for (size_t i = 0; i < count; i++) starts[result->marks[i].combining + 1]++;
        for (size_t i = 0; i < 256; i++) starts[i + 1] += starts[i];
        result->marks = semblance_grow(result->marks, 2 * count, &result->mark_capacity, sizeof(semblance_mark));
        semblance_mark *sorted = result->marks + count;
        for (size_t i = 0; i < count; i++) sorted[starts[result->marks[i].combining]++] = result->marks[i];
        memcpy(result->marks, sorted, count * sizeof(semblance_mark));
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t scalar = result->marks[i].scalar;
        put_lowered(options, scalar, semblance_scalar(scalar), &result->out);
    }
}

/// Takes a scalar that doesn't decompose further.
static void put_decomposed(
    uint32_t options, uint32_t scalar, const semblance_scalar_record *record, semblance_normalized *result) {
    bool dropped = record->flags & SEMBLANCE_MARK;
    if (record->combining) {
        if (dropped) return;
        result->marks =
            semblance_grow(result->marks, result->mark_count + 1, &result->mark_capacity, sizeof(semblance_mark));
        result->marks[result->mark_count++] = (semblance_mark){scalar, record->combining};
        return;
    }
    put_marks(options, result);
    if (!dropped) put_lowered(options, scalar, record, &result->out);
}

static void put_accented(
    uint32_t options, uint32_t scalar, const semblance_scalar_record *record, semblance_normalized *result) {
    uint32_t syllable = scalar - HANGUL_FIRST;
    if (record->decomposition_count) {
        for (size_t i = 0; i < record->decomposition_count; i++) {
            uint32_t part = semblance_scalar_pool[record->decomposition_start + i];
            put_decomposed(options, part, semblance_scalar(part), result);
        }
    } else if (syllable < HANGUL_COUNT) {
        uint32_t parts[3] = {0x1100 + syllable / 588, 0x1161 + syllable % 588 / 28, 0x11A7 + syllable % 28};
        for (size_t i = 0; i < (syllable % 28 ? 3 : 2); i++)
            put_decomposed(options, parts[i], semblance_scalar(parts[i]), result);
    } else {
        put_decomposed(options, scalar, record, result);
    }
}

static void put_blank(uint32_t options, semblance_normalized *result) {
    put_marks(options, result);
    *semblance_bytes_reserve(&result->out, 1) = ' ';
    result->out.count++;
}

static void put(uint32_t options, uint32_t scalar, semblance_normalized *result) {
    const semblance_scalar_record *record = semblance_scalar(scalar);
    if (options & SEMBLANCE_CLEAN) {
        if (record->flags & SEMBLANCE_REMOVED) return;
        if (record->flags & SEMBLANCE_BLANK) {
            put_blank(options, result);
            return;
        }
    }
    int apart = (options & SEMBLANCE_IDEOGRAPHS) && (record->flags & SEMBLANCE_IDEOGRAPH);
    if (apart) put_blank(options, result);
    if (options & SEMBLANCE_STRIP_ACCENTS) {
        put_accented(options, scalar, record, result);
    } else {
        put_lowered(options, scalar, record, &result->out);
    }
    if (apart) put_blank(options, result);
}

/// Copies printable ASCII from `p`, lowered if asked, 16 bytes at a time; returns how many bytes.
static size_t copy_printable(const uint8_t *p, size_t count, uint8_t case_bit, uint8_t *out) {
    size_t done = 0;
    for (; done + 16 <= count; done += 16) {
        uint8_t odd = 0;
        for (size_t i = 0; i < 16; i++) {
            uint8_t c = p[done + i];
            odd |= (uint8_t)((uint8_t)(c - 0x20) > 0x5E);
            out[done + i] = (uint8_t)(c | ((uint8_t)(c - 'A') < 26 ? case_bit : 0));
        }
        if (odd) break;
    }
    for (; done < count && (uint8_t)(p[done] - 0x20) <= 0x5E; done++) {
        uint8_t c = p[done];
        out[done] = (uint8_t)(c | ((uint8_t)(c - 'A') < 26 ? case_bit : 0));
    }
    return done;
}

void semblance_normalize(uint32_t options, const uint8_t *text, size_t count, semblance_normalized *result) {
    const uint8_t *p = text, *end = text + count;
    const uint8_t case_bit = options & SEMBLANCE_LOWERCASE ? 0x20 : 0;
    result->out.count = 0;
    result->mark_count = 0;
    while (p < end) {
        if ((uint8_t)(*p - 0x20) <= 0x5E) {
            put_marks(options, result);
            uint8_t *out = semblance_bytes_reserve(&result->out, (size_t)(end - p));
            size_t copied = copy_printable(p, (size_t)(end - p), case_bit, out);
            result->out.count += copied;
            p += copied;
        } else {
            uint32_t scalar;
            p += semblance_decode(p, end, &scalar);
            put(options, scalar, result);
        }
    }
    put_marks(options, result);
}

void semblance_normalized_free(semblance_normalized *result) {
    free(result->out.bytes);
    free(result->marks);
}
