// s logits, e exponentials of s − max, Z their sum. One row at a time; each inner loop is over columns.

#include "include/semblance_contrast.h"
#include "include/semblance_elementwise.h"
#include "levels.h"

#include <math.h>
#include <string.h>

/// Writes −inf where a candidate may be relevant to the row without being its target; returns how many were.
BODY int32_t mask_row(
    float *restrict x, size_t n, const int32_t *restrict anchor, const int32_t *restrict document,
    const int32_t *restrict group, const int32_t *restrict owner, const uint8_t *restrict visibility, int32_t row,
    int32_t row_anchor, int32_t row_group, const int32_t *restrict row_documents, size_t row_document_count
) {
    int32_t masked = 0;
    for (size_t j = 0; j < n; j++) {
        int32_t same = ((anchor[j] == row_anchor) & (row_anchor >= 0)) | ((group[j] == row_group) & (row_group >= 0))
            | ((document[j] == row_documents[0]) & (row_documents[0] >= 0));
        int32_t own = owner[j] == row;
        int32_t drop = own ? visibility[j] == SEMBLANCE_HIDDEN_FROM_OWNER : same | (visibility[j] == SEMBLANCE_OWNER_ALONE);
        masked += drop & !own;
        x[j] = drop ? -INFINITY : x[j];
    }
    for (size_t k = 1; k < row_document_count && row_documents[k] >= 0; k++)
        for (size_t j = 0; j < n; j++)
            if (document[j] == row_documents[k] && owner[j] != row && x[j] != -INFINITY) {
                masked += 1;
                x[j] = -INFINITY;
            }
    return masked;
}

BODY void sum_unmasked(const float *restrict x, size_t n, double *sum, size_t *count) {
    double total = 0;
    size_t found = 0;
    for (size_t j = 0; j < n; j++) {
        int open = x[j] != -INFINITY;
        total += open ? (double)x[j] : 0.0;
        found += (size_t)open;
    }
    *sum = total;
    *count = found;
}

BODY void subtract_unmasked(float *restrict gradient, const float *restrict raw, size_t n, float share) {
    for (size_t j = 0; j < n; j++) gradient[j] -= raw[j] != -INFINITY ? share : 0.0f;
}

BODY double weighted_sum(const float *restrict e, const float *restrict raw, size_t n) {
    double sum = 0;
    for (size_t j = 0; j < n; j++) sum += e[j] != 0 ? (double)e[j] * (double)raw[j] : 0.0;
    return sum;
}

static int32_t column_of(const float *x, size_t n, float value) {
    for (size_t j = 0; j < n; j++)
        if (x[j] == value) return (int32_t)j;
    return -1;
}

BODY void contrast_mask_body(
    float *scores, size_t ld, size_t first_row, size_t rows, size_t n, const int32_t *column_anchor,
    const int32_t *column_document, const int32_t *column_group, const int32_t *column_owner,
    const uint8_t *column_visibility, const int32_t *row_anchor, const int32_t *row_group, const int32_t *row_first,
    const int32_t *row_document, int32_t *masked
) {
    for (size_t i = 0; i < rows; i++) {
        const size_t row = first_row + i;
        masked[i] = mask_row(
            scores + i * ld, n, column_anchor, column_document, column_group, column_owner, column_visibility,
            (int32_t)row, row_anchor[row], row_group[row], row_document + row_first[row],
            (size_t)(row_first[row + 1] - row_first[row])
        );
    }
}

LEVELS(
    void, contrast_mask,
    (float *scores, size_t ld, size_t first_row, size_t rows, size_t n, const int32_t *column_anchor,
     const int32_t *column_document, const int32_t *column_group, const int32_t *column_owner,
     const uint8_t *column_visibility, const int32_t *row_anchor, const int32_t *row_group, const int32_t *row_first,
     const int32_t *row_document, int32_t *masked),
    (scores, ld, first_row, rows, n, column_anchor, column_document, column_group, column_owner, column_visibility,
     row_anchor, row_group, row_first, row_document, masked)
)

BODY void contrast_close_body(float *mask, const float *closed, const float *target, size_t n) {
    for (size_t j = 0; j < n; j++) mask[j] = closed[j] != 0 && target[j] == 0 ? -INFINITY : mask[j];
}

LEVELS(
    void, contrast_close, (float *mask, const float *closed, const float *target, size_t n), (mask, closed, target, n)
)

BODY void contrast_softmax_body(
    float *scores, size_t ld, size_t first_row, size_t rows, size_t n, const int32_t *row_first,
    const int32_t *row_target, const int32_t *row_twin, const float *row_weight, semblance_contrast_settings settings,
    float *raw, semblance_contrast_row *reports
) {
    const double factor = settings.factor, smoothing = settings.smoothing;
    for (size_t i = 0; i < rows; i++) {
        float *x = scores + i * ld;
        const size_t row = first_row + i;
        const float weight = row_weight ? settings.weight * row_weight[row] : settings.weight;
        const int32_t *targets = row_target + row_first[row];
        const size_t target_count = (size_t)(row_first[row + 1] - row_first[row]);
        semblance_contrast_row *report = reports + i;
        memcpy(raw, x, n * sizeof *raw);
        // Targets leave the row, so that what remains sums to the others' share.
        float lowest = INFINITY, maximum = -INFINITY;
        for (size_t t = 0; t < target_count; t++) {
            float score = raw[targets[t]];
            if (score < lowest) lowest = score;
            if (score > maximum) maximum = score;
            x[targets[t]] = -INFINITY;
        }
        const int32_t twin = target_count == 1 ? row_twin[row] : -1;
        if (twin >= 0) x[twin] = -INFINITY;
        float hardest = semblance_maximum(x, n);
        if (hardest > maximum || settings.leaves_out_targets) maximum = hardest;
        report->hardest = hardest;
        report->positive = lowest;
        report->hardest_column = hardest > lowest ? column_of(x, n, hardest) : -1;
        if (maximum == -INFINITY) {
            report->loss = report->entropy = report->factor_gradient = 0;
            memset(x, 0, n * sizeof *x);
            continue;
        }

        double others = semblance_exponentials(x, n, settings.factor, (float)(factor * maximum));
        double targeted = 0, attraction = 0, target_loss = 0;
        for (size_t t = 0; t < target_count; t++) {
            double s = factor * ((double)raw[targets[t]] - maximum);
            if (!settings.leaves_out_targets) targeted += exp(s);
            attraction += raw[targets[t]];
            target_loss -= s;
        }
        double z = others + (twin >= 0 ? 2 : 1) * targeted, share = 1.0 / (double)target_count;
        double log_z = log(z);
        if (target_count == 1 && targeted > 0)
            report->loss = log1p(others / targeted + (twin >= 0)); // = log Z − s, without cancellation
        else
            report->loss = target_loss * share + log_z;

        double expected = weighted_sum(x, raw, n); // Σ e · score, targets added below
        semblance_scale(x, n, (float)(weight * factor / z));
        double target_mass = (1 - smoothing) * share;
        for (size_t t = 0; t < target_count; t++) {
            double e = settings.leaves_out_targets ? 0 : exp(factor * ((double)raw[targets[t]] - maximum));
            expected += e * raw[targets[t]];
            double gradient = target_count == 1 ? -others / z + smoothing : e / z - target_mass;
            x[targets[t]] = (float)(weight * factor * gradient);
        }
        if (twin >= 0) { // the same pair once more: its gradient is in the target's
            expected += targeted * raw[twin];
            x[twin] = 0;
        }
        report->entropy = log_z + factor * (maximum - expected / z);
        double pull = attraction * target_mass; // Σ target · score

        if (smoothing > 0) {
            double sum;
            size_t open;
            sum_unmasked(raw, n, &sum, &open);
            double even = smoothing / (double)open;
            report->loss = (1 - smoothing) * report->loss
                + smoothing * (log_z + factor * (double)maximum - factor * sum / (double)open);
            subtract_unmasked(x, raw, n, (float)(weight * factor * even));
            pull += even * sum;
        }
        report->factor_gradient = weight * (expected / z - pull);
    }
}

LEVELS(
    void, contrast_softmax,
    (float *scores, size_t ld, size_t first_row, size_t rows, size_t n, const int32_t *row_first,
     const int32_t *row_target, const int32_t *row_twin, const float *row_weight,
     semblance_contrast_settings settings, float *raw, semblance_contrast_row *reports),
    (scores, ld, first_row, rows, n, row_first, row_target, row_twin, row_weight, settings, raw, reports)
)

/// Targets are a distribution: loss = Σ_j t_j (log Z − s_j), gradient T p_j − t_j with T = Σ t_j over open columns.
BODY void contrast_distribution_body(
    float *scores, size_t ld, size_t first_row, size_t rows, size_t n, const float *targets, size_t targets_ld,
    const float *row_weight, semblance_contrast_settings settings, float *raw, semblance_contrast_row *reports
) {
    for (size_t i = 0; i < rows; i++) {
        float *x = scores + i * ld;
        const float *target = targets + i * targets_ld;
        const float weight = row_weight ? settings.weight * row_weight[first_row + i] : settings.weight;
        const double factor = settings.factor;
        float maximum = semblance_maximum(x, n);
        if (maximum == -INFINITY) maximum = 0;
        memcpy(raw, x, n * sizeof *raw);
        // Targets leave the row, so that their exponentials are taken in double.
        for (size_t j = 0; j < n; j++)
            if (target[j] != 0) x[j] = -INFINITY;
        double z = semblance_exponentials(x, n, settings.factor, (float)(factor * maximum));
        double mass = 0, pull = 0;
        for (size_t j = 0; j < n; j++) {
            if (target[j] == 0 || raw[j] == -INFINITY) continue;
            double s = factor * ((double)raw[j] - maximum);
            z += exp(s);
            mass += target[j];
            pull += target[j] * s;
        }
        reports[i].loss = z > 0 ? mass * log(z) - pull : 0;
        double expected = mass / z * weighted_sum(x, raw, n);
        semblance_scale(x, n, z > 0 ? (float)(weight * factor * mass / z) : 0);
        for (size_t j = 0; j < n; j++) {
            if (target[j] == 0) continue;
            if (raw[j] == -INFINITY) {
                x[j] = 0;
                continue;
            }
            double gradient = mass * exp(factor * ((double)raw[j] - maximum)) / z - target[j];
            expected += (gradient + target[j]) * raw[j];
            x[j] = (float)(weight * factor * gradient);
        }
        reports[i].entropy = mass > 0 && z > 0 ? log(z) + factor * (maximum - expected / mass) : 0;
        reports[i].factor_gradient = z > 0 ? weight * (expected - (pull / factor + mass * maximum)) : 0;
    }
}

LEVELS(
    void, contrast_distribution,
    (float *scores, size_t ld, size_t first_row, size_t rows, size_t n, const float *targets, size_t targets_ld,
     const float *row_weight, semblance_contrast_settings settings, float *raw, semblance_contrast_row *reports),
    (scores, ld, first_row, rows, n, targets, targets_ld, row_weight, settings, raw, reports)
)
