// FAISS behind plain functions. No C++ exception leaves them: what can fail gives a status and copies a message.
//
// A vector lies in a slot 0..<count, in the order of adding; callers know it by a 64-bit id. Scores: greater is better.
#ifndef CSEMBLANCE_FAISS_H
#define CSEMBLANCE_FAISS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct semblance_workers;

/// What became of a call.
typedef enum {
    SEMBLANCE_INDEX_OK = 0,
    SEMBLANCE_INDEX_REFUSED,   // FAISS said no; the message is its own
    SEMBLANCE_INDEX_DUPLICATE, // an id is taken; the message is the id
    SEMBLANCE_INDEX_FILE,      // the system refused to read or write; the message is its own
    SEMBLANCE_INDEX_DAMAGED,   // a file is not what it should be
    SEMBLANCE_INDEX_MEMORY,    // no memory left
} semblance_index_status;

/// Room for a message: UTF-8, ended by a zero, cut where it is too long.
typedef struct {
    char text[512];
} semblance_index_message;

/// How scores are made.
typedef enum {
    SEMBLANCE_METRIC_INNER_PRODUCT = 0, // Σ x[i] y[i]
    SEMBLANCE_METRIC_L2 = 1,            // −Σ (x[i] − y[i])²
} semblance_metric;

/// What a search runs through.
typedef enum {
    SEMBLANCE_INDEX_EXACT = 0, // every vector, as it is
    SEMBLANCE_INDEX_HNSW,      // our walk over a graph
    SEMBLANCE_INDEX_IVF,       // probed lists
    SEMBLANCE_INDEX_OTHER,     // FAISS' own search, no effort to choose
} semblance_index_kind;

/// An index of vectors with their ids. Searches may run at once; changes wait for them and they for changes.
typedef struct semblance_index semblance_index;

typedef struct {
    int64_t count;
    int64_t dimension;
    semblance_metric metric;
    semblance_index_kind kind;
    bool is_trained;
    size_t usual_effort; // 1 where there is none to choose
} semblance_index_info;

/// One result: `id` and its score.
typedef struct {
    int64_t id;
    float score;
} semblance_hit;

/// An empty index by FAISS' factory string. `build_effort` is the candidates kept while a graph is built, `effort` those
/// kept in a search, or the lists probed, where the caller has no wish; 0 means the usual.
semblance_index_status semblance_index_create(
    int64_t dimension, const char *_Nonnull factory, semblance_metric metric, int build_effort, int effort,
    semblance_index *_Nullable *_Nonnull index, semblance_index_message *_Nonnull message
);

void semblance_index_destroy(semblance_index *_Nonnull index);

semblance_index_info semblance_index_describe(semblance_index *_Nonnull index);

/// Learns centroids and codes from `count` rows. `threads` is for FAISS' own OpenMP loops; as many as `workers` has.
semblance_index_status semblance_index_train(
    semblance_index *_Nonnull index, const float *_Nonnull rows, size_t count,
    struct semblance_workers *_Nonnull workers, int threads, semblance_index_message *_Nonnull message
);

/// Adds `count` rows under `ids`, all or none.
semblance_index_status semblance_index_add(
    semblance_index *_Nonnull index, const float *_Nonnull rows, const int64_t *_Nonnull ids, size_t count,
    struct semblance_workers *_Nonnull workers, int threads, semblance_index_message *_Nonnull message
);

/// Copies all vectors as stored, [count, dimension], and the ids; both have room for `count`, which must be right.
semblance_index_status semblance_index_export(
    semblance_index *_Nonnull index, size_t count, float *_Nonnull rows, int64_t *_Nonnull ids,
    semblance_index_message *_Nonnull message
);

/// The best `count` vectors for each of `queries` rows, best first, equal scores by id.
/// `found` is min(count, allowed vectors), the same for every query; `hits`, with room for queries × count, is filled as
/// [queries, found]. A NaN score (only vectors from a foreign file can hold a NaN) stands for a missing hit.
/// `effort`: candidates kept (HNSW) or lists probed (IVF). `allowed`: a bit per slot, or NULL for all;
/// a slot beyond `allowed_bytes` is not allowed.
semblance_index_status semblance_index_search(
    semblance_index *_Nonnull index, const float *_Nonnull queries, size_t query_count, size_t count, size_t effort,
    const uint8_t *_Nullable allowed, size_t allowed_bytes, struct semblance_workers *_Nonnull workers,
    semblance_hit *_Nonnull hits, size_t *_Nonnull found, semblance_index_message *_Nonnull message
);

/// Whether `id` is there, and its vector as stored (compressed kinds give it back roughly).
bool semblance_index_contains(semblance_index *_Nonnull index, int64_t id);
semblance_index_status semblance_index_vector(
    semblance_index *_Nonnull index, int64_t id, float *_Nonnull out, bool *_Nonnull found,
    semblance_index_message *_Nonnull message
);

/// What was written: sizes and hashes (XXH64) of the two files, and the number of vectors in them.
typedef struct {
    int64_t count;
    int64_t dimension;
    uint64_t vectors_bytes, vectors_hash;
    uint64_t ids_bytes, ids_hash;
} semblance_index_files;

/// Writes FAISS' file of the vectors and the ids (64-bit, little-endian, by slot), both synced to the disk.
semblance_index_status semblance_index_write(
    semblance_index *_Nonnull index, const char *_Nonnull vectors_path, const char *_Nonnull ids_path,
    semblance_index_files *_Nonnull files, semblance_index_message *_Nonnull message
);

/// Reads what `semblance_index_write` wrote, after checking sizes and hashes.
semblance_index_status semblance_index_read(
    const char *_Nonnull vectors_path, const char *_Nonnull ids_path, const semblance_index_files *_Nonnull files,
    semblance_index *_Nullable *_Nonnull index, semblance_index_message *_Nonnull message
);

/// Reads a plain FAISS file; ids are the file's own where it has some, else the slots. Such a file carries no hash: one
/// from a stranger can exhaust memory.
semblance_index_status semblance_index_import(
    const char *_Nonnull path, semblance_index *_Nullable *_Nonnull index, semblance_index_message *_Nonnull message
);

/// The best `count` of `rows` for each query, exactly; `ids` NULL means row numbers. As `semblance_index_search`.
semblance_index_status semblance_exact_search(
    const float *_Nonnull queries, size_t query_count, const float *_Nonnull rows, size_t row_count, size_t dimension,
    semblance_metric metric, size_t count, struct semblance_workers *_Nonnull workers, semblance_hit *_Nonnull hits,
    size_t *_Nonnull found, semblance_index_message *_Nonnull message
);

/// Takes hits apart.
void semblance_split_hits(
    const semblance_hit *_Nonnull hits, size_t count, int32_t *_Nonnull rows, float *_Nonnull scores
);

#ifdef __cplusplus
}
#endif
#endif
