"""Training pairs whose positives read as the corpus is indexed: title and text joined by a blank.

usage: python3 onet_pairs.py TRAIN.jsonl CORPUS.jsonl OUTPUT.jsonl [--positives-only]
Rows of TRAIN name their document by `id`. Beside them, unless --positives-only: each document's title, and each of its
sentences of more than 15 characters, as an anchor of the document. Queries and judgements are not read.
"""
import json, re, sys

train, corpus, output = sys.argv[1:4]
read = lambda path: [json.loads(line) for line in open(path, encoding="utf-8")]
documents = {row["_id"]: row for row in read(corpus)}
content = lambda d: (d["title"] + " " + d["text"]).strip()
group = lambda d: d["_id"].split(".")[0]

rows = [
    {"anchor": r["anchor"], "positive": content(documents[r["id"]]), "group": r["group"], "id": r["id"]}
    for r in read(train)
]
if "--positives-only" not in sys.argv:
    for d in documents.values():
        rows.append({"anchor": d["title"], "positive": content(d), "group": group(d)})
    for d in documents.values():
        for sentence in re.split(r"(?<=[.;])\s+", d["text"]):
            if len(sentence) > 15:
                rows.append({"anchor": sentence, "positive": content(d), "group": group(d)})
with open(output, "w", encoding="utf-8") as file:
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
