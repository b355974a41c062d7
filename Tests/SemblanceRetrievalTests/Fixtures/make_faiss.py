"""Writes the .faiss files beside it and faiss.json: queries and the hits that faiss-cpu finds in each file.
Made with faiss-cpu 1.15.1, numpy 2.x, Python 3.11."""
import json, os
import faiss, numpy as np

here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(7)
d, n = 8, 64
x = rng.standard_normal((n, d)).astype("f4")
q = rng.standard_normal((5, d)).astype("f4")
ids = (np.arange(n) * 3 + 2**40).astype("i8")
faiss.omp_set_num_threads(1)
IP, L2 = faiss.METRIC_INNER_PRODUCT, faiss.METRIC_L2
out = {"queries": q.ravel().tolist(), "files": {}}
for name, key, metric, own_ids in [
    ("flat-ip", "Flat", IP, False), ("flat-l2", "Flat", L2, False), ("hnsw-ip", "HNSW8,Flat", IP, False),
    ("ivf-l2", "IVF4,Flat", L2, False), ("ivf-ids", "IVF4,Flat", L2, True), ("idmap-ip", "IDMap,Flat", IP, True),
    ("sq8-l2", "SQ8", L2, False),
]:
    index = faiss.index_factory(d, key, metric)
    index.train(x)
    index.add_with_ids(x, ids) if own_ids else index.add(x)
    faiss.write_index(index, f"{here}/{name}.faiss")
    if key.startswith("IVF"): index.nprobe = 4
    if key.startswith("HNSW"): index.hnsw.efSearch = 64
    D, I = index.search(q, 6)
    out["files"][name] = {"metric": "l2" if metric == L2 else "inner-product", "ids": I.tolist(), "distances": D.tolist()}
json.dump(out, open(f"{here}/faiss.json", "w"), indent=1)
