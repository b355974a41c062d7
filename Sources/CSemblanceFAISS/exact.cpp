// Exact search: every row is compared.

#include "best.hpp"
#include "index.hpp"

namespace semblance {

namespace {

/// Scores of so many rows lie in the first cache before the best are picked from them.
constexpr size_t block = 256;

/// Offers `count` scores of the rows from `first` on; sixteen at a time are skipped where none is good enough.
void pick(Best &best, const float *scores, size_t first, size_t count, const int64_t *ids, const Allowed &allowed) {
    for (size_t start = 0; start < count; start += 16) {
        size_t end = std::min(start + 16, count);
        if (end == start + 16) {
            float threshold = best.threshold;
            int any = 0;
            for (size_t i = start; i < start + 16; i++) any |= scores[i] >= threshold;
            if (!any) continue;
        }
        for (size_t i = start; i < end; i++) {
            size_t row = first + i;
            if (scores[i] >= best.threshold && allowed(row)) best.offer(scores[i], ids ? ids[row] : int64_t(row));
        }
    }
}

void scan(
    const semblance_distances &kernels, const float *query, const Rows &rows, size_t first, size_t last,
    const int64_t *ids, const Allowed &allowed, Best &best
) {
    float scores[block];
    for (size_t start = first; start < last; start += block) {
        size_t count = std::min(block, last - start);
        const float *x = rows.first + start * rows.dimension;
        if (rows.l2) {
            kernels.squared_l2_ny(query, x, rows.dimension, count, scores);
            for (size_t i = 0; i < count; i++) scores[i] = -scores[i];
        } else {
            kernels.inner_product_ny(query, x, rows.dimension, count, scores);
        }
        pick(best, scores, start, count, ids, allowed);
    }
}

/// Where scores are NaN there can be fewer than `count`: the rest says so by a NaN.
void fill(semblance_hit *hits, size_t count, Best &best) {
    const auto &sorted = best.sorted();
    auto end = std::copy(sorted.begin(), sorted.end(), hits);
    std::fill(end, hits + count, semblance_hit{0, std::numeric_limits<float>::quiet_NaN()});
}

} // namespace

size_t Allowed::count(size_t slots) const {
    if (!bits) return slots;
    size_t whole = std::min(slots / 8, bytes), found = 0;
    for (size_t i = 0; i < whole; i++) found += size_t(__builtin_popcount(bits[i]));
    for (size_t slot = whole * 8; slot < slots; slot++) found += (*this)(slot);
    return found;
}

void exact_search(
    const float *queries, size_t query_count, Rows rows, const int64_t *ids, Allowed allowed, size_t count,
    semblance_workers *workers, semblance_hit *hits
) {
    const semblance_distances &kernels = *semblance_distances_at(semblance_cpu());
    // One query is cut by rows, so that all threads take part; a part is large enough to be worth a thread.
    size_t part = std::max<size_t>(block, (size_t(1) << 18) / std::max<size_t>(rows.dimension, 1) / block * block);
    size_t parts = query_count == 1 ? (rows.count + part - 1) / part : 1;
    if (parts > 1) {
        std::vector<Best> bests(parts, Best(count));
        parallel(workers, parts, [&](size_t p) {
            scan(kernels, queries, rows, p * part, std::min((p + 1) * part, rows.count), ids, allowed, bests[p]);
        });
        for (size_t p = 1; p < parts; p++) bests[0].merge(bests[p]);
        fill(hits, count, bests[0]);
        return;
    }
    parallel(workers, query_count, [&](size_t q) {
        Best best(count);
        scan(kernels, queries + q * rows.dimension, rows, 0, rows.count, ids, allowed, best);
        fill(hits + q * count, count, best);
    });
}

} // namespace semblance

semblance_index_status semblance_exact_search(
    const float *queries, size_t query_count, const float *rows, size_t row_count, size_t dimension,
    semblance_metric metric, size_t count, semblance_workers *workers, semblance_hit *hits, size_t *found,
    semblance_index_message *message
) {
    return semblance::guarded(message, [&] {
        *found = std::min(count, row_count);
        if (*found == 0 || query_count == 0) return;
        semblance::exact_search(
            queries, query_count, {rows, row_count, dimension, metric == SEMBLANCE_METRIC_L2}, nullptr, {}, *found,
            workers, hits
        );
    });
}

void semblance_split_hits(const semblance_hit *hits, size_t count, int32_t *rows, float *scores) {
    for (size_t i = 0; i < count; i++) {
        rows[i] = int32_t(hits[i].id);
        scores[i] = hits[i].score;
    }
}
