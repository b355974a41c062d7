// The C interface: making, changing and searching an index.

#include <algorithm>

#include <omp.h>
#include <sys/mman.h>

#include <faiss/IndexFlatCodes.h>
#include <faiss/IndexIVFFastScan.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/index_factory.h>

#include "best.hpp"
#include "index.hpp"

namespace semblance {

static uint64_t mix(uint64_t z) { // splitmix64's finalizer
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

size_t Ids::place(int64_t id) const {
    size_t mask = table.size() - 1, cell = size_t(mix(uint64_t(id))) & mask;
    while (table[cell] != 0 && ids[table[cell] - 1] != id) cell = (cell + 1) & mask;
    return cell;
}

int64_t Ids::slot(int64_t id) const { return table.empty() ? -1 : int64_t(table[place(id)]) - 1; }

void Ids::grow(size_t count) {
    size_t size = std::max<size_t>(table.size(), 64);
    while (size < 2 * count) size *= 2;
    if (size == table.size()) return;
    table.assign(size, 0);
    for (size_t slot = 0; slot < ids.size(); slot++) table[place(ids[slot])] = uint32_t(slot + 1);
}

void Ids::append(const int64_t *fresh, size_t count) {
    ids.reserve(std::max(ids.size() + count, std::min(ids.capacity() * 2, ids.size() + count * 2)));
    grow(ids.size() + count);
    for (size_t i = 0; i < count; i++) {
        size_t cell = place(fresh[i]);
        if (table[cell] != 0) {
            drop_last(i);
            throw Failure(SEMBLANCE_INDEX_DUPLICATE, std::to_string(fresh[i]));
        }
        ids.push_back(fresh[i]);
        table[cell] = uint32_t(ids.size());
        distinct++;
    }
}

void Ids::append_again(const int64_t *fresh, size_t count) {
    ids.reserve(ids.size() + count);
    grow(ids.size() + count);
    for (size_t i = 0; i < count; i++) {
        const size_t cell = place(fresh[i]);
        distinct += table[cell] == 0;
        ids.push_back(fresh[i]);
        table[cell] = uint32_t(ids.size());
    }
}

void Ids::drop_last(size_t count) {
    // Last in, first out: no later id was placed around these, so their cells can simply be freed.
    for (; count > 0; count--) {
        table[place(ids.back())] = 0;
        ids.pop_back();
        distinct--;
    }
}

/// OpenMP threads of the calling thread, as long as it is in scope.
class OpenMPThreads {
public:
    explicit OpenMPThreads(int threads) : before(omp_get_max_threads()) { omp_set_num_threads(threads); }
    ~OpenMPThreads() { omp_set_num_threads(before); }

private:
    int before;
};

/// Asks for large pages under a large array: random reads of vectors and links then rarely miss the page tables. Where
/// the system has none to give, nothing changes.
static void use_large_pages(const void *first, size_t bytes) {
#if defined(__linux__)
    constexpr uintptr_t page = uintptr_t(2) << 20;
    uintptr_t begin = (uintptr_t(first) + page - 1) / page * page, end = (uintptr_t(first) + bytes) / page * page;
    if (end < begin + 8 * page) return;
    madvise(reinterpret_cast<void *>(begin), end - begin, MADV_HUGEPAGE);
    constexpr int collapse = 25; // MADV_COLLAPSE, Linux 6.1: at once, also what is in use already
    madvise(reinterpret_cast<void *>(begin), end - begin, collapse);
#endif
}

void settle(semblance_index &index) {
    if (const float *base = index.base()) use_large_pages(base, index.count() * size_t(index.faiss->d) * sizeof(float));
    if (index.hnsw) {
        const auto &links = index.hnsw->hnsw.neighbors;
        use_large_pages(links.data(), links.size() * sizeof links[0]);
    }
    auto lists = dynamic_cast<faiss::IndexIVFFlat *>(index.faiss.get());
    if (!lists) return;
    index.listed.assign(index.count(), nullptr);
    for (size_t list = 0; list < lists->nlist; list++) {
        const size_t size = lists->invlists->list_size(list);
        const auto *slots = lists->invlists->get_ids(list);
        const auto *rows = reinterpret_cast<const float *>(lists->invlists->get_codes(list));
        for (size_t i = 0; i < size; i++) index.listed[size_t(slots[i])] = rows + i * size_t(lists->d);
    }
}

/// FAISS' chunked loops count in int: so many rows a call.
static size_t rows_a_call(const faiss::Index &index) {
    return std::max<size_t>(1, (size_t(1) << 30) / size_t(std::max<faiss::Index::idx_t>(index.d, 1)));
}

/// Sets the usual effort, and turns off what only costs time or prints: annealing of codes nobody compares by Hamming
/// distance, and warnings on standard error about few training points.
static void set_up(faiss::Index *index, int build_effort, int effort) {
    if (auto chain = dynamic_cast<faiss::IndexPreTransform *>(index)) return set_up(chain->index, build_effort, effort);
    if (auto refined = dynamic_cast<faiss::IndexRefine *>(index))
        return set_up(refined->base_index, build_effort, effort);
    if (dynamic_cast<faiss::IndexIDMap *>(index))
        throw Failure(SEMBLANCE_INDEX_REFUSED, "ids are kept beside the vectors already; leave IDMap out");
    if (auto graph = dynamic_cast<faiss::IndexHNSW *>(index)) {
        if (build_effort > 0) graph->hnsw.efConstruction = build_effort;
        graph->hnsw.efSearch = effort > 0 ? effort : 64;
        set_up(graph->storage, build_effort, effort);
    }
    if (auto ivf = dynamic_cast<faiss::IndexIVF *>(index)) {
        if (ivf->nlist < 1) throw Failure(SEMBLANCE_INDEX_REFUSED, "an index needs at least one list");
        ivf->nprobe = effort > 0 ? size_t(effort) : 16;
        ivf->cp.min_points_per_centroid = 1;
    }
    if (auto pq = dynamic_cast<faiss::IndexPQ *>(index)) {
        pq->do_polysemous_training = false;
        pq->pq.cp.min_points_per_centroid = 1;
    }
    if (auto ivfpq = dynamic_cast<faiss::IndexIVFPQ *>(index)) {
        ivfpq->do_polysemous_training = false;
        ivfpq->pq.cp.min_points_per_centroid = 1;
    }
}

} // namespace semblance

using namespace semblance;

semblance_index::semblance_index(std::unique_ptr<faiss::Index> index) : faiss(std::move(index)) { recognize(); }

void semblance_index::recognize() {
    flat = const_cast<faiss::IndexFlat *>(flat_storage(faiss.get()));
    hnsw = dynamic_cast<faiss::IndexHNSW *>(faiss.get());
    if (dynamic_cast<faiss::IndexHNSW2Level *>(faiss.get())) hnsw = nullptr;
    auto chain = dynamic_cast<faiss::IndexPreTransform *>(faiss.get());
    ivf = dynamic_cast<faiss::IndexIVF *>(chain ? chain->index : faiss.get());
    if (dynamic_cast<faiss::IndexIVFFastScan *>(ivf)) ivf = nullptr; // takes no parameters: FAISS' own search
    centroids = nullptr;
    if (auto plain = ivf ? const_cast<faiss::IndexFlat *>(flat_storage(ivf->quantizer)) : nullptr) {
        auto own = std::make_unique<Centroids>(plain->d, plain->metric_type);
        own->codes.swap(plain->codes);
        own->ntotal = plain->ntotal;
        if (ivf->own_fields) delete plain;
        ivf->own_fields = true;
        ivf->quantizer = centroids = own.release();
    }
    kind = flat   ? SEMBLANCE_INDEX_EXACT
           : hnsw ? SEMBLANCE_INDEX_HNSW
           : ivf  ? SEMBLANCE_INDEX_IVF
                  : SEMBLANCE_INDEX_OTHER;
}

semblance_index_status semblance_index_create(
    int64_t dimension, const char *factory, semblance_metric metric, int build_effort, int effort,
    semblance_index **index, semblance_index_message *message
) {
    *index = nullptr;
    return guarded(message, [&] {
        std::unique_ptr<faiss::Index> made(faiss::index_factory(
            int(dimension), factory, metric == SEMBLANCE_METRIC_L2 ? faiss::METRIC_L2 : faiss::METRIC_INNER_PRODUCT
        ));
        set_up(made.get(), build_effort, effort);
        *index = new semblance_index(std::move(made));
    });
}

semblance_index_status semblance_index_copy(
    const semblance_index *index, size_t count, int build_effort, semblance_index **copy,
    semblance_index_message *message
) {
    *copy = nullptr;
    return guarded(message, [&] {
        // FAISS' own copy of a graph can't be written.
        auto graph = dynamic_cast<const faiss::IndexHNSWFlat *>(index->hnsw);
        if (!graph || !index->base()) throw Failure(SEMBLANCE_INDEX_REFUSED, "only a graph of vectors grows");
        auto flat = flat_storage(graph->storage);
        auto storage = std::make_unique<faiss::IndexFlat>(flat->d, flat->metric_type);
        storage->codes.reserve(roomy(count * storage->code_size));
        storage->codes.insert(storage->codes.end(), flat->codes.begin(), flat->codes.end());
        storage->ntotal = flat->ntotal;
        auto copied = std::make_unique<faiss::IndexHNSWFlat>();
        copied->hnsw.cum_nneighbor_per_level = graph->hnsw.cum_nneighbor_per_level;
        reserve_links(copied->hnsw, count);
        *copied = *graph; // room stays
        copied->storage = storage.release();
        copied->own_fields = true;
        auto made = std::make_unique<semblance_index>(std::move(copied));
        set_up(made->faiss.get(), build_effort, index->hnsw->hnsw.efSearch);
        made->ids = index->ids;
        made->ids.reserve(count);
        made->grows = true;
        *copy = made.release();
    });
}

void semblance_index_destroy(semblance_index *index) { delete index; }

semblance_index_info semblance_index_describe(semblance_index *index) {
    auto codes = dynamic_cast<faiss::IndexFlatCodes *>(index->hnsw ? index->hnsw->storage : index->faiss.get());
    return {
        int64_t(index->count()),
        index->faiss->d,
        index->l2() ? SEMBLANCE_METRIC_L2 : SEMBLANCE_METRIC_INNER_PRODUCT,
        index->kind,
        index->faiss->is_trained,
        index->hnsw  ? size_t(std::max(index->hnsw->hnsw.efSearch, 1))
        : index->ivf ? std::max<size_t>(index->ivf->nprobe, 1)
                     : 1,
        index->ivf ? index->ivf->nlist : 0,
        codes ? codes->code_size : index->ivf ? index->ivf->code_size : 0,
        std::is_sorted(index->ids.all().begin(), index->ids.all().end()),
        index->ids.repeats(),
    };
}

namespace {

/// Lends threads to the loops of FAISS and to the centroids, as long as it is in scope.
class Threads {
public:
    Threads(semblance_index *index, semblance_workers *workers, int threads)
        : centroids(index->centroids), openmp(threads) {
        if (centroids) centroids->workers = workers;
    }
    ~Threads() {
        if (centroids) centroids->workers = nullptr;
    }

private:
    Centroids *centroids;
    OpenMPThreads openmp;
};

} // namespace

semblance_index_status semblance_index_train(
    semblance_index *index, const float *rows, size_t count, semblance_workers *workers, int threads,
    semblance_index_message *message
) {
    return guarded(message, [&] {
        Threads lent(index, workers, threads);
        index->faiss->train(faiss::Index::idx_t(count), rows);
    });
}

semblance_index_status
semblance_index_reserve(semblance_index *index, size_t count, semblance_index_message *message) {
    return guarded(message, [&] {
        index->ids.reserve(count);
        auto codes = dynamic_cast<faiss::IndexFlatCodes *>(index->hnsw ? index->hnsw->storage : index->faiss.get());
        if (codes) codes->codes.reserve(roomy(count * codes->code_size));
    });
}

semblance_index_status semblance_index_add(
    semblance_index *index, const float *rows, const int64_t *ids, size_t count, semblance_workers *workers,
    int threads, semblance_index_message *message
) {
    return guarded(message, [&] {
        if (index->count() + count > size_t(INT32_MAX))
            throw Failure(SEMBLANCE_INDEX_REFUSED, "an index holds at most 2147483647 vectors");
        if (!index->faiss->is_trained) throw Failure(SEMBLANCE_INDEX_REFUSED, "the index is not trained yet");
        if (index->grows) index->ids.append_again(ids, count);
        else index->ids.append(ids, count);
        Threads lent(index, workers, threads);
        faiss::Index *storage = index->hnsw ? index->hnsw->storage : index->faiss.get();
        for (size_t done = 0; done < count;) {
            size_t part = std::min(rows_a_call(*storage), count - done);
            storage->add(faiss::Index::idx_t(part), rows + done * size_t(storage->d));
            done += part;
        }
    });
}

semblance_index_status semblance_index_finish(
    semblance_index *index, const float *full, semblance_workers *workers, bool (*between)(void *), void *context,
    semblance_index_message *message
) {
    return guarded(message, [&] {
        if (index->hnsw && index->count() > 0) {
            const float *rows = full ? full : index->base();
            if (!rows) throw Failure(SEMBLANCE_INDEX_REFUSED, "a graph over compressed vectors needs the full ones");
            link_graph(*index->hnsw, rows, index->scratches, workers, [=] { return between(context); });
        }
        settle(*index);
    });
}

namespace {

/// Turns FAISS' slots and distances into hits, best first; returns how many there are.
size_t take(
    const semblance_index &index, const faiss::Index::idx_t *slots, const float *distances, size_t count,
    semblance_hit *hits
) {
    float sign = index.l2() ? -1.0f : 1.0f;
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (slots[i] >= 0 && size_t(slots[i]) < index.count())
            hits[found++] = {index.ids[size_t(slots[i])], sign * distances[i]};
    std::sort(hits, hits + found, better);
    return found;
}

/// One query through an index of FAISS; `probes` matters for probed lists alone. Only these take a filter.
size_t search_faiss(
    const semblance_index &index, const float *query, size_t count, size_t probes, const Allowed &allowed,
    semblance_hit *hits
) {
    std::vector<faiss::Index::idx_t> slots(count);
    std::vector<float> distances(count);
    faiss::IDSelectorBitmap selector(allowed.bytes, allowed.bits);
    faiss::SearchParametersIVF lists;
    faiss::SearchParametersPreTransform chain;
    faiss::SearchParameters *parameters = nullptr;
    if (index.ivf) {
        lists.nprobe = std::min(std::max<size_t>(probes, 1), index.ivf->nlist);
        if (!allowed.all()) lists.sel = &selector;
        parameters = &lists;
        if (dynamic_cast<const faiss::IndexPreTransform *>(index.faiss.get())) {
            chain.index_params = parameters;
            parameters = &chain;
        }
    }
    index.faiss->search(1, query, faiss::Index::idx_t(count), distances.data(), slots.data(), parameters);
    return take(index, slots.data(), distances.data(), count, hits);
}

/// Where FAISS takes no filter: more and more hits, until enough of them are allowed.
size_t search_and_drop(
    const semblance_index &index, const float *query, size_t count, const Allowed &allowed, semblance_hit *hits
) {
    const size_t all = index.count(), share = std::max<size_t>(allowed.count(all), 1);
    std::vector<semblance_hit> found;
    for (size_t wanted = std::min(all, count * all / share + 16);; wanted = std::min(all, wanted * 4)) {
        found.resize(wanted);
        found.resize(search_faiss(index, query, wanted, 0, {}, found.data()));
        const size_t got = found.size();
        auto forbidden = [&](const semblance_hit &hit) { return !allowed(size_t(index.ids.slot(hit.id))); };
        found.erase(std::remove_if(found.begin(), found.end(), forbidden), found.end());
        if (found.size() >= count || wanted == all || got < wanted) break;
    }
    const size_t kept = std::min(count, found.size());
    std::copy(found.begin(), found.begin() + ptrdiff_t(kept), hits);
    return kept;
}

/// Every vector, rebuilt: what remains where FAISS' own search finds too few.
size_t search_rebuilt(
    const semblance_index &index, const float *query, size_t count, const Allowed &allowed, semblance_hit *hits
) {
    const size_t d = size_t(index.faiss->d), all = index.count();
    std::vector<float> rows(all * d);
    index.faiss->reconstruct_n(0, faiss::Index::idx_t(all), rows.data());
    exact_search(query, 1, {rows.data(), all, d, index.l2()}, index.ids.all().data(), allowed, count, nullptr, hits);
    return count;
}

/// Every allowed vector: what remains where a graph leaves vectors unreachable, or a walk has become too long.
size_t search_stored(
    const semblance_index &index, const float *query, size_t count, const Allowed &allowed, semblance_hit *hits
) {
    const faiss::Index &storage = index.hnsw ? *index.hnsw->storage : *index.faiss;
    if (const float *base = index.base()) {
        const size_t d = size_t(storage.d), all = index.count();
        const int64_t *ids = index.ids.all().data();
        if (allowed.all()) {
            exact_search(query, 1, {base, all, d, index.l2()}, ids, allowed, count, nullptr, hits);
            return count;
        }
        std::vector<int32_t> slots(allowed.count(all));
        semblance_bits_slots(allowed.bits, std::min(all, allowed.bytes * 8), slots.data());
        size_t found = 0;
        semblance_index_message message;
        const auto status = semblance_rows_among(
            {base, nullptr}, ids, d, index.l2() ? SEMBLANCE_METRIC_L2 : SEMBLANCE_METRIC_INNER_PRODUCT, query,
            slots.data(), slots.size(), count, hits, &found, &message
        );
        if (status != SEMBLANCE_INDEX_OK) throw Failure(status, message.text);
        return found;
    }
    std::unique_ptr<faiss::DistanceComputer> computer(storage.get_distance_computer());
    computer->set_query(query);
    float sign = index.l2() ? -1.0f : 1.0f;
    Best best(count);
    for (size_t slot = 0; slot < index.count(); slot++)
        if (allowed(slot)) best.offer(sign * (*computer)(faiss::Index::idx_t(slot)), index.ids[slot]);
    const auto &sorted = best.sorted();
    std::copy(sorted.begin(), sorted.end(), hits);
    return sorted.size();
}

/// As many hits as asked for, whatever it takes.
size_t search_one(
    semblance_index &index, const float *query, size_t count, size_t effort, const Allowed &allowed,
    size_t allowed_count, semblance_hit *hits
) {
    size_t found = 0;
    if (index.hnsw) {
        if (count < allowed_count) {
            Borrowed scratch(index.scratches);
            found = walk_graph(*index.hnsw, index.ids, query, count, effort, allowed, allowed_count, *scratch, hits);
        }
        return found == count ? found : search_stored(index, query, count, allowed, hits);
    }
    if (scan_codes(index, query, count, allowed, hits, found)) return found;
    for (size_t probes = effort;; probes = std::max<size_t>(probes, 1) * 4) {
        if (!scan_lists(index, query, count, probes, allowed, hits, found))
            found = index.ivf || allowed.all() ? search_faiss(index, query, count, probes, allowed, hits)
                                               : search_and_drop(index, query, count, allowed, hits);
        if (found == count) return found;
        if (!index.ivf) return search_rebuilt(index, query, count, allowed, hits);
        if (probes >= index.ivf->nlist) return found;
    }
}

} // namespace

semblance_index_status semblance_index_search(
    semblance_index *index, const float *queries, size_t query_count, size_t count, size_t effort,
    const uint8_t *allowed_bits, size_t allowed_bytes, semblance_workers *workers, semblance_hit *hits, size_t *found,
    semblance_index_message *message
) {
    *found = 0;
    return guarded(message, [&] {
        const size_t d = size_t(index->faiss->d);
        Allowed allowed{allowed_bits, allowed_bytes};
        const size_t allowed_count = allowed.count(index->count());
        count = std::min(count, allowed_count);
        *found = count;
        if (count == 0 || query_count == 0) return;
        if (index->flat) {
            Rows rows{index->flat->get_xb(), index->count(), d, index->l2()};
            exact_search(queries, query_count, rows, index->ids.all().data(), allowed, count, workers, hits);
            return;
        }
        parallel(workers, query_count, [&](size_t q) {
            OpenMPThreads openmp(1);
            semblance_hit *own = hits + q * count;
            size_t mine = search_one(*index, queries + q * d, count, effort, allowed, allowed_count, own);
            std::fill(own + mine, own + count, semblance_hit{0, std::numeric_limits<float>::quiet_NaN()});
        });
    });
}

semblance_index_status
semblance_index_vector(const semblance_index *index, int32_t slot, float *out, semblance_index_message *message) {
    return guarded(message, [&] {
        if (slot < 0 || size_t(slot) >= index->count()) throw Failure(SEMBLANCE_INDEX_REFUSED, "there is no such slot");
        // IVF's own reconstruct needs a map it doesn't keep; reconstruct_n looks through the lists.
        if (index->ivf) index->faiss->reconstruct_n(slot, 1, out);
        else index->faiss->reconstruct(slot, out);
    });
}
