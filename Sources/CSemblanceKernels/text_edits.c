#include "include/semblance_text_edits.h"

#include <string.h>

#include "include/semblance_random.h"

typedef struct {
    uint64_t seed, stream, counter;
    uint32_t words[4];
    int left;
} stream;

static uint32_t draw(stream *random) {
    if (!random->left) {
        semblance_philox(random->seed, random->stream, random->counter++, random->words);
        random->left = 4;
    }
    return random->words[--random->left];
}

/// A number below n; the bias is below n · 2⁻³².
static size_t below(stream *random, size_t n) { return (size_t)((uint64_t)draw(random) * n >> 32); }

/// Whether something of this probability happens.
static int happens(stream *random, double probability) { return draw(random) * 0x1p-32 < probability; }

static size_t rounded(double x) { return (size_t)(x + 0.5); }

static size_t crop(const semblance_text_edit *edit, stream *random, int32_t *ids, size_t n) {
    double share = edit->share + (edit->most - edit->share) * (draw(random) * 0x1p-32);
    size_t kept = (size_t)(share * (double)n);
    if (kept < 1) kept = 1;
    memmove(ids, ids + below(random, n - kept + 1), kept * sizeof *ids);
    return kept;
}

static size_t delete_tokens(const semblance_text_edit *edit, stream *random, int32_t *ids, size_t n) {
    int32_t survivor = ids[below(random, n)];
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!happens(random, edit->share)) ids[kept++] = ids[i];
    }
    if (!kept) ids[kept++] = survivor;
    return kept;
}

static size_t mask_span(
    const semblance_text_edit *edit, const semblance_text_edits *edits, stream *random, int32_t *ids, size_t n
) {
    int64_t characters = 0, length = edit->count;
    for (size_t i = 0; i < n; i++) characters += edits->lengths[ids[i]];
    if (characters < edit->least || characters <= length) return n;
    int64_t first = (int64_t)below(random, (size_t)(characters - length)), end = first + length, at = 0;
    size_t kept = 0;
    int masked = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t next = at + edits->lengths[ids[i]];
        if (next > first && at < end) {
            if (!masked) ids[kept++] = edits->mask;
            masked = 1;
        } else {
            ids[kept++] = ids[i];
        }
        at = next;
    }
    return kept;
}

/// Writes the starts of `runs` runs of `length` of the n tokens that don't meet, ascending, each choice as likely.
static void choose_runs(stream *random, size_t n, size_t runs, size_t length, int32_t *starts) {
    size_t places = n - runs * (length - 1), chosen = 0;
    for (size_t place = 0; place < places && chosen < runs; place++) {
        if (below(random, places - place) < runs - chosen) {
            starts[chosen] = (int32_t)(place + chosen * (length - 1));
            chosen++;
        }
    }
}

/// How many runs of how many tokens: at most `most` of `share` of the n each, and together most · share of them.
static size_t runs_of(double share, size_t most, size_t n, size_t *length) {
    size_t all = rounded((double)most * share * (double)n);
    *length = (size_t)(share * (double)n);
    if (*length < 1) *length = 1;
    if (all > n) all = n;
    size_t runs = all / *length;
    return runs < most ? runs : most;
}

static size_t delete_spans(const semblance_text_edit *edit, stream *random, int32_t *ids, size_t n, int32_t *starts) {
    size_t length, runs = runs_of(edit->share, (size_t)edit->count, n, &length);
    if (runs * length == n) runs--;
    choose_runs(random, n, runs, length, starts);
    size_t kept = 0, run = 0;
    for (size_t i = 0; i < n; i++) {
        if (run < runs && i == (size_t)starts[run]) {
            i += length - 1;
            run++;
        } else {
            ids[kept++] = ids[i];
        }
    }
    return kept;
}

static void swap_spans(const semblance_text_edit *edit, stream *random, int32_t *ids, size_t n, int32_t *starts) {
    size_t length, runs = runs_of(edit->share, 2 * (size_t)edit->count, n, &length) & ~(size_t)1;
    choose_runs(random, n, runs, length, starts);
    for (size_t i = runs; i > 1; i--) {
        size_t other = below(random, i);
        int32_t start = starts[i - 1];
        starts[i - 1] = starts[other];
        starts[other] = start;
    }
    for (size_t pair = 0; pair < runs; pair += 2) {
        int32_t *a = ids + starts[pair], *b = ids + starts[pair + 1];
        for (size_t i = 0; i < length; i++) {
            int32_t id = a[i];
            a[i] = b[i];
            b[i] = id;
        }
    }
}

/// Edits the n tokens of one text in place; how many there are then.
static size_t apply(
    const semblance_text_edit *edit, const semblance_text_edits *edits, stream *random, int32_t *ids, size_t n,
    int32_t *scratch
) {
    switch (edit->kind) {
    case SEMBLANCE_EDIT_CROP: return crop(edit, random, ids, n);
    case SEMBLANCE_EDIT_DELETE: return delete_tokens(edit, random, ids, n);
    case SEMBLANCE_EDIT_MASK_SPAN: return mask_span(edit, edits, random, ids, n);
    case SEMBLANCE_EDIT_DELETE_SPANS: return delete_spans(edit, random, ids, n, scratch);
    case SEMBLANCE_EDIT_SWAP_SPANS: swap_spans(edit, random, ids, n, scratch); return n;
    case SEMBLANCE_EDIT_REPLACE:
        for (size_t i = 0; i < n; i++) {
            if (happens(random, edit->share)) ids[i] = edits->replacements[below(random, edits->replacement_count)];
        }
        return n;
    case SEMBLANCE_EDIT_MASK:
        for (size_t i = 0; i < n; i++) {
            if (happens(random, edit->share)) ids[i] = edits->mask;
        }
        return n;
    case SEMBLANCE_EDIT_SUBSTITUTE:
        for (size_t i = 0; i < n; i++) {
            if (!happens(random, edit->share)) continue;
            ids[i] = edits->neighbours[(size_t)ids[i] * edits->neighbours_each + below(random, edits->neighbours_each)];
        }
        return n;
    }
}

void semblance_edit_texts(
    const semblance_text_edits *edits, const int32_t *ids, const int32_t *offsets, size_t count, int32_t *result,
    int32_t *result_offsets, int32_t *scratch
) {
    size_t end = 0;
    result_offsets[0] = 0;
    for (size_t text = 0; text < count; text++) {
        size_t n = (size_t)(offsets[text + 1] - offsets[text]);
        if (n) memcpy(result + end, ids + offsets[text], n * sizeof *ids);
        if (n > edits->leading + edits->trailing) {
            stream random = {edits->seed, edits->stream, (uint64_t)text << 32, {0}, 0};
            int32_t *own = result + end + edits->leading;
            size_t before = n - edits->leading - edits->trailing, after = before;
            for (size_t edit = 0; edit < edits->edit_count; edit++) {
                after = apply(edits->edits + edit, edits, &random, own, after, scratch);
            }
            memmove(own + after, own + before, edits->trailing * sizeof *ids);
            n -= before - after;
        }
        end += n;
        result_offsets[text + 1] = (int32_t)end;
    }
}
