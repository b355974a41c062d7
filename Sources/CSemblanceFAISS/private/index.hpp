// The index behind the C interface, and how errors leave it.
#pragma once

#include <algorithm>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/impl/FaissException.h>

#include "CSemblanceFAISS.h"
#include "CSemblanceKernels.h"

namespace semblance {

/// An error that has a status of its own.
struct Failure : std::runtime_error {
    semblance_index_status status;
    Failure(semblance_index_status status, const std::string &what) : std::runtime_error(what), status(status) {}
};

inline void say(semblance_index_message *message, const char *text) noexcept {
    strncpy(message->text, text, sizeof message->text - 1);
    message->text[sizeof message->text - 1] = 0;
}

/// Runs `body` and turns whatever it throws into a status and a message.
template <class Body>
semblance_index_status guarded(semblance_index_message *message, Body body) noexcept {
    message->text[0] = 0;
    try {
        body();
        return SEMBLANCE_INDEX_OK;
    } catch (const Failure &failure) {
        say(message, failure.what());
        return failure.status;
    } catch (const faiss::FaissException &refusal) {
        say(message, refusal.msg.c_str());
        return SEMBLANCE_INDEX_REFUSED;
    } catch (const std::bad_alloc &) {
        say(message, "out of memory");
        return SEMBLANCE_INDEX_MEMORY;
    } catch (const std::exception &other) {
        say(message, other.what());
        return SEMBLANCE_INDEX_REFUSED;
    } catch (...) {
        say(message, "unknown error");
        return SEMBLANCE_INDEX_REFUSED;
    }
}

/// A parallel loop whose body may throw: the first error is thrown again when all have ended. Without workers it runs
/// here.
template <class Body>
void parallel(semblance_workers *workers, size_t count, Body body) {
    struct Context {
        Body &body;
        std::mutex lock;
        std::exception_ptr error;
    } context{body, {}, nullptr};
    if (!workers) {
        for (size_t i = 0; i < count; i++) body(i);
        return;
    }
    semblance_workers_for(
        workers, count,
        [](void *pointer, size_t index) {
            Context &context = *static_cast<Context *>(pointer);
            try {
                context.body(index);
            } catch (...) {
                std::lock_guard<std::mutex> guard(context.lock);
                if (!context.error) context.error = std::current_exception();
            }
        },
        &context
    );
    if (context.error) std::rethrow_exception(context.error);
}

/// The slots of 64-bit ids: a table with open addressing, at most half full.
class Ids {
public:
    const std::vector<int64_t> &all() const { return ids; }
    size_t count() const { return ids.size(); }
    int64_t operator[](size_t slot) const { return ids[slot]; }

    /// The last slot of `id`, or -1.
    int64_t slot(int64_t id) const;

    /// Appends all ids or, where one is taken, none and throws.
    void append(const int64_t *fresh, size_t count);

    /// Appends ids that may be there already.
    void append_again(const int64_t *fresh, size_t count);

    /// Whether an id is in several slots.
    bool repeats() const { return distinct < ids.size(); }

    void reserve(size_t count) {
        ids.reserve(count);
        grow(count);
    }

private:
    std::vector<int64_t> ids;
    std::vector<uint32_t> table; // slot + 1; 0 is free
    size_t distinct = 0;

    void drop_last(size_t count);
    size_t place(int64_t id) const; // of `id` or of the free cell where it would go
    void grow(size_t count);
};

/// What one walk through a graph needs, kept for the next one.
struct Scratch {
    std::vector<uint8_t> tags; // a slot is visited where its tag is `epoch`
    uint8_t epoch = 0;
    std::vector<int32_t> fresh;

    /// Forgets all visits.
    void begin(size_t slots, size_t links) {
        if (tags.size() < slots) tags.resize(slots + slots / 8, 0);
        if (fresh.size() < links) fresh.resize(links);
        if (++epoch == 0) {
            std::fill(tags.begin(), tags.end(), uint8_t(0));
            epoch = 1;
        }
    }
};

/// As many scratches as walks have run at once.
class Scratches {
public:
    std::unique_ptr<Scratch> take() {
        std::lock_guard<std::mutex> guard(lock);
        if (idle.empty()) return std::make_unique<Scratch>();
        auto scratch = std::move(idle.back());
        idle.pop_back();
        return scratch;
    }
    void give(std::unique_ptr<Scratch> scratch) {
        std::lock_guard<std::mutex> guard(lock);
        idle.push_back(std::move(scratch));
    }

private:
    std::mutex lock;
    std::vector<std::unique_ptr<Scratch>> idle;
};

/// A scratch for as long as it is in scope.
class Borrowed {
public:
    explicit Borrowed(Scratches &owner) : owner(owner), scratch(owner.take()) {}
    ~Borrowed() {
        try {
            owner.give(std::move(scratch));
        } catch (...) { // no memory to keep it: it is freed
        }
    }
    Scratch &operator*() { return *scratch; }

private:
    Scratches &owner;
    std::unique_ptr<Scratch> scratch;
};

/// The slots that may be found: a bit each, or all.
struct Allowed {
    const uint8_t *bits = nullptr;
    size_t bytes = 0;

    bool all() const { return bits == nullptr; }
    bool operator()(size_t slot) const {
        return !bits || (slot / 8 < bytes && (bits[slot / 8] >> (slot % 8) & 1));
    }
    size_t count(size_t slots) const;
};

/// Float rows one after the other.
struct Rows {
    const float *first;
    size_t count, dimension;
    bool l2;
};

/// Searches `rows` exactly, all queries at once. `ids` NULL: row numbers. `hits` [queries, count] are filled.
void exact_search(
    const float *queries, size_t query_count, Rows rows, const int64_t *ids, Allowed allowed, size_t count,
    semblance_workers *workers, semblance_hit *hits
);

/// Scans codes that we have kernels for, exactly; false for others.
bool scan_codes(
    const semblance_index &index, const float *query, size_t count, const Allowed &allowed, semblance_hit *hits,
    size_t &found
);

/// The best in the lists whose centroids are nearest, where these lists hold float vectors; false for others.
bool scan_lists(
    const semblance_index &index, const float *query, size_t count, size_t probes, const Allowed &allowed,
    semblance_hit *hits, size_t &found
);

/// The centroids of lists: a flat index that is searched by `exact_search`, which FAISS calls to learn centroids, to put
/// vectors into lists and to choose the lists to probe. On disk it is a plain one.
struct Centroids : faiss::IndexFlat {
    using faiss::IndexFlat::IndexFlat;
    /// Set while lists are learnt or filled; a search has its own thread alone.
    semblance_workers *workers = nullptr;

    void search(
        idx_t n, const float *x, idx_t k, float *distances, idx_t *labels, const faiss::SearchParameters *parameters
    ) const override;
};

/// Bytes to make room for where so many are needed. What is built again and again goes into memory of its own, which the
/// system gets back when it is freed: the C library keeps blocks of less than 32 MiB. Pages that are not used cost nothing.
inline size_t roomy(size_t bytes) {
    constexpr size_t large = size_t(1) << 20, of_its_own = size_t(33) << 20;
    return bytes < large ? bytes : std::max(bytes, of_its_own);
}

/// Makes room for the links of so many slots.
void reserve_links(faiss::HNSW &graph, size_t count);

/// Links the vectors of the storage of `index` into its graph, by a fixed order of work: the graph doesn't depend
/// on the number of threads. `rows` are all vectors as they came; those that the graph has already stay as they are
/// linked. `between` is called after each batch; where it says false, `Failure` is thrown.
void link_graph(
    faiss::IndexHNSW &index, const float *rows, Scratches &scratches, semblance_workers *workers,
    const std::function<bool()> &between
);

/// Walks the graph of `index`, keeping `effort` candidates that are allowed, and gives the best `count`; fewer where it
/// finds fewer, none where to compare all `allowed_count` ones is less work.
size_t walk_graph(
    const faiss::IndexHNSW &index, const Ids &ids, const float *query, size_t count, size_t effort, Allowed allowed,
    size_t allowed_count, Scratch &scratch, semblance_hit *hits
);

/// Throws where an array of the graph points outside of another.
void check_graph(const faiss::IndexHNSW &index);

/// The flat storage of `index` where it is uncompressed, else NULL.
const faiss::IndexFlat *flat_storage(const faiss::Index *index);

} // namespace semblance

/// Built by one thread; once finished it never changes, so that any number may search it.
struct semblance_index {
    std::unique_ptr<faiss::Index> faiss;
    semblance::Ids ids;
    semblance::Scratches scratches;
    /// Where each vector lies in the lists, where these hold floats.
    std::vector<const float *> listed;

    /// Whether ids may come again.
    bool grows = false;

    explicit semblance_index(std::unique_ptr<faiss::Index> index);
    semblance_index(const semblance_index &) = delete;

    /// Finds out what `faiss` is.
    void recognize();
    semblance_index_kind kind;
    faiss::IndexFlat *flat;
    faiss::IndexHNSW *hnsw;
    faiss::IndexIVF *ivf;
    semblance::Centroids *centroids; // of `ivf`, where they are not compressed

    size_t count() const { return ids.count(); }
    bool l2() const { return faiss->metric_type == faiss::METRIC_L2; }
    /// Where float vectors lie one after the other, by slot; else NULL.
    const float *base() const {
        auto storage = hnsw ? semblance::flat_storage(hnsw->storage) : flat;
        return storage ? storage->get_xb() : nullptr;
    }
};

namespace semblance {

/// Puts what searches read at random on large pages, and finds the vectors in lists.
void settle(semblance_index &index);

} // namespace semblance
