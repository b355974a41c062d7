// FAISS' files, written and read.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <numeric>

#include <faiss/IndexIDMap.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>

#include "index.hpp"

namespace semblance {

/// The hash of bytes fed in parts.
class Hash {
public:
    Hash() { semblance_xxh64_begin(&state); }
    void add(const void *bytes, size_t count) { semblance_xxh64_add(&state, bytes, count); }
    uint64_t value() const { return semblance_xxh64_value(&state); }

private:
    semblance_xxh64_state state;
};

namespace {

[[noreturn]] void fail(const std::string &path, const char *what) {
    throw Failure(SEMBLANCE_INDEX_FILE, std::string(what) + " " + path + ": " + strerror(errno));
}

[[noreturn]] void damaged(const std::string &what) { throw Failure(SEMBLANCE_INDEX_DAMAGED, what); }

/// An open file that is closed in any case.
struct File {
    int descriptor;
    std::string path;

    explicit File(const char *path) : descriptor(open(path, O_RDONLY | O_CLOEXEC)), path(path) {
        if (descriptor < 0) fail(path, "cannot open");
    }
    ~File() { close(descriptor); }
};

/// Hands bytes over; every one is accounted for, as FAISS' own writer does not.
class Writer : public faiss::IOWriter {
public:
    Writer(semblance_sink sink, void *context) : sink(sink), context(context) {}

    size_t operator()(const void *pointer, size_t size, size_t count) override {
        if (size * count > 0 && !sink(context, pointer, size * count))
            throw Failure(SEMBLANCE_INDEX_FILE, "the file could not be written");
        return count;
    }

private:
    semblance_sink sink;
    void *context;
};

/// Reads memory, and no more of it than there is.
class Memory : public faiss::IOReader {
public:
    Memory(const void *bytes, size_t count) : next(static_cast<const char *>(bytes)), left(count) {}

    size_t operator()(void *pointer, size_t item, size_t count) override {
        if (item == 0) return 0;
        count = std::min(count, left / item);
        if (count == 0) return 0;
        memcpy(pointer, next, item * count);
        next += item * count;
        left -= item * count;
        return count;
    }

private:
    const char *next;
    size_t left;
};

/// Reads what is there and no more.
class Reader : public faiss::IOReader {
public:
    explicit Reader(const char *path) : file(path) {
        struct stat about;
        if (fstat(file.descriptor, &about) != 0) fail(path, "cannot open");
        if (!S_ISREG(about.st_mode)) throw Failure(SEMBLANCE_INDEX_FILE, std::string(path) + " is not a file");
        left = uint64_t(about.st_size);
    }

    size_t operator()(void *pointer, size_t item, size_t count) override {
        if (item == 0) return 0;
        count = size_t(std::min<uint64_t>(count, left / item));
        char *p = static_cast<char *>(pointer);
        for (size_t wanted = item * count; wanted > 0;) {
            ssize_t got = ::read(file.descriptor, p, wanted);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) fail(file.path, "cannot read");
            if (got == 0) damaged(file.path + " became shorter while it was read");
            p += got;
            left -= uint64_t(got);
            wanted -= size_t(got);
        }
        return count;
    }

private:
    File file;
    uint64_t left;
};

/// Checks that the lists hold each slot once. Lists of strangers may hold ids instead: then, where `foreign` is given,
/// vectors get their slots in the order of the lists and `foreign` the ids.
void check_lists(faiss::IndexIVF &ivf, std::vector<int64_t> *foreign) {
    faiss::InvertedLists *lists = ivf.invlists;
    if (!lists || lists->nlist != ivf.nlist || !ivf.quantizer || ivf.quantizer->ntotal != int64_t(ivf.nlist)
        || ivf.quantizer->d != ivf.d)
        damaged("the lists are not as many as the index says");
    auto array = dynamic_cast<faiss::ArrayInvertedLists *>(lists);
    std::vector<int64_t> ids;
    for (size_t list = 0; list < lists->nlist; list++) {
        size_t size = lists->list_size(list);
        if (array && array->codes[list].size() != size * ivf.code_size) damaged("a list has not one code for each id");
        faiss::InvertedLists::ScopedIds own(lists, list);
        ids.insert(ids.end(), own.get(), own.get() + size);
    }
    if (ids.size() != size_t(ivf.ntotal)) damaged("the lists hold another number of vectors than the index says");
    std::vector<bool> seen(ids.size());
    bool slots = true;
    for (int64_t id : ids) {
        slots = slots && id >= 0 && size_t(id) < seen.size() && !seen[size_t(id)];
        if (!slots) break;
        seen[size_t(id)] = true;
    }
    if (slots) return;
    if (!foreign || !array) damaged("the lists don't hold each vector once");
    int64_t slot = 0;
    for (auto &list : array->ids)
        for (auto &id : list) id = slot++;
    ivf.direct_map.clear();
    ivf.direct_map.type = faiss::DirectMap::NoMap;
    *foreign = std::move(ids);
}

/// Reads an index. `ids` is given where a stranger's file may bring its own; else slots are what counts.
std::unique_ptr<semblance_index> load(faiss::IOReader &reader, const std::string &name, std::vector<int64_t> *ids) {
    std::unique_ptr<faiss::Index> read;
    try {
        read.reset(faiss::read_index(&reader));
    } catch (const faiss::FaissException &refusal) {
        damaged(name + " is no index that FAISS can read: " + refusal.msg);
    }
    if (read->metric_type != faiss::METRIC_L2 && read->metric_type != faiss::METRIC_INNER_PRODUCT)
        damaged(name + " has a metric other than inner product and L2");
    if (read->ntotal < 0 || read->ntotal > INT32_MAX || read->d < 1) damaged(name + " has impossible sizes");
    std::vector<int64_t> map;
    if (auto mapped = dynamic_cast<faiss::IndexIDMap *>(read.get())) {
        if (!ids) damaged(name + " keeps ids of its own");
        if (!mapped->index || mapped->id_map.size() != size_t(mapped->ntotal) || mapped->index->ntotal != mapped->ntotal)
            damaged(name + " has not one id for each vector");
        map.assign(mapped->id_map.begin(), mapped->id_map.end());
        std::unique_ptr<faiss::Index> inner(mapped->index);
        mapped->own_fields = false;
        read = std::move(inner);
    }
    auto index = std::make_unique<semblance_index>(std::move(read));
    auto sized = [](const faiss::IndexFlat &flat) {
        if (flat.codes.size() != size_t(flat.ntotal) * size_t(flat.d) * sizeof(float))
            damaged("the vectors are not as many as the index says");
    };
    if (index->flat) sized(*index->flat);
    if (index->hnsw) {
        check_graph(*index->hnsw);
        if (auto flat = flat_storage(index->hnsw->storage)) sized(*flat);
    }
    if (index->centroids) sized(*index->centroids);
    if (index->ivf) check_lists(*index->ivf, ids && map.empty() ? ids : nullptr);
    if (!map.empty()) *ids = std::move(map);
    return index;
}

void demand_ids(const semblance_index &index, size_t count, const std::string &file) {
    if (count != size_t(index.faiss->ntotal)) damaged(file + " has not one id for each vector");
}

constexpr bool little_endian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
static_assert(little_endian, "ids and FAISS' files are little-endian");

} // namespace

} // namespace semblance

using namespace semblance;

semblance_index_status semblance_index_write(
    semblance_index *index, bool ids, semblance_sink sink, void *context, semblance_index_message *message
) {
    return guarded(message, [&] {
        Writer writer(sink, context);
        if (!ids) return faiss::write_index(index->faiss.get(), &writer);
        faiss::IndexIDMap named; // the constructor that takes an index wants an empty one
        named.index = index->faiss.get();
        named.d = index->faiss->d;
        named.ntotal = index->faiss->ntotal;
        named.metric_type = index->faiss->metric_type;
        named.is_trained = index->faiss->is_trained;
        named.id_map.assign(index->ids.all().begin(), index->ids.all().end());
        faiss::write_index(&named, &writer);
    });
}

semblance_index_status semblance_index_read(
    const void *bytes, size_t count, const int64_t *ids, size_t id_count, const char *name, semblance_index **index,
    semblance_index_message *message
) {
    *index = nullptr;
    return guarded(message, [&] {
        Memory memory(bytes, count);
        auto fresh = load(memory, name, nullptr);
        demand_ids(*fresh, id_count, name);
        fresh->ids.append_again(ids, id_count);
        settle(*fresh);
        *index = fresh.release();
    });
}

semblance_index_status
semblance_index_import(const char *path, semblance_index **index, semblance_index_message *message) {
    *index = nullptr;
    return guarded(message, [&] {
        Reader reader(path);
        std::vector<int64_t> ids;
        auto fresh = load(reader, path, &ids);
        if (ids.empty()) {
            ids.resize(size_t(fresh->faiss->ntotal));
            std::iota(ids.begin(), ids.end(), int64_t(0));
        }
        demand_ids(*fresh, ids.size(), path);
        try {
            fresh->ids.append(ids.data(), ids.size());
        } catch (const Failure &duplicate) {
            if (duplicate.status != SEMBLANCE_INDEX_DUPLICATE) throw;
            damaged(std::string(path) + " has the id " + duplicate.what() + " twice");
        }
        settle(*fresh);
        *index = fresh.release();
    });
}
