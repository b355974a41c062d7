"""The same search in Python: FastAPI, sentence-transformers and faiss-cpu; load.py starts it with uvicorn.

environment: PEER_CORPUS (JSON Lines), PEER_MODEL (a folder), PEER_VECTORS (.npy, written if missing), PEER_THREADS
"""
import json, os

import faiss, numpy as np, torch
from fastapi import FastAPI
from sentence_transformers import SentenceTransformer

torch.set_num_threads(int(os.environ["PEER_THREADS"]))
faiss.omp_set_num_threads(int(os.environ["PEER_THREADS"]))
model = SentenceTransformer(os.environ["PEER_MODEL"], device="cpu")
with open(os.environ["PEER_CORPUS"], encoding="utf-8") as file:
    documents = [json.loads(line) for line in file]
if not os.path.exists(os.environ["PEER_VECTORS"]):
    texts = [(d.get("title", "") + " " + d["text"]).strip() for d in documents]
    np.save(os.environ["PEER_VECTORS"], model.encode(texts, normalize_embeddings=True))
vectors = np.load(os.environ["PEER_VECTORS"])
index = faiss.IndexFlatIP(vectors.shape[1])
index.add(vectors)
app = FastAPI()


@app.get("/health")
def health():
    return {"status": "ok"}


@app.get("/search")
def search(query: str, count: int = 10, mode: str = "dense"):
    scores, rows = index.search(model.encode([query], normalize_embeddings=True), count)
    hits = [{"document": documents[row], "score": float(score)} for row, score in zip(rows[0], scores[0]) if row >= 0]
    return {"hits": hits}
