// Scans of FAISS' codes by our kernels: scalars of 8 and 4 bits, and signs.

#include <typeinfo>

#include <faiss/IndexLSH.h>
#include <faiss/IndexScalarQuantizer.h>

#include "best.hpp"
#include "index.hpp"

namespace semblance {

namespace {

/// Offers every allowed slot; `score(first, count, out)` gives scores, greater is better.
template <class Score>
void scan(const semblance_index &index, const Allowed &allowed, Best &best, Score score) {
    constexpr size_t block = 256;
    float scores[block];
    for (size_t first = 0; first < index.count(); first += block) {
        const size_t count = std::min(block, index.count() - first);
        score(first, count, scores);
        best.offer_all(
            scores, count, [&](size_t i) { return allowed(first + i); }, [&](size_t i) { return index.ids[first + i]; }
        );
    }
}

/// A component stands for low + step · (code + ½), so a query's part in the sums is worked out once.
void scan_scalars(
    const faiss::IndexScalarQuantizer &scalars, const semblance_index &index, const float *query,
    const Allowed &allowed, Best &best
) {
    const size_t d = size_t(scalars.d);
    const bool bytes = scalars.sq.qtype == faiss::ScalarQuantizer::QT_8bit;
    const float *low = scalars.sq.trained.data(), *range = low + d;
    const size_t step = bytes ? SEMBLANCE_BYTES_STEP : SEMBLANCE_NIBBLES_STEP, padded = (d + step - 1) / step * step;
    std::vector<float> weights(padded, 0), offsets(padded, 0);
    float bias = 0;
    for (size_t i = 0; i < d; i++) {
        const size_t place = bytes ? i : i / 32 * 32 + i % 2 * 16 + i % 32 / 2;
        const float size = range[i] / (bytes ? 255.0f : 15.0f), middle = low[i] + size / 2;
        weights[place] = index.l2() ? size : query[i] * size;
        offsets[place] = query[i] - middle;
        bias += query[i] * middle;
    }
    scan(index, allowed, best, [&](size_t first, size_t count, float *scores) {
        (bytes ? semblance_scan_bytes : semblance_scan_nibbles)(
            weights.data(), index.l2() ? offsets.data() : nullptr, scalars.codes.data() + first * scalars.code_size, d,
            count, scores
        );
        for (size_t i = 0; i < count; i++) scores[i] = index.l2() ? -scores[i] : bias + scores[i];
    });
}

void scan_signs(
    const faiss::IndexLSH &signs, const semblance_index &index, const float *query, const Allowed &allowed, Best &best
) {
    std::vector<uint8_t> code(signs.code_size);
    signs.sa_encode(1, query, code.data());
    scan(index, allowed, best, [&](size_t first, size_t count, float *scores) {
        semblance_scan_bits(
            code.data(), signs.codes.data() + first * signs.code_size, signs.code_size, count, scores
        );
        for (size_t i = 0; i < count; i++) scores[i] = -scores[i];
    });
}

} // namespace

bool scan_codes(
    const semblance_index &index, const float *query, size_t count, const Allowed &allowed, semblance_hit *hits,
    size_t &found
) {
    const faiss::Index &codes = *index.faiss;
    auto flat = dynamic_cast<const faiss::IndexFlatCodes *>(&codes);
    if (!flat || flat->codes.size() < index.count() * flat->code_size) return false;
    Best best(count);
    if (typeid(codes) == typeid(faiss::IndexLSH)) {
        scan_signs(static_cast<const faiss::IndexLSH &>(codes), index, query, allowed, best);
    } else if (typeid(codes) == typeid(faiss::IndexScalarQuantizer)) {
        const auto &scalars = static_cast<const faiss::IndexScalarQuantizer &>(codes);
        const auto type = scalars.sq.qtype;
        if (type != faiss::ScalarQuantizer::QT_8bit && type != faiss::ScalarQuantizer::QT_4bit) return false;
        if (scalars.sq.trained.size() != 2 * size_t(codes.d)) return false;
        scan_scalars(scalars, index, query, allowed, best);
    } else {
        return false;
    }
    const auto &sorted = best.sorted();
    std::copy(sorted.begin(), sorted.end(), hits);
    found = sorted.size();
    return true;
}

} // namespace semblance
