// Exact search: every row is compared.
//
// A query alone, or a few, are compared row by row. Many queries go through a matrix product, whose sums are rounded in
// another order: there a row is a candidate where its score may, by the bound on that rounding, be among the best, and
// the candidates are compared again row by row. So a query's hits are the same bits alone, in any batch, on any number of
// threads.

#include <cmath>

#include "best.hpp"
#include "index.hpp"

namespace semblance {

namespace {

/// What is searched, and for whom.
struct Task {
    const semblance_distances &kernels;
    const float *queries;
    Rows rows;
    const int64_t *ids;
    Allowed allowed;
    size_t count;

    const float *query(size_t q) const { return queries + q * rows.dimension; }
    const float *row(size_t r) const { return rows.first + r * rows.dimension; }
    int64_t id(size_t r) const { return ids ? ids[r] : int64_t(r); }
    float score(size_t q, size_t r) const {
        return rows.l2 ? -kernels.squared_l2(query(q), row(r), rows.dimension)
                       : kernels.inner_product(query(q), row(r), rows.dimension);
    }
};

/// So many rows stay in the cache while all queries of a block are compared with them.
constexpr size_t scanned_rows = 256;
/// So many fill the product's own block.
constexpr size_t product_rows = 192;
/// The rows are brought into the product's order once for so many queries.
constexpr size_t queries_of_a_block = 512;
/// Below it, a product's panels would be mostly empty.
constexpr size_t product_pays = 12;
/// So many numbers of a scan are worth a thread: half a millisecond. Who lends work to threads waits for them, and where all
/// cores are busy that takes many times as long as to do it alone.
constexpr size_t scan_pays = size_t(1) << 22;
/// And of products.
constexpr size_t products_pay = size_t(1) << 18;

/// Compares the queries from `first_query` on, one for each of `bests`, with the rows first..<last.
void scan(const Task &task, size_t first_query, size_t first, size_t last, std::vector<Best> &bests) {
    float scores[scanned_rows];
    const size_t d = task.rows.dimension;
    for (size_t start = first; start < last; start += scanned_rows) {
        size_t count = std::min(scanned_rows, last - start);
        for (size_t q = 0; q < bests.size(); q++) {
            if (task.rows.l2) {
                task.kernels.squared_l2_ny(task.query(first_query + q), task.row(start), d, count, scores);
                for (size_t i = 0; i < count; i++) scores[i] = -scores[i];
            } else {
                task.kernels.inner_product_ny(task.query(first_query + q), task.row(start), d, count, scores);
            }
            bests[q].offer_all(
                scores, count, [&](size_t i) { return task.allowed(start + i); },
                [&](size_t i) { return task.id(start + i); }
            );
        }
    }
}

/// A row that may be among the best of its query: its true score is within score ± error.
struct Candidate {
    float score, error;
    uint32_t row;
};

/// The candidates of one query. `floor` is a score that `count` rows are known to reach.
class Shortlist {
public:
    float floor = -std::numeric_limits<float>::infinity();

    explicit Shortlist(size_t count) : room(2 * count + 16) { candidates.reserve(room); }

    void add(const Task &task, size_t query, Candidate candidate) {
        candidates.push_back(candidate);
        if (candidates.size() == room) shorten(task, query);
    }

    void finish(const Task &task, size_t query, Best &best) {
        if (candidates.size() > task.count) shorten(task, query);
        for (const Candidate &candidate : candidates)
            best.offer(task.score(query, candidate.row), task.id(candidate.row));
    }

private:
    size_t room;
    std::vector<Candidate> candidates;

    void shorten(const Task &task, size_t query) {
        auto nth = candidates.begin() + ptrdiff_t(task.count) - 1;
        std::nth_element(candidates.begin(), nth, candidates.end(), [](const Candidate &a, const Candidate &b) {
            return a.score - a.error > b.score - b.error;
        });
        floor = nth->score - nth->error;
        auto out_of_reach = [this](const Candidate &candidate) { return candidate.score + candidate.error < floor; };
        candidates.erase(std::remove_if(candidates.begin(), candidates.end(), out_of_reach), candidates.end());
        if (candidates.size() < room - room / 4) return;

        // Very many are alike: the true scores and ids say which ones stay.
        for (Candidate &candidate : candidates) candidate = {task.score(query, candidate.row), 0, candidate.row};
        std::nth_element(
            candidates.begin(), candidates.begin() + ptrdiff_t(task.count) - 1, candidates.end(),
            [&](const Candidate &a, const Candidate &b) {
                return better({task.id(a.row), a.score}, {task.id(b.row), b.score});
            }
        );
        candidates.resize(task.count);
        floor = candidates.back().score;
    }
};

/// As `scan`, by products.
void multiply(const Task &task, size_t first_query, size_t first, size_t last, std::vector<Best> &bests) {
    const size_t d = task.rows.dimension, queries = bests.size();
    std::vector<float> packed(semblance_packed_count(d, queries)), scores(product_rows * queries);
    semblance_pack(d, queries, task.query(first_query), 1, d, packed.data());

    // A sum of d products in any order is off by at most d u Σ|x q| ≤ d u ‖x‖ ‖q‖, u = 2^-24 (Higham, Accuracy and
    // Stability, §3.1). Both the product and the scan's sum are; 1.1 and the few more terms are for what is rounded
    // beside them.
    const float unit = 1.1f * float(d + 8) / float(1 << 24);
    std::vector<float> slack(queries), floors(queries, -std::numeric_limits<float>::infinity()), squares(queries);
    for (size_t q = 0; q < queries; q++) {
        squares[q] = task.kernels.inner_product(task.query(first_query + q), task.query(first_query + q), d);
        slack[q] = task.rows.l2 ? 0 : 2 * unit * std::sqrt(squares[q]);
    }
    std::vector<Shortlist> shortlists(queries, Shortlist(task.count));
    std::vector<uint32_t> places(queries);
    for (size_t start = first; start < last; start += product_rows) {
        size_t count = std::min(product_rows, last - start);
        semblance_product_packed(
            count, queries, d, task.row(start), d, 1, packed.data(), task.rows.l2 ? 2 : 1, 0, nullptr, scores.data(),
            queries
        );
        for (size_t r = 0; r < count; r++) {
            const size_t row = start + r;
            if (!task.allowed(row)) continue;
            const float *mine = scores.data() + r * queries;
            const float square = task.kernels.inner_product(task.row(row), task.row(row), d);
            // Inner product: x·q ± ‖x‖ slack. L2: 2 x·q − ‖x‖² − ‖q‖², off by at most 4 d u (‖x‖² + ‖q‖²), of which
            // the query's part is in its floor.
            const float weight = task.rows.l2 ? 0 : std::sqrt(square);
            const float error = task.rows.l2 ? 4 * unit * square : 0, offset = task.rows.l2 ? error - square : 0;
            size_t found = task.kernels.reaching(
                mine, offset, weight, slack.data(), floors.data(), queries, places.data()
            );
            for (size_t i = 0; i < found; i++) {
                const size_t q = places[i];
                const float own = task.rows.l2 ? 4 * unit * squares[q] : 0;
                shortlists[q].add(
                    task, first_query + q,
                    task.rows.l2 ? Candidate{mine[q] - square - squares[q], error + own, uint32_t(row)}
                                 : Candidate{mine[q], weight * slack[q], uint32_t(row)}
                );
                floors[q] = shortlists[q].floor + (task.rows.l2 ? squares[q] - own : 0);
            }
        }
    }
    for (size_t q = 0; q < queries; q++) shortlists[q].finish(task, first_query + q, bests[q]);
}

/// Where scores are NaN there can be fewer than `count`: the rest says so by a NaN.
void fill(semblance_hit *hits, size_t count, Best &best) {
    const auto &sorted = best.sorted();
    auto end = std::copy(sorted.begin(), sorted.end(), hits);
    std::fill(end, hits + count, semblance_hit{0, std::numeric_limits<float>::quiet_NaN()});
}

} // namespace

size_t Allowed::count(size_t slots) const {
    return bits ? semblance_bits_count(bits, std::min(slots, bytes * 8)) : slots;
}

void exact_search(
    const float *queries, size_t query_count, Rows rows, const int64_t *ids, Allowed allowed, size_t count,
    semblance_workers *workers, semblance_hit *hits
) {
    const Task task{*semblance_distances_at(semblance_cpu()), queries, rows, ids, allowed, count};
    // Work is cut by queries and, where these are few, by rows, into pieces that are worth a thread.
    const size_t blocks = (query_count + queries_of_a_block - 1) / queries_of_a_block;
    const size_t block = (query_count + blocks - 1) / blocks;
    const size_t worth = block < product_pays ? scan_pays / std::max<size_t>(block, 1) : products_pay;
    const size_t smallest = std::max(scanned_rows, worth / std::max<size_t>(rows.dimension, 1));
    const size_t parts = std::clamp<size_t>(rows.count / smallest, 1, std::max<size_t>(1, 8 / blocks));
    const size_t part = (rows.count + parts - 1) / parts;

    std::vector<std::vector<Best>> bests(blocks * parts);
    parallel(workers, blocks * parts, [&](size_t piece) {
        const size_t first_query = piece / parts * block, first = piece % parts * part;
        auto &mine = bests[piece];
        mine.assign(std::min(block, query_count - first_query), Best(count));
        auto compare = mine.size() < product_pays ? scan : multiply;
        compare(task, first_query, first, std::min(first + part, rows.count), mine);
        if (parts == 1)
            for (size_t q = 0; q < mine.size(); q++) fill(hits + (first_query + q) * count, count, mine[q]);
    });
    if (parts == 1) return;
    for (size_t q = 0; q < query_count; q++) {
        Best &best = bests[q / block * parts][q % block];
        for (size_t p = 1; p < parts; p++) best.merge(bests[q / block * parts + p][q % block]);
        fill(hits + q * count, count, best);
    }
}

void Centroids::search(
    idx_t n, const float *x, idx_t k, float *distances, idx_t *labels, const faiss::SearchParameters *
) const {
    const size_t count = size_t(std::min(k, ntotal)), queries = size_t(n);
    std::fill(labels, labels + n * k, -1);
    if (count == 0) return;
    std::vector<semblance_hit> hits(queries * count);
    const bool l2 = metric_type == faiss::METRIC_L2;
    exact_search(x, queries, {get_xb(), size_t(ntotal), size_t(d), l2}, nullptr, {}, count, workers, hits.data());
    for (size_t q = 0; q < queries; q++)
        for (size_t i = 0; i < count; i++) {
            const semblance_hit &hit = hits[q * count + i];
            if (std::isnan(hit.score)) continue;
            labels[q * size_t(k) + i] = hit.id;
            distances[q * size_t(k) + i] = l2 ? -hit.score : hit.score;
        }
}

} // namespace semblance

semblance_index_status semblance_exact_search(
    const float *queries, size_t query_count, const float *rows, size_t row_count, size_t dimension,
    semblance_metric metric, const int64_t *ids, const uint8_t *allowed_bits, size_t allowed_bytes, size_t count,
    semblance_workers *workers, semblance_hit *hits, size_t *found, semblance_index_message *message
) {
    return semblance::guarded(message, [&] {
        const semblance::Allowed allowed{allowed_bits, allowed_bytes};
        *found = std::min(count, allowed.count(row_count));
        if (*found == 0 || query_count == 0) return;
        semblance::exact_search(
            queries, query_count, {rows, row_count, dimension, metric == SEMBLANCE_METRIC_L2}, ids, allowed, *found,
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
