// The files of an index: FAISS' own and the ids, each with its hash.

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

    File(const char *path, int flags) : descriptor(open(path, flags | O_CLOEXEC, 0666)), path(path) {
        if (descriptor < 0) fail(path, flags & O_CREAT ? "cannot create" : "cannot open");
    }
    ~File() {
        if (descriptor >= 0) close(descriptor);
    }
};

/// Writes and hashes; every byte is accounted for, as FAISS' own writer does not.
class Writer : public faiss::IOWriter {
public:
    Hash hash;
    uint64_t bytes = 0;

    explicit Writer(const char *path) : file(path, O_WRONLY | O_CREAT | O_TRUNC) {}

    size_t operator()(const void *pointer, size_t size, size_t count) override {
        const char *p = static_cast<const char *>(pointer);
        for (size_t left = size * count; left > 0;) {
            // In parts, so that what is hashed is still in the cache.
            ssize_t written = ::write(file.descriptor, p, std::min<size_t>(left, 1 << 20));
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) fail(file.path, "cannot write");
            hash.add(p, size_t(written));
            bytes += uint64_t(written);
            p += written;
            left -= size_t(written);
        }
        return count;
    }

    void finish() {
        if (fsync(file.descriptor) != 0) fail(file.path, "cannot write");
        int descriptor = file.descriptor;
        file.descriptor = -1;
        if (close(descriptor) != 0) fail(file.path, "cannot write");
    }

private:
    File file;
};

/// Reads what is there and no more.
class Reader : public faiss::IOReader {
public:
    explicit Reader(const char *path) : file(path, O_RDONLY) {
        struct stat about;
        if (fstat(file.descriptor, &about) != 0) fail(path, "cannot open");
        if (!S_ISREG(about.st_mode)) throw Failure(SEMBLANCE_INDEX_FILE, std::string(path) + " is not a file");
        size = left = uint64_t(about.st_size);
        name = path;
    }

    uint64_t size, left;

    /// The hash of the whole file; reading starts again at its beginning.
    uint64_t hash() {
        Hash hash;
        std::vector<char> part(1 << 18);
        while (size_t got = (*this)(part.data(), 1, part.size())) hash.add(part.data(), got);
        if (lseek(file.descriptor, 0, SEEK_SET) != 0) fail(file.path, "cannot read");
        left = size;
        return hash.value();
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
};

void check(Reader &reader, uint64_t bytes, uint64_t hash) {
    if (reader.size != bytes)
        damaged(reader.name + " has " + std::to_string(reader.size) + " bytes, not " + std::to_string(bytes));
    if (reader.hash() != hash) damaged(reader.name + " doesn't have the contents that were written");
}

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
std::unique_ptr<semblance_index> load(Reader &reader, std::vector<int64_t> *ids) {
    std::unique_ptr<faiss::Index> read;
    try {
        read.reset(faiss::read_index(&reader));
    } catch (const faiss::FaissException &refusal) {
        damaged(reader.name + " is no index that FAISS can read: " + refusal.msg);
    }
    if (read->metric_type != faiss::METRIC_L2 && read->metric_type != faiss::METRIC_INNER_PRODUCT)
        damaged(reader.name + " has a metric other than inner product and L2");
    if (read->ntotal < 0 || read->ntotal > INT32_MAX || read->d < 1) damaged(reader.name + " has impossible sizes");
    std::vector<int64_t> map;
    if (auto mapped = dynamic_cast<faiss::IndexIDMap *>(read.get())) {
        if (!ids) damaged(reader.name + " keeps ids of its own");
        if (!mapped->index || mapped->id_map.size() != size_t(mapped->ntotal) || mapped->index->ntotal != mapped->ntotal)
            damaged(reader.name + " has not one id for each vector");
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
    settle_memory(*index);
    return index;
}

/// Gives the vectors their ids; none may come twice.
void name(semblance_index &index, const std::vector<int64_t> &ids, const std::string &file) {
    try {
        index.ids.append(ids.data(), ids.size());
    } catch (const Failure &duplicate) {
        if (duplicate.status != SEMBLANCE_INDEX_DUPLICATE) throw;
        damaged(file + " has the id " + duplicate.what() + " twice");
    }
}

constexpr bool little_endian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
static_assert(little_endian, "ids and FAISS' files are little-endian");

} // namespace

} // namespace semblance

using namespace semblance;

semblance_index_status semblance_index_write(
    semblance_index *index, const char *vectors_path, const char *ids_path, semblance_index_files *files,
    semblance_index_message *message
) {
    return guarded(message, [&] {
        Reading together(index);
        Writer vectors(vectors_path);
        faiss::write_index(index->faiss.get(), &vectors);
        vectors.finish();
        Writer ids(ids_path);
        ids(index->ids.all().data(), sizeof(int64_t), index->count());
        ids.finish();
        *files = {
            int64_t(index->count()), index->faiss->d,  vectors.bytes, vectors.hash.value(),
            ids.bytes,               ids.hash.value(),
        };
    });
}

semblance_index_status semblance_index_read(
    const char *vectors_path, const char *ids_path, const semblance_index_files *files, semblance_index **index,
    semblance_index_message *message
) {
    *index = nullptr;
    return guarded(message, [&] {
        Reader vectors(vectors_path);
        check(vectors, files->vectors_bytes, files->vectors_hash);
        Reader ids(ids_path);
        check(ids, files->ids_bytes, files->ids_hash);
        auto fresh = load(vectors, nullptr);
        const int64_t count = fresh->faiss->ntotal;
        if (count != files->count || fresh->faiss->d != files->dimension)
            damaged(vectors.name + " has other vectors than the manifest says");
        if (ids.size != uint64_t(count) * sizeof(int64_t)) damaged(ids.name + " has not one id for each vector");
        std::vector<int64_t> all(static_cast<size_t>(count));
        ids(all.data(), sizeof(int64_t), all.size());
        name(*fresh, all, ids.name);
        *index = fresh.release();
    });
}

semblance_index_status
semblance_index_import(const char *path, semblance_index **index, semblance_index_message *message) {
    *index = nullptr;
    return guarded(message, [&] {
        Reader reader(path);
        std::vector<int64_t> ids;
        auto fresh = load(reader, &ids);
        if (ids.empty()) {
            ids.resize(size_t(fresh->faiss->ntotal));
            std::iota(ids.begin(), ids.end(), int64_t(0));
        }
        name(*fresh, ids, reader.name);
        *index = fresh.release();
    });
}
