"""Writes minilm.json: some texts and the first 16 components that sentence-transformers 6.2.0 gives them with all-MiniLM-L6-v2.
usage: make_minilm.py MODEL_FOLDER   (from this folder)"""
import json, sys
from make_transformers import TEXTS
from sentence_transformers import SentenceTransformer

MORE = [
    "A man is playing a guitar on stage.", "Someone performs music before an audience.", "registered nurse", "software developer, applications",
    "the branch of physics that studies heat and its relation to work", "How do I reset my password?", "ＦＵＬＬ ｗｉｄｔｈ", "İstanbul ǅ ß ﬁ",
    "Les élèves étudient la géologie à l'école.", "Wie spät ist es in München?", "人工知能は何ですか", "Что такое машинное обучение?",
    "https://example.org/a?b=c&d=%20 user@example.org", "x = (a + b) * c[0] - 42e-7;", " ".join(f"word{i}" for i in range(400)),
    "\u0000control\u0007 characters \ufffd", "🧠🫀 👩‍👩‍👧‍👦",
]
texts = TEXTS + MORE
model = SentenceTransformer(sys.argv[1], device="cpu")
rows = model.encode(texts, batch_size=1)[:, :16]
json.dump({"texts": texts, "embeddings": [[float(x) for x in row] for row in rows]}, open("minilm.json", "w"), ensure_ascii=False, indent=0)
