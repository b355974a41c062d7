// The best k of many scores: greater is better, equal scores by id.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "CSemblanceFAISS.h"

namespace semblance {

inline bool better(const semblance_hit &a, const semblance_hit &b) {
    return a.score > b.score || (a.score == b.score && a.id < b.id);
}

/// Collects candidates until there are twice as many as asked for, then drops the worse half: O(1) each on average.
/// What it ends with doesn't depend on the order of the offers.
class Best {
public:
    explicit Best(size_t count) : count(count), room(2 * count + 64) { hits.reserve(room); }

    /// Scores below it can't be among the best any more; equal ones can, by their id.
    float threshold = -std::numeric_limits<float>::infinity();

    void offer(float score, int64_t id) {
        if (!(score >= threshold) || (score == threshold && id > worst)) return; // NaN never is
        hits.push_back({id, score});
        if (hits.size() == room) cut();
    }

    /// Offers `count` scores, of which those with `allowed(i)` count and have the id `id(i)`; sixteen at a time are passed
    /// over where none is good enough.
    template <class IsAllowed, class IDOf>
    void offer_all(const float *scores, size_t count, IsAllowed allowed, IDOf id) {
        for (size_t start = 0; start < count; start += 16) {
            const size_t end = std::min(start + 16, count);
            if (end == start + 16) {
                const float least = threshold;
                int any = 0;
                for (size_t i = start; i < start + 16; i++) any |= scores[i] >= least;
                if (!any) continue;
            }
            for (size_t i = start; i < end; i++)
                if (scores[i] >= threshold && allowed(i)) offer(scores[i], id(i));
        }
    }

    void merge(const Best &other) {
        for (const semblance_hit &hit : other.hits) offer(hit.score, hit.id);
    }

    /// The best, in order.
    const std::vector<semblance_hit> &sorted() {
        if (hits.size() > count) cut();
        std::sort(hits.begin(), hits.end(), better);
        return hits;
    }

private:
    size_t count, room;
    /// The id of the last of the best so far: codes have few different scores.
    int64_t worst = std::numeric_limits<int64_t>::max();
    std::vector<semblance_hit> hits;

    void cut() {
        std::nth_element(hits.begin(), hits.begin() + ptrdiff_t(count) - 1, hits.end(), better);
        hits.resize(count);
        threshold = hits[count - 1].score;
        worst = hits[count - 1].id;
    }
};

} // namespace semblance
