"""Cuts a development part from a retrieval set's training pairs, so that recipes are chosen without its own dev part.

usage: python3 cut.py FOLDER OUTPUT [--anchors 2000] [--seed 1]
FOLDER: train.jsonl with `id`, the document's, and corpus.jsonl. OUTPUT: a BEIR folder whose dev split asks the anchors drawn,
and train.jsonl without any row of them.
"""
import argparse, json, os, random

a = argparse.ArgumentParser()
a.add_argument("folder")
a.add_argument("output")
a.add_argument("--anchors", type=int, default=2000)
a.add_argument("--seed", type=int, default=1)
a = a.parse_args()
rows = [json.loads(line) for line in open(f"{a.folder}/train.jsonl", encoding="utf-8")]
held = sorted(random.Random(a.seed).sample(sorted({r["anchor"] for r in rows}), a.anchors))
query = {anchor: f"q{i}" for i, anchor in enumerate(held)}
os.makedirs(f"{a.output}/qrels", exist_ok=True)


def write(name, values):
    with open(f"{a.output}/{name}", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(v, ensure_ascii=False) + "\n" for v in values)


write("train.jsonl", (r for r in rows if r["anchor"] not in query))
write("corpus.jsonl", (json.loads(line) for line in open(f"{a.folder}/corpus.jsonl", encoding="utf-8")))
write("queries.jsonl", ({"_id": query[t], "text": t} for t in held))
with open(f"{a.output}/qrels/dev.tsv", "w") as file:
    file.write("query-id\tcorpus-id\tscore\n")
    for q, d in sorted({(query[r["anchor"]], r["id"]) for r in rows if r["anchor"] in query}):
        file.write(f"{q}\t{d}\t1\n")
