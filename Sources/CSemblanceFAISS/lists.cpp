// Scans of FAISS' lists of float vectors by our kernels.

#include <typeinfo>

#include <faiss/IndexIVFFlat.h>

#include "best.hpp"
#include "index.hpp"

namespace semblance {

bool scan_lists(
    const semblance_index &index, const float *query, size_t count, size_t probes, const Allowed &allowed,
    semblance_hit *hits, size_t &found
) {
    const faiss::Index &made = *index.faiss;
    if (typeid(made) != typeid(faiss::IndexIVFFlat) || !index.centroids) return false;
    const auto &lists = static_cast<const faiss::IndexIVFFlat &>(made);
    const auto &kernels = *semblance_distances_at(semblance_cpu());
    const size_t d = size_t(lists.d);
    probes = std::clamp<size_t>(probes, 1, lists.nlist);
    std::vector<float> distances(probes);
    std::vector<faiss::Index::idx_t> nearest(probes);
    lists.quantizer->search(1, query, faiss::Index::idx_t(probes), distances.data(), nearest.data());

    constexpr size_t block = 256;
    float scores[block];
    Best best(count);
    for (const auto list : nearest) {
        if (list < 0) continue;
        const size_t size = lists.invlists->list_size(size_t(list));
        const faiss::InvertedLists::ScopedIds slots(lists.invlists, size_t(list));
        faiss::InvertedLists::ScopedCodes codes(lists.invlists, size_t(list));
        const auto *rows = reinterpret_cast<const float *>(codes.get());
        for (size_t first = 0; first < size; first += block) {
            const size_t part = std::min(block, size - first);
            (index.l2() ? kernels.squared_l2_ny : kernels.inner_product_ny)(query, rows + first * d, d, part, scores);
            if (index.l2())
                for (size_t i = 0; i < part; i++) scores[i] = -scores[i];
            const auto slot = [&](size_t i) { return size_t(slots[first + i]); };
            best.offer_all(
                scores, part, [&](size_t i) { return slot(i) < index.count() && allowed(slot(i)); },
                [&](size_t i) { return index.ids[slot(i)]; }
            );
        }
    }
    const auto &sorted = best.sorted();
    std::copy(sorted.begin(), sorted.end(), hits);
    found = sorted.size();
    return true;
}

} // namespace semblance
