// Rows of an index by slot: which ones, where they lie, copies of them, and the best among few.

#include <memory>
#include <new>
#include <unordered_set>

#include <faiss/IndexIVFFlat.h>

#include "best.hpp"
#include "index.hpp"

using namespace semblance;

namespace {

/// Finds a row by its slot.
class RowFinder {
public:
    RowFinder(semblance_rows rows, size_t dimension)
        : base(rows.base), listed(rows.base || !rows.index ? nullptr : rows.index->listed.data()),
          dimension(dimension) {}

    const float *operator()(int32_t slot) const {
        return base ? base + size_t(slot) * dimension : listed[size_t(slot)];
    }

private:
    const float *base;
    const float *const *listed;
    size_t dimension;
};

} // namespace

semblance_rows semblance_index_rows(const semblance_index *index) {
    if (const float *base = index->base()) return {base, nullptr};
    return {nullptr, index->listed.empty() ? nullptr : index};
}

const int64_t *semblance_index_ids(const semblance_index *index) { return index->ids.all().data(); }

void semblance_index_slots(const semblance_index *index, const int64_t *ids, size_t count, int32_t *slots) {
    for (size_t i = 0; i < count; i++) slots[i] = int32_t(index->ids.slot(ids[i]));
}

size_t semblance_origins_collect(
    const int64_t *ids, size_t count, const uint8_t *live, int32_t part, semblance_origin *origins
) {
    size_t found = 0;
    for (size_t slot = 0; slot < count; slot++)
        if (!live || (live[slot / 8] >> (slot % 8) & 1)) origins[found++] = {ids[slot], part, int32_t(slot)};
    return found;
}

void semblance_origins_sort(semblance_origin *origins, size_t count) {
    auto lower = [](const semblance_origin &a, const semblance_origin &b) { return a.id < b.id; };
    if (!std::is_sorted(origins, origins + count, lower)) std::sort(origins, origins + count, lower);
}

void semblance_origins_gather(
    const semblance_origin *origins, size_t count, const semblance_rows *parts, size_t dimension, float *rows,
    int64_t *ids
) {
    for (size_t i = 0; i < count; i++) {
        const semblance_origin &origin = origins[i];
        memcpy(
            rows + i * dimension, RowFinder(parts[origin.part], dimension)(origin.slot), dimension * sizeof(float)
        );
        ids[i] = origin.id;
    }
}

semblance_index_status semblance_rows_among(
    semblance_rows rows, const int64_t *ids, size_t dimension, semblance_metric metric, const float *query,
    const int32_t *slots, size_t slot_count, size_t count, semblance_hit *hits, size_t *found,
    semblance_index_message *message
) {
    return guarded(message, [&] {
        const semblance_distances &kernels = *semblance_distances_at(semblance_cpu());
        const RowFinder row(rows, dimension);
        const bool l2 = metric == SEMBLANCE_METRIC_L2;
        Best best(count);
        size_t i = 0;
        for (; i + 4 <= slot_count; i += 4) {
            const float *const four[4] = {row(slots[i]), row(slots[i + 1]), row(slots[i + 2]), row(slots[i + 3])};
            for (size_t ahead = i + 8; ahead < std::min(i + 12, slot_count); ahead++) {
                const char *next = reinterpret_cast<const char *>(row(slots[ahead]));
                for (size_t line = 0; line < std::min<size_t>(dimension * sizeof(float), 512); line += 64)
                    __builtin_prefetch(next + line);
            }
            float scores[4];
            if (l2) kernels.squared_l2_4(query, four, dimension, scores);
            else kernels.inner_product_4(query, four, dimension, scores);
            for (size_t j = 0; j < 4; j++) best.offer(l2 ? -scores[j] : scores[j], ids[slots[i + j]]);
        }
        for (; i < slot_count; i++) {
            const float *own = row(slots[i]);
            best.offer(
                l2 ? -kernels.squared_l2(query, own, dimension) : kernels.inner_product(query, own, dimension),
                ids[slots[i]]
            );
        }
        const auto &sorted = best.sorted();
        std::copy(sorted.begin(), sorted.end(), hits);
        *found = sorted.size();
    });
}

size_t semblance_bits_slots(const uint8_t *bits, size_t count, int32_t *slots) {
    size_t found = 0;
    for (size_t first = 0; first < count; first += 64) {
        uint64_t word = 0;
        memcpy(&word, bits + first / 8, std::min<size_t>(8, (count - first + 7) / 8));
        if (count - first < 64) word &= (uint64_t(1) << (count - first)) - 1;
        for (; word; word &= word - 1) slots[found++] = int32_t(first) + __builtin_ctzll(word);
    }
    return found;
}

size_t semblance_bits_count(const uint8_t *bits, size_t count) {
    size_t found = 0, byte = 0;
    for (; byte + 8 <= count / 8; byte += 8) {
        uint64_t word;
        memcpy(&word, bits + byte, sizeof word);
        found += size_t(__builtin_popcountll(word));
    }
    for (; byte < count / 8; byte++) found += size_t(__builtin_popcount(bits[byte]));
    if (count % 8) found += size_t(__builtin_popcount(bits[byte] & ((1u << (count % 8)) - 1)));
    return found;
}

void semblance_bits_and(uint8_t *bits, const uint8_t *other, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) bits[i] &= other[i];
}

/// Marks through a bitmap of the numbers between the lowest and the highest key; false where that would be large.
static bool mark_by_number(
    const int64_t *ids, size_t count, bool ordered, const int64_t *wanted, const int64_t *end, int shift, uint8_t *bits
) {
    const auto ends = ordered ? std::make_pair(ids, ids + count - 1) : std::minmax_element(ids, ids + count);
    const int64_t lowest = *ends.first >> shift, highest = *ends.second >> shift;
    const uint64_t range = uint64_t(highest) - uint64_t(lowest);
    if (range / 64 > count) return false;
    std::unique_ptr<uint8_t[]> numbers(new (std::nothrow) uint8_t[range / 8 + 1]());
    if (!numbers) return false;
    const int64_t *number = std::lower_bound(wanted, end, lowest);
    for (; number < end && *number <= highest; number++) {
        const size_t place = size_t(*number - lowest);
        numbers[place / 8] |= uint8_t(1u << (place % 8));
    }
    for (size_t slot = 0; slot < count; slot++) {
        const size_t place = size_t((ids[slot] >> shift) - lowest);
        bits[slot / 8] |= uint8_t((numbers[place / 8] >> (place % 8) & 1u) << (slot % 8));
    }
    return true;
}

void semblance_bits_mark(
    const int64_t *ids, size_t count, bool ordered, const int64_t *wanted, size_t wanted_count, int shift, uint8_t *bits
) {
    if (count == 0 || wanted_count == 0) return;
    const int64_t *const end = wanted + wanted_count;
    auto mark = [&](size_t slot) { bits[slot / 8] |= uint8_t(1u << (slot % 8)); };
    if (ordered && wanted_count * 64 < count) {
        auto lower = [shift](int64_t id, int64_t number) { return (id >> shift) < number; };
        const int64_t *next = ids;
        for (const int64_t *number = wanted; number < end; number++) {
            next = std::lower_bound(next, ids + count, *number, lower);
            for (; next < ids + count && (*next >> shift) == *number; next++) mark(size_t(next - ids));
        }
    } else if (!mark_by_number(ids, count, ordered, wanted, end, shift, bits)) {
        for (size_t slot = 0; slot < count; slot++)
            if (std::binary_search(wanted, end, ids[slot] >> shift)) mark(slot);
    }
}

size_t semblance_ids_sort(int64_t *ids, size_t count) {
    std::sort(ids, ids + count);
    return size_t(std::unique(ids, ids + count) - ids);
}

semblance_index_status
semblance_ids_first_repeated(const int64_t *ids, size_t count, size_t *place, semblance_index_message *message) {
    *place = count;
    return guarded(message, [&] {
        if (std::adjacent_find(ids, ids + count, [](int64_t a, int64_t b) { return a >= b; }) == ids + count) return;
        std::unordered_set<int64_t> seen;
        seen.reserve(count);
        for (size_t i = 0; i < count; i++)
            if (!seen.insert(ids[i]).second) {
                *place = i;
                return;
            }
    });
}

int64_t semblance_ids_last(const int64_t *ids, size_t count, int64_t id) {
    for (size_t i = count; i > 0; i--)
        if (ids[i - 1] == id) return int64_t(i) - 1;
    return -1;
}
