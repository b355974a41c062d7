"""Vector indexes beside faiss-cpu, hnswlib and usearch: both sides build, then are measured in turn, round after round.

usage: compare_index.py TASK FOLDER [options]     FOLDER has base.f32 and queries.f32: raw 32-bit floats, row after row

  kinds     each of --pairs OURS=PEER:KEY at each of --efforts: medians, their ratio, and the ratio at equal recall
  filters   --pairs as above: recall@10 among allowed ids beside exact search, random and clustered shares
  callers   our first kind by 1, 2 and 8 concurrent tasks

  --alone           without the peers (filters)
  --python PYTHON   of an environment with the peers; this script needs numpy
  --dim 384  --threads 1  --build-threads 2  --rounds 5
Needs `swift build -c release` in Benchmarks.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile, time

import numpy as np

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("task", choices=["kinds", "filters", "callers", "serve"])
parser.add_argument("folder")
parser.add_argument("--pairs", nargs="*", default=["hnsw=faiss:HNSW32"])
parser.add_argument("--efforts", type=int, nargs="*", default=[16, 32, 64, 128])
parser.add_argument("--shares", type=float, nargs="*", default=[1, 0.5, 0.1, 0.02, 0.005, 0.0001])
parser.add_argument("--alone", action="store_true", help="filters without the peers")
parser.add_argument("--python", default=sys.executable)
parser.add_argument("--dim", type=int, default=384)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--build-threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--binary", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".build/release/IndexBenchmark"))
parser.add_argument("--recall", type=float, nargs="*", default=[0.9, 0.95, 0.97, 0.99])
options = parser.parse_args()


def read(name, kind="f4"):
    return np.fromfile(os.path.join(options.folder, name), kind).reshape(-1, options.dim)


def memory():
    import ctypes, gc

    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) * 1024


class FAISS:
    """`KEY,RFlat` compares the best by code again: 4 times as many as asked for, 20 of signs."""

    def __init__(self, key, base):
        import faiss

        self.faiss, self.key = faiss, key
        faiss.omp_set_num_threads(options.build_threads)
        self.index = faiss.index_factory(options.dim, key, faiss.METRIC_L2 if "LSH" in key else faiss.METRIC_INNER_PRODUCT)
        self.index.train(base)
        self.index.add(base)
        if key.endswith("RFlat"):
            self.index.k_factor = 20 if "LSH" in key else 4
        faiss.omp_set_num_threads(options.threads)

    def prepare(self, effort, ids):
        faiss, selector = self.faiss, None
        if ids is not None:
            bits = np.zeros((self.index.ntotal + 7) // 8 * 8, bool)
            bits[ids] = True
            self.bits = np.packbits(bits, bitorder="little")
            selector = faiss.IDSelectorBitmap(self.bits)
        extra = {} if selector is None else {"sel": selector}
        parameters = None
        if self.key.startswith("HNSW"):
            parameters = faiss.SearchParametersHNSW(efSearch=effort, **extra)
        elif self.key.startswith("IVF"):
            parameters = faiss.SearchParametersIVF(nprobe=effort, **extra)
        elif extra:
            parameters = faiss.SearchParameters(**extra)
        return lambda rows: self.index.search(rows, 10, params=parameters)[1]


class Hnswlib:
    def __init__(self, key, base):
        import hnswlib

        self.index = hnswlib.Index("ip", options.dim)
        self.index.init_index(len(base), ef_construction=40, M=32)
        self.index.set_num_threads(options.build_threads)
        self.index.add_items(base)
        self.index.set_num_threads(options.threads)

    def prepare(self, effort, ids):
        self.index.set_ef(max(effort, 10))
        return lambda rows: self.index.knn_query(rows, k=10)[0]


class Usearch:
    def __init__(self, key, base):
        from usearch.index import Index

        self.index = Index(ndim=options.dim, metric="ip", dtype="f32", connectivity=32, expansion_add=40)
        self.index.add(np.arange(len(base)), base, threads=options.build_threads)

    def prepare(self, effort, ids):
        self.index.expansion_search = effort
        return lambda rows: np.atleast_2d(self.index.search(rows, 10, threads=options.threads).keys)


def serve():
    """What IndexBenchmark does, by the other libraries."""
    base, queries, indexes = read("base.f32"), read("queries.f32"), {}
    for name in [pair.rsplit("=", 1)[1] for pair in options.pairs]:
        peer, key = name.split(":")
        before, started = memory(), time.perf_counter()
        indexes[name] = {"faiss": FAISS, "hnswlib": Hnswlib, "usearch": Usearch}[peer](key, base)
        build = time.perf_counter() - started
        print(json.dumps({"key": name, "build_s": build, "memory_mb": (memory() - before) / 1e6}), flush=True)
    for line in sys.stdin:
        _, name, effort, allowed, out = line.split()
        search = indexes[name].prepare(int(effort), None if allowed == "-" else np.fromfile(allowed, "i8"))
        times, found = [], []
        for row in range(len(queries)):
            started = time.perf_counter()
            found.append(search(queries[row : row + 1]))
            times.append(time.perf_counter() - started)
        started = time.perf_counter()
        search(queries)
        batch = time.perf_counter() - started
        np.concatenate(found).astype("i8").tofile(out)
        times.sort()
        print(json.dumps({"single_qps": len(times) / sum(times), "p50_us": times[len(times) // 2] * 1e6,
            "p99_us": times[len(times) * 99 // 100] * 1e6, "batch_qps": len(queries) / batch}), flush=True)


class Side:
    """A process that has built its indexes and waits for commands."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(self):
        return json.loads(self.process.stdout.readline())

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.line()


common = [f"--dim={options.dim}", f"--threads={options.threads}", f"--build-threads={options.build_threads}"]


def ours(keys):
    side = Side([options.binary, options.folder, *common, "--keys", *keys])
    return side, {key: side.line() for key in keys}


def theirs(pairs):
    side = Side([options.python, os.path.abspath(__file__), "serve", options.folder, *common, "--pairs", *pairs])
    return side, {pair: side.line() for pair in pairs}


def truth(base, queries, ids=None):
    rows = base if ids is None else base[ids]
    best = []
    for start in range(0, len(queries), 250):
        scores = queries[start : start + 250] @ rows.T
        k = min(10, rows.shape[0])
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        best += [set((top if ids is None else ids[top])[i].tolist()) for i in range(len(top))]
    return best


def recall(file, exact):
    found = np.fromfile(file, "i8").reshape(len(exact), -1)
    return float(np.mean([len(set(row.tolist()) & best) / len(best) for row, best in zip(found, exact)]))


def median(runs):
    return {name: statistics.median(run[name] for run in runs) for name, value in runs[0].items() if not isinstance(value, str)}


def between(points, wanted, name):
    """The rate at a recall, on the line between two efforts (logarithms of rates)."""
    for (r0, a), (r1, b) in zip(points, points[1:]):
        if r0 <= wanted <= r1 and r1 > r0:
            return float(np.exp(np.interp(wanted, [r0, r1], np.log([a[name], b[name]]))))
    return None


def kinds():
    base, queries = read("base.f32"), read("queries.f32")
    exact = truth(base, queries)
    us, built = ours(sorted({pair.rsplit("=", 1)[0] for pair in options.pairs}))
    them, their_built = theirs(options.pairs)
    with tempfile.TemporaryDirectory() as folder:
        for pair in options.pairs:
            mine, other = pair.rsplit("=", 1)
            efforts = options.efforts if mine.startswith(("hnsw", "ivf", "IVF")) else [0]
            points, other_points = [], []
            print(json.dumps({"pair": pair, "build_s": built[mine]["build_s"], "their_build_s": their_built[pair]["build_s"],
                "memory_mb": built[mine]["memory_mb"], "their_memory_mb": their_built[pair]["memory_mb"]}), flush=True)
            for effort in efforts:
                runs, other_runs = [], []
                for _ in range(options.rounds):
                    runs.append(us.ask("search", mine, effort, "-", folder + "/ours"))
                    other_runs.append(them.ask("search", other, effort, "-", folder + "/theirs"))
                one, two = median(runs), median(other_runs)
                points.append((recall(folder + "/ours", exact), one))
                other_points.append((recall(folder + "/theirs", exact), two))
                print(json.dumps({"pair": pair, "effort": effort, "recall": points[-1][0], "their_recall": other_points[-1][0],
                    "ours": {k: round(v, 1) for k, v in one.items()}, "theirs": {k: round(v, 1) for k, v in two.items()},
                    "ratio_single": round(one["single_qps"] / two["single_qps"], 3),
                    "ratio_batch": round(one["batch_qps"] / two["batch_qps"], 3)}), flush=True)
            for wanted in options.recall if len(efforts) > 1 else []:
                for name in ("single_qps", "batch_qps"):
                    a, b = between(points, wanted, name), between(other_points, wanted, name)
                    if a and b:
                        print(json.dumps({"pair": pair, "recall": wanted, name: round(a), "theirs": round(b), "ratio": round(a / b, 3)}))


def filters():
    base, queries = read("base.f32"), read("queries.f32")
    rng = np.random.default_rng(7)
    # Clustered ids: the nearest to random centres, as many as the share says.
    order = np.argsort(np.max(base @ base[rng.choice(len(base), 8, False)].T, axis=1))[::-1]
    us, _ = ours([pair.rsplit("=", 1)[0] for pair in options.pairs])
    them = None if options.alone else theirs(options.pairs)[0]
    with tempfile.TemporaryDirectory() as folder:
        for share in options.shares:
            for correlated in [False, True] if share < 1 else [False]:
                size = max(1, round(share * len(base)))
                ids = np.sort(order[:size] if correlated else rng.choice(len(base), size, False)).astype("i8")
                file = folder + "/ids" if share < 1 else "-"
                if share < 1:
                    ids.tofile(file)
                exact = truth(base, queries, ids if share < 1 else None)
                for pair in options.pairs:
                    for effort in options.efforts:
                        mine, other = pair.rsplit("=", 1)[0], pair.rsplit("=", 1)[-1]
                        runs, other_runs = [], []
                        for _ in range(options.rounds):
                            runs.append(us.ask("search", mine, effort, file, folder + "/ours"))
                            if them:
                                other_runs.append(them.ask("search", other, effort, file, folder + "/theirs"))
                        one = median(runs)
                        line = {"recall": round(recall(folder + "/ours", exact), 4), "p50_us": round(one["p50_us"]), "p99_us": round(one["p99_us"]),
                            "plan": runs[-1].get("plan")}
                        if them:
                            two = median(other_runs)
                            line |= {"their_recall": round(recall(folder + "/theirs", exact), 4), "their_p50_us": round(two["p50_us"]),
                                "their_p99_us": round(two["p99_us"])}
                        print(json.dumps({"pair": pair, "share": share, "ids": "clustered" if correlated else "random", "effort": effort, **line}), flush=True)


def callers():
    us, _ = ours([options.pairs[0].rsplit("=", 1)[0]])
    key = options.pairs[0].rsplit("=", 1)[0]
    for effort in options.efforts:
        rates = {n: [] for n in (1, 2, 8)}
        for _ in range(options.rounds):
            for n in rates:
                rates[n].append(us.ask("callers", key, effort, n))
        # On a busy machine the best rounds, and the processor time of a query, say what the callers do to each other.
        best = {n: max(run["qps"] for run in runs) for n, runs in rates.items()}
        cost = {n: min(run["cpu_us"] for run in runs) for n, runs in rates.items()}
        print(json.dumps({"effort": effort, "best_qps": {n: round(rate) for n, rate in best.items()}, "os_threads": rates[8][-1]["os_threads"],
            "ratio_8_to_1": round(best[8] / best[1], 3), "cpu_us": {n: round(time, 1) for n, time in cost.items()}}), flush=True)


{"kinds": kinds, "filters": filters, "callers": callers, "serve": serve}[options.task]()
