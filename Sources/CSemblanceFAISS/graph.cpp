// HNSW over FAISS' arrays: our walk, and our way of linking.
// Malkov and Yashunin, arXiv:1603.09320. Distances: smaller is better, −⟨x, y⟩ or ‖x − y‖².
//
// A slot's links on a level are neighbors[offsets[slot] + cum_nneighbor_per_level[level] ...], up to the first −1.

#include <numeric>

#include <faiss/IndexFlatCodes.h>
#include <faiss/impl/DistanceComputer.h>

#include "best.hpp"
#include "index.hpp"

namespace semblance {

namespace {

using Slot = int32_t;

/// A slot and its distance from the query. The sign bit of `mark` is set once its links have been followed.
struct Candidate {
    float distance;
    uint32_t mark;

    static constexpr uint32_t followed = uint32_t(1) << 31;
    Slot slot() const { return Slot(mark & ~followed); }
};

bool nearer(const Candidate &a, const Candidate &b) {
    return a.distance < b.distance || (a.distance == b.distance && a.mark < b.mark);
}

struct Links {
    const Slot *begin, *end;
};

Links links(const faiss::HNSW &graph, Slot slot, int level) {
    const Slot *first = graph.neighbors.data() + graph.offsets[size_t(slot)];
    return {
        first + graph.cum_nneighbor_per_level[size_t(level)], first + graph.cum_nneighbor_per_level[size_t(level) + 1]
    };
}

/// The most links a slot has on one level.
size_t widest(const faiss::HNSW &graph) {
    int most = 0;
    for (size_t level = 1; level < graph.cum_nneighbor_per_level.size(); level++)
        most = std::max(most, graph.cum_nneighbor_per_level[level] - graph.cum_nneighbor_per_level[level - 1]);
    return size_t(most);
}

/// Distances of float rows.
class FlatDistances {
public:
    FlatDistances(const faiss::IndexFlat &flat)
        : kernels(*semblance_distances_at(semblance_cpu())), rows(flat.get_xb()), dimension(size_t(flat.d)),
          l2(flat.metric_type == faiss::METRIC_L2) {}

    void ask(const float *vector) { query = vector; }
    void ask(Slot slot) { query = row(slot); }

    float operator()(Slot slot) const {
        return l2 ? kernels.squared_l2(query, row(slot), dimension)
                  : -kernels.inner_product(query, row(slot), dimension);
    }

    void four(const Slot *slots, float *out) const {
        const float *const four[4] = {row(slots[0]), row(slots[1]), row(slots[2]), row(slots[3])};
        if (l2) {
            kernels.squared_l2_4(query, four, dimension, out);
        } else {
            kernels.inner_product_4(query, four, dimension, out);
            for (int i = 0; i < 4; i++) out[i] = -out[i];
        }
    }

    /// The first lines of a row; the processor fetches the rest when it sees them read.
    void prefetch(Slot slot) const {
        const char *bytes = reinterpret_cast<const char *>(row(slot));
        for (size_t line = 0; line < std::min<size_t>(dimension * sizeof(float), 512); line += 64)
            __builtin_prefetch(bytes + line);
    }

private:
    const semblance_distances &kernels;
    const float *rows;
    size_t dimension;
    bool l2;
    const float *query = nullptr;

    const float *row(Slot slot) const { return rows + size_t(slot) * dimension; }
};

/// Distances of compressed vectors, by FAISS.
class StoredDistances {
public:
    StoredDistances(const faiss::Index &storage)
        : computer(storage.get_distance_computer()), sign(storage.metric_type == faiss::METRIC_L2 ? 1.0f : -1.0f) {}

    void ask(const float *vector) {
        centre = -1;
        computer->set_query(vector);
    }
    void ask(Slot slot) { centre = slot; }
    float operator()(Slot slot) const {
        return sign * (centre < 0 ? (*computer)(slot) : computer->symmetric_dis(centre, slot));
    }
    void four(const Slot *slots, float *out) const {
        for (int i = 0; i < 4; i++) out[i] = (*this)(slots[i]);
    }
    void prefetch(Slot) const {}

private:
    std::unique_ptr<faiss::DistanceComputer> computer;
    float sign;
    Slot centre = -1; // what is asked for is a stored vector; −1: one from outside
};

/// Calls `visit(slot, distance)` for `count` slots, measured four at a time.
template <class Distances, class Visit>
void measure(const Distances &distances, const Slot *slots, size_t count, Visit visit) {
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        float four[4];
        distances.four(slots + i, four);
        for (int j = 0; j < 4; j++) visit(slots[i + size_t(j)], four[j]);
    }
    for (; i < count; i++) visit(slots[i], distances(slots[i]));
}

/// The nearest candidates so far, sorted, at most `room`.
class Pool {
public:
    explicit Pool(size_t room) : entries(room) {}

    size_t size = 0;
    Candidate &operator[](size_t place) { return entries[place]; }
    const Candidate *begin() const { return entries.data(); }
    const Candidate *end() const { return entries.data() + size; }
    /// What a candidate must be nearer than.
    float bound() const {
        return size == entries.size() ? entries[size - 1].distance : std::numeric_limits<float>::infinity();
    }

    /// Where it went; the number of candidates where it is too far.
    size_t insert(Slot slot, float distance) {
        if (size == entries.size()) {
            if (!(distance < entries[size - 1].distance)) return size;
            size--;
        }
        Candidate candidate{distance, uint32_t(slot)};
        size_t low = 0, high = size;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (distance < entries[middle].distance) high = middle;
            else low = middle + 1;
        }
        memmove(&entries[low + 1], &entries[low], (size - low) * sizeof(Candidate));
        entries[low] = candidate;
        size++;
        return low;
    }

private:
    std::vector<Candidate> entries;
};

/// Steps from `nearest` to the nearest neighbour as long as one is nearer, from level `top` down to above `bottom`.
template <class Distances>
void descend(
    const faiss::HNSW &graph, const Distances &distances, int top, int bottom, Scratch &scratch, Slot &nearest,
    float &distance
) {
    for (int level = top; level > bottom; level--) {
        for (;;) {
            Slot before = nearest;
            Links next = links(graph, nearest, level);
            size_t count = 0;
            for (const Slot *link = next.begin; link < next.end && *link >= 0; link++) scratch.fresh[count++] = *link;
            measure(distances, scratch.fresh.data(), count, [&](Slot slot, float d) {
                if (d < distance) {
                    nearest = slot;
                    distance = d;
                }
            });
            if (nearest == before) break;
        }
    }
}

/// Follows links on `level` from the candidates in `pool`, always from the nearest one not yet followed, until all have
/// been.
template <class Distances>
void walk(const faiss::HNSW &graph, const Distances &distances, int level, Pool &pool, Scratch &scratch) {
    uint8_t *tags = scratch.tags.data();
    const uint8_t epoch = scratch.epoch;
    Slot *fresh = scratch.fresh.data();
    for (size_t place = 0; place < pool.size;) {
        if (pool[place].mark & Candidate::followed) {
            place++;
            continue;
        }
        Links next = links(graph, pool[place].slot(), level);
        pool[place].mark |= Candidate::followed;
        size_t count = 0;
        for (const Slot *link = next.begin; link < next.end && *link >= 0; link++) {
            if (tags[*link] == epoch) continue;
            tags[*link] = epoch;
            distances.prefetch(*link);
            fresh[count++] = *link;
        }
        if (place + 1 < pool.size) {
            Links after = links(graph, pool[place + 1].slot(), level);
            for (const Slot *line = after.begin; line < after.end; line += 16) __builtin_prefetch(line);
        }
        size_t lowest = place + 1;
        measure(distances, fresh, count, [&](Slot slot, float distance) {
            lowest = std::min(lowest, pool.insert(slot, distance));
        });
        place = lowest;
    }
}

/// As `walk` on the lowest level, with a pool of allowed slots alone: on the way to them any slot is followed that is
/// nearer than the worst of the pool. So the effort goes up by itself where few are allowed, or far from the query.
/// False where more than `limit` slots were measured.
template <class Distances>
bool walk_allowed(
    const faiss::HNSW &graph, const Distances &distances, Slot entry, float entry_distance, const Allowed &allowed,
    size_t limit, Pool &pool, Scratch &scratch
) {
    uint8_t *tags = scratch.tags.data();
    const uint8_t epoch = scratch.epoch;
    Slot *fresh = scratch.fresh.data();
    auto farther = [](const Candidate &a, const Candidate &b) { return nearer(b, a); };
    std::vector<Candidate> open; // a heap, the nearest on top
    auto meet = [&](Slot slot, float distance) {
        if (!(distance < pool.bound())) return;
        open.push_back({distance, uint32_t(slot)});
        std::push_heap(open.begin(), open.end(), farther);
        if (allowed(size_t(slot))) pool.insert(slot, distance);
    };
    tags[entry] = epoch;
    meet(entry, entry_distance);
    for (size_t measured = 0; !open.empty() && !(open[0].distance > pool.bound());) {
        if (measured > limit) return false;
        Links next = links(graph, open[0].slot(), 0);
        std::pop_heap(open.begin(), open.end(), farther);
        open.pop_back();
        size_t count = 0;
        for (const Slot *link = next.begin; link < next.end && *link >= 0; link++) {
            if (tags[*link] == epoch) continue;
            tags[*link] = epoch;
            distances.prefetch(*link);
            fresh[count++] = *link;
        }
        if (!open.empty()) {
            Links after = links(graph, open[0].slot(), 0);
            for (const Slot *line = after.begin; line < after.end; line += 16) __builtin_prefetch(line);
        }
        measure(distances, fresh, count, meet);
        measured += count;
    }
    return true;
}

template <class Distances>
size_t search(
    const faiss::HNSW &graph, Distances distances, const Ids &ids, const float *query, size_t count, size_t effort,
    const Allowed &allowed, size_t allowed_count, Scratch &scratch, semblance_hit *hits
) {
    if (graph.entry_point < 0) return 0;
    scratch.begin(graph.levels.size(), widest(graph));
    distances.ask(query);
    Slot nearest = graph.entry_point;
    float distance = distances(nearest);
    descend(graph, distances, graph.max_level, 0, scratch, nearest, distance);
    effort = std::max(effort, count);
    auto take = [&](const Pool &pool) {
        Best best(count);
        for (const Candidate &candidate : pool)
            if (allowed(size_t(candidate.slot()))) best.offer(-candidate.distance, ids[size_t(candidate.slot())]);
        const auto &sorted = best.sorted();
        std::copy(sorted.begin(), sorted.end(), hits);
        return sorted.size();
    };
    const size_t slots = graph.levels.size();
    if (allowed.all() || allowed_count > slots / 2) {
        // Where most are allowed, those that aren't just take room among the candidates.
        Pool pool(std::min(slots, effort * slots / std::max<size_t>(allowed_count, 1)));
        pool.insert(nearest, distance);
        scratch.tags[size_t(nearest)] = scratch.epoch;
        walk(graph, distances, 0, pool, scratch);
        const size_t found = take(pool);
        if (found == count || allowed.all()) return found;
        scratch.begin(slots, widest(graph));
    }
    Pool pool(std::min(effort, std::max<size_t>(allowed_count, 1)));
    if (!walk_allowed(graph, distances, nearest, distance, allowed, allowed_count, pool, scratch)) return 0;
    return take(pool);
}

/// Keeps those of `candidates`, sorted by distance, that are nearer to the centre than to any one kept before, at most
/// `room`: links in many directions.
template <class Distances>
void prune(std::vector<Candidate> &candidates, size_t room, Distances &distances, std::vector<Slot> &kept) {
    kept.clear();
    size_t write = 0;
    for (const Candidate candidate : candidates) {
        distances.ask(candidate.slot());
        bool diverse = true;
        size_t i = 0;
        for (; diverse && i + 4 <= kept.size(); i += 4) {
            float four[4];
            distances.four(kept.data() + i, four);
            for (float d : four) diverse &= !(d < candidate.distance);
        }
        for (; diverse && i < kept.size(); i++) diverse = !(distances(kept[i]) < candidate.distance);
        if (!diverse) continue;
        kept.push_back(candidate.slot());
        candidates[write++] = candidate;
        if (write == room) break;
    }
    candidates.resize(write);
}

/// Inserts vectors in batches. A batch is searched for in the graph as it stood before, then linked: nothing that one
/// thread reads is written by another, so there are no locks, and the graph is the same for any number of threads.
template <class Distances, class Storage>
class Linker {
public:
    Linker(
        faiss::HNSW &graph, const Storage &storage, const float *fresh, Scratches &scratches, semblance_workers *workers
    )
        : graph(graph), storage(storage), fresh(fresh), before(graph.levels.size()), scratches(scratches),
          workers(workers) {}

    void run(const std::function<bool()> &between) {
        const size_t count = size_t(storage.ntotal) - before;
        reserve_links(graph, before + count);
        graph.prepare_level_tab(count);
        std::vector<Slot> order = shuffled(count);
        heads.assign(before + count, -1);
        size_t done = 0;
        if (graph.entry_point < 0 && count > 0) {
            graph.entry_point = order[0];
            graph.max_level = level_of(order[0]);
            done = 1;
        }
        while (done < count) {
            // Vectors of a batch don't see each other: it is small beside the graph. One that rises above the graph's
            // top goes alone.
            size_t size = std::min(std::clamp((before + done) / 16, size_t(1), largest_batch), count - done);
            if (level_of(order[done]) > graph.max_level) size = 1;
            insert(order.data() + done, size);
            done += size;
            if (!between()) throw Failure(SEMBLANCE_INDEX_STOPPED, "stopped");
        }
    }

private:
    /// A link wanted from `target` back to `source`.
    struct Edge {
        Slot target, source;
        float distance;
        int32_t next; // of the same target; −1 ends
    };
    struct Found {
        Slot target;
        float distance;
        int level;
    };

    static constexpr size_t largest_batch = 1024;

    faiss::HNSW &graph;
    const Storage &storage;
    const float *fresh; // the new vectors as they came
    const size_t before;
    Scratches &scratches;
    semblance_workers *workers;
    std::vector<int32_t> heads; // the last edge of a target, −1 where there is none
    std::vector<std::vector<Found>> found;
    std::vector<Edge> edges;
    std::vector<Slot> targets;

    int level_of(Slot slot) const { return graph.levels[size_t(slot)] - 1; }

    /// The new slots, those of higher levels first, shuffled within a level: neighbours in a corpus are often alike,
    /// and a batch of twins would not link to each other.
    std::vector<Slot> shuffled(size_t count) {
        std::vector<Slot> mixed(count), order;
        std::iota(mixed.begin(), mixed.end(), Slot(before));
        uint64_t state = before;
        int top = 0;
        for (size_t i = count; i > 0; i--) {
            state += 0x9e3779b97f4a7c15; // splitmix64
            uint64_t z = state;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            z ^= z >> 31;
            std::swap(mixed[i - 1], mixed[size_t((unsigned __int128)(z)*i >> 64)]);
            top = std::max(top, level_of(mixed[i - 1]));
        }
        order.reserve(count);
        for (int level = top; level >= 0; level--)
            for (Slot slot : mixed)
                if (level_of(slot) == level) order.push_back(slot);
        return order;
    }

    size_t room(int level) const {
        return size_t(
            graph.cum_nneighbor_per_level[size_t(level) + 1] - graph.cum_nneighbor_per_level[size_t(level)]
        );
    }

    Slot *own_links(Slot slot, int level) { return const_cast<Slot *>(links(graph, slot, level).begin); }

    void insert(const Slot *batch, size_t count) {
        constexpr size_t chunk = 8;
        if (found.size() < count) found.resize(count);
        parallel(workers, (count + chunk - 1) / chunk, [&](size_t c) {
            Borrowed scratch(scratches);
            Distances distances(storage);
            for (size_t i = c * chunk; i < std::min((c + 1) * chunk, count); i++)
                find(batch[i], found[i], distances, *scratch);
        });
        for (int level = std::min(level_of(batch[0]), graph.max_level); level >= 0; level--) {
            collect(batch, count, level);
            parallel(workers, (targets.size() + chunk - 1) / chunk, [&](size_t c) {
                Distances distances(storage);
                std::vector<Candidate> candidates;
                std::vector<Slot> kept;
                for (size_t i = c * chunk; i < std::min((c + 1) * chunk, targets.size()); i++)
                    link_back(targets[i], level, distances, candidates, kept);
            });
            for (Slot target : targets) heads[size_t(target)] = -1;
        }
        if (level_of(batch[0]) > graph.max_level) {
            graph.max_level = level_of(batch[0]);
            graph.entry_point = batch[0];
        }
    }

    /// Finds the links of a new slot on its levels and writes them. They are pruned also where there is room for all: on
    /// clustered vectors that leaves room for links back from elsewhere, and gives higher recall in less time.
    void find(Slot slot, std::vector<Found> &into, Distances &distances, Scratch &scratch) {
        into.clear();
        scratch.begin(graph.levels.size(), widest(graph));
        const float *vector = fresh + (size_t(slot) - before) * size_t(storage.d);
        distances.ask(vector);
        Slot nearest = graph.entry_point;
        float distance = distances(nearest);
        int top = std::min(level_of(slot), graph.max_level);
        descend(graph, distances, graph.max_level, top, scratch, nearest, distance);
        std::vector<Candidate> candidates;
        std::vector<Slot> kept;
        for (int level = top; level >= 0; level--) {
            if (level < top) scratch.begin(graph.levels.size(), widest(graph));
            distances.ask(vector);
            Pool pool(size_t(graph.efConstruction));
            pool.insert(nearest, distance);
            scratch.tags[size_t(nearest)] = scratch.epoch;
            walk(graph, distances, level, pool, scratch);
            nearest = pool[0].slot();
            distance = pool[0].distance;

            candidates.clear();
            for (const Candidate &candidate : pool)
                candidates.push_back({candidate.distance, uint32_t(candidate.slot())});
            prune(candidates, room(level), distances, kept);
            Slot *own = own_links(slot, level);
            for (size_t i = 0; i < candidates.size(); i++) {
                own[i] = candidates[i].slot();
                into.push_back({candidates[i].slot(), candidates[i].distance, level});
            }
        }
    }

    /// Brings the links found on `level` together by target.
    void collect(const Slot *batch, size_t count, int level) {
        edges.clear();
        targets.clear();
        for (size_t i = 0; i < count; i++)
            for (const Found &link : found[i]) {
                if (link.level != level) continue;
                int32_t &head = heads[size_t(link.target)];
                if (head < 0) targets.push_back(link.target);
                edges.push_back({link.target, batch[i], link.distance, head});
                head = int32_t(edges.size()) - 1;
            }
    }

    /// Adds the links back from `target`; where there is no room, the best in different directions stay.
    void link_back(
        Slot target, int level, Distances &distances, std::vector<Candidate> &candidates, std::vector<Slot> &kept
    ) {
        Slot *own = own_links(target, level);
        const size_t room = this->room(level);
        size_t used = 0;
        while (used < room && own[used] >= 0) used++;
        int32_t edge = heads[size_t(target)];
        for (; edge >= 0 && used < room; edge = edges[size_t(edge)].next) own[used++] = edges[size_t(edge)].source;
        if (edge < 0) return;

        distances.ask(target);
        candidates.clear();
        measure(distances, own, used, [&](Slot slot, float d) { candidates.push_back({d, uint32_t(slot)}); });
        for (; edge >= 0; edge = edges[size_t(edge)].next)
            candidates.push_back({edges[size_t(edge)].distance, uint32_t(edges[size_t(edge)].source)});
        std::sort(candidates.begin(), candidates.end(), nearer);
        prune(candidates, room, distances, kept);
        for (size_t i = 0; i < room; i++) own[i] = i < candidates.size() ? candidates[i].slot() : -1;
    }
};

} // namespace

const faiss::IndexFlat *flat_storage(const faiss::Index *index) {
    auto flat = dynamic_cast<const faiss::IndexFlat *>(index);
    return flat && !dynamic_cast<const faiss::IndexFlat1D *>(index) ? flat : nullptr;
}

void reserve_links(faiss::HNSW &graph, size_t count) {
    // Few slots rise above the lowest level.
    const size_t lowest = size_t(graph.cum_nneighbor_per_level[1]);
    graph.neighbors.reserve(roomy(count * (lowest + lowest / 16 + 1) * sizeof(Slot)) / sizeof(Slot));
}

void link_graph(
    faiss::IndexHNSW &index, const float *rows, Scratches &scratches, semblance_workers *workers,
    const std::function<bool()> &between
) {
    const float *fresh = rows + index.hnsw.levels.size() * size_t(index.d);
    if (auto flat = flat_storage(index.storage)) {
        Linker<FlatDistances, faiss::IndexFlat>(index.hnsw, *flat, fresh, scratches, workers).run(between);
    } else {
        Linker<StoredDistances, faiss::Index>(index.hnsw, *index.storage, fresh, scratches, workers).run(between);
    }
    index.ntotal = index.storage->ntotal;
}

size_t walk_graph(
    const faiss::IndexHNSW &index, const Ids &ids, const float *query, size_t count, size_t effort, Allowed allowed,
    size_t allowed_count, Scratch &scratch, semblance_hit *hits
) {
    auto among = [&](auto distances) {
        return search(
            index.hnsw, std::move(distances), ids, query, count, effort, allowed, allowed_count, scratch, hits
        );
    };
    if (auto flat = flat_storage(index.storage)) return among(FlatDistances(*flat));
    return among(StoredDistances(*index.storage));
}

void check_graph(const faiss::IndexHNSW &index) {
    const faiss::HNSW &graph = index.hnsw;
    auto demand = [](bool condition, const char *what) {
        if (!condition) throw Failure(SEMBLANCE_INDEX_DAMAGED, std::string("the graph is damaged: ") + what);
    };
    const size_t count = size_t(index.ntotal);
    const auto &cumulative = graph.cum_nneighbor_per_level;
    demand(index.storage && index.storage->ntotal == index.ntotal && index.storage->d == index.d, "its vectors");
    demand(graph.levels.size() == count && graph.offsets.size() == count + 1, "the number of slots");
    demand(cumulative.size() >= 2 && cumulative[0] == 0, "links per level");
    for (size_t level = 1; level < cumulative.size(); level++)
        demand(cumulative[level] >= cumulative[level - 1], "links per level");
    demand(graph.offsets[0] == 0 && graph.offsets[count] == graph.neighbors.size(), "the number of links");
    for (size_t slot = 0; slot < count; slot++) {
        int level = graph.levels[slot];
        demand(level >= 1 && size_t(level) < cumulative.size(), "a level");
        demand(graph.offsets[slot + 1] - graph.offsets[slot] == size_t(cumulative[size_t(level)]), "an offset");
    }
    demand(graph.offsets[count] == graph.neighbors.size(), "the number of links");
    if (count == 0) {
        demand(graph.entry_point < 0, "the entry point");
        return;
    }
    demand(graph.entry_point >= 0 && size_t(graph.entry_point) < count, "the entry point");
    demand(
        graph.max_level >= 0 && graph.levels[size_t(graph.entry_point)] == graph.max_level + 1, "the entry point's level"
    );
    // A link must lead to a slot that lies on the link's level, too.
    for (size_t slot = 0; slot < count; slot++)
        for (int level = 0; level < graph.levels[slot]; level++) {
            Links next = links(graph, Slot(slot), level);
            for (const Slot *link = next.begin; link < next.end && *link >= 0; link++)
                demand(size_t(*link) < count && graph.levels[size_t(*link)] > level, "a link");
        }
}

} // namespace semblance
