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
    SEMBLANCE_INDEX_STOPPED,   // by the caller
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
    size_t lists;        // 0 where there are none to probe
    size_t code_bytes;   // of a stored vector; 0 where it isn't known
    bool ordered;        // ids ascend by slot
    bool repeats;        // an id is in several slots, of which the last one counts
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

/// A copy of a graph of float vectors, with room for `count`. What is added to it may have ids that are there: the later
/// slot then counts.
semblance_index_status semblance_index_copy(
    const semblance_index *_Nonnull index, size_t count, int build_effort,
    semblance_index *_Nullable *_Nonnull copy, semblance_index_message *_Nonnull message
);

void semblance_index_destroy(semblance_index *_Nonnull index);

semblance_index_info semblance_index_describe(semblance_index *_Nonnull index);

/// Learns centroids and codes from `count` rows. `threads` is for FAISS' own OpenMP loops; as many as `workers` has.
semblance_index_status semblance_index_train(
    semblance_index *_Nonnull index, const float *_Nonnull rows, size_t count,
    struct semblance_workers *_Nonnull workers, int threads, semblance_index_message *_Nonnull message
);

/// Makes room for `count` vectors, so that adding them one part after the other never moves what is there.
semblance_index_status semblance_index_reserve(
    semblance_index *_Nonnull index, size_t count, semblance_index_message *_Nonnull message
);

/// Adds `count` rows under `ids`, all or none. What is added is found once `semblance_index_finish` was called.
semblance_index_status semblance_index_add(
    semblance_index *_Nonnull index, const float *_Nonnull rows, const int64_t *_Nonnull ids, size_t count,
    struct semblance_workers *_Nonnull workers, int threads, semblance_index_message *_Nonnull message
);

/// Links a graph and settles the memory. `full` are all vectors as they came, by slot: needed where the index compresses
/// them, else NULL. `between` is called after every thousand vectors or fewer that were linked; where it says false, that is
/// the end of it, and of the index.
semblance_index_status semblance_index_finish(
    semblance_index *_Nonnull index, const float *_Nullable full, struct semblance_workers *_Nonnull workers,
    bool (*_Nonnull between)(void *_Nullable context), void *_Nullable context,
    semblance_index_message *_Nonnull message
);

/// The ids by slot.
const int64_t *_Nonnull semblance_index_ids(const semblance_index *_Nonnull index);

/// The last slot of each id, -1 where it isn't there.
void semblance_index_slots(
    const semblance_index *_Nonnull index, const int64_t *_Nonnull ids, size_t count, int32_t *_Nonnull slots
);

/// Float rows by slot: one after the other from `base`, or in the lists of `index`.
typedef struct {
    const float *_Nullable base;
    const semblance_index *_Nullable index;
} semblance_rows;

/// The vectors as they were added; both NULL where the index compresses them.
semblance_rows semblance_index_rows(const semblance_index *_Nonnull index);

/// A vector to be copied: slot `slot` of part `part`.
typedef struct {
    int64_t id;
    int32_t part, slot;
} semblance_origin;

/// Appends the slots of one part that have a bit in `live` (all where it is NULL); returns how many.
size_t semblance_origins_collect(
    const int64_t *_Nonnull ids, size_t count, const uint8_t *_Nullable live, int32_t part,
    semblance_origin *_Nonnull origins
);

/// Sorts by id.
void semblance_origins_sort(semblance_origin *_Nonnull origins, size_t count);

/// Copies rows of several parts, and their ids.
void semblance_origins_gather(
    const semblance_origin *_Nonnull origins, size_t count, const semblance_rows *_Nonnull parts, size_t dimension,
    float *_Nonnull rows, int64_t *_Nonnull ids
);

/// The best `count` among the rows in `slots`, exactly, for one query; returns how many, at most `slot_count`.
semblance_index_status semblance_rows_among(
    semblance_rows rows, const int64_t *_Nonnull ids, size_t dimension, semblance_metric metric,
    const float *_Nonnull query, const int32_t *_Nonnull slots, size_t slot_count, size_t count,
    semblance_hit *_Nonnull hits, size_t *_Nonnull found, semblance_index_message *_Nonnull message
);

/// The slots that have a bit in `bits`, ascending; `slots` has room for them. Returns how many.
size_t semblance_bits_slots(const uint8_t *_Nonnull bits, size_t count, int32_t *_Nonnull slots);

/// How many of the first `count` bits are set.
size_t semblance_bits_count(const uint8_t *_Nonnull bits, size_t count);

/// `bits` without the bits that `other` has not.
void semblance_bits_and(uint8_t *_Nonnull bits, const uint8_t *_Nonnull other, size_t bytes);

/// Sets a bit for each of `count` ids that is in `wanted`, which ascends, none twice, once its `shift` lowest bits are
/// dropped; `ordered`: the ids ascend, too.
void semblance_bits_mark(
    const int64_t *_Nonnull ids, size_t count, bool ordered, const int64_t *_Nonnull wanted, size_t wanted_count,
    int shift, uint8_t *_Nonnull bits
);

/// Sorts ids and drops those that come twice; returns how many are left.
size_t semblance_ids_sort(int64_t *_Nonnull ids, size_t count);

/// The place of the first id that came before, or `count`.
semblance_index_status semblance_ids_first_repeated(
    const int64_t *_Nonnull ids, size_t count, size_t *_Nonnull place, semblance_index_message *_Nonnull message
);

/// The last place of `id` in a list, or -1.
int64_t semblance_ids_last(const int64_t *_Nonnull ids, size_t count, int64_t id);

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

/// The vector in a slot, as stored (compressed kinds give it back roughly).
semblance_index_status semblance_index_vector(
    const semblance_index *_Nonnull index, int32_t slot, float *_Nonnull out, semblance_index_message *_Nonnull message
);

/// Takes bytes of a file that is written; false where it can't, which ends the writing.
typedef bool (*semblance_sink)(void *_Nullable context, const void *_Nonnull bytes, size_t count);

/// Hands over the bytes of FAISS' file; with `ids` as an index of FAISS that knows the ids, else by slot alone.
semblance_index_status semblance_index_write(
    semblance_index *_Nonnull index, bool ids, semblance_sink _Nonnull sink, void *_Nullable context,
    semblance_index_message *_Nonnull message
);

/// Reads what `semblance_index_write` wrote without ids, from memory; the caller has checked a hash. `name` is for
/// messages.
semblance_index_status semblance_index_read(
    const void *_Nonnull bytes, size_t count, const int64_t *_Nonnull ids, size_t id_count,
    const char *_Nonnull name, semblance_index *_Nullable *_Nonnull index, semblance_index_message *_Nonnull message
);

/// Reads a plain FAISS file; ids are the file's own where it has some, else the slots. Such a file carries no hash: one
/// from a stranger can exhaust memory.
semblance_index_status semblance_index_import(
    const char *_Nonnull path, semblance_index *_Nullable *_Nonnull index, semblance_index_message *_Nonnull message
);

/// The best `count` of `rows` for each query, exactly; `ids` NULL means row numbers. As `semblance_index_search`.
semblance_index_status semblance_exact_search(
    const float *_Nonnull queries, size_t query_count, const float *_Nonnull rows, size_t row_count, size_t dimension,
    semblance_metric metric, const int64_t *_Nullable ids, const uint8_t *_Nullable allowed, size_t allowed_bytes,
    size_t count, struct semblance_workers *_Nonnull workers, semblance_hit *_Nonnull hits, size_t *_Nonnull found,
    semblance_index_message *_Nonnull message
);

/// Takes hits apart.
void semblance_split_hits(
    const semblance_hit *_Nonnull hits, size_t count, int32_t *_Nonnull rows, float *_Nonnull scores
);

#ifdef __cplusplus
}
#endif
#endif
