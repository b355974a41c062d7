"""Training pairs of the retrieval sets, as the benchmarks' scripts read them. Python 3."""
import json, os, re, shutil

# What is not about job titles.
GENERAL = ("flickr8k-captions", "wikiqa", "snli-small", "medical-question-pairs")


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write(path, rows):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_texts(path, texts):
    """One a line."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(text + "\n" for text in texts)


def content(document):
    return ((document.get("title") or "") + " " + document["text"]).strip()


def training_pairs(data, name):
    """A set's training pairs: positives read as the corpus is indexed, and `id` names their document."""
    documents = {d["_id"]: d for d in lines(f"{data}/{name}/corpus.jsonl")}
    ids = {content(document): id for id, document in documents.items()}
    rows = lines(f"{data}/{name}/train.jsonl")
    for row in rows:
        row.setdefault("id", ids.get(row["positive"]))
        row |= {"title": documents[row["id"]].get("title"), "positive": content(documents[row["id"]]), "source": name}
    return rows


def own_pairs(data, name):
    """The corpus' own pairs: title → document and sentence → document."""
    for document in lines(f"{data}/{name}/corpus.jsonl"):
        row = {"positive": content(document), "id": document["_id"], "source": name}
        yield row | {"anchor": document["title"]}
        for sentence in re.split(r"(?<=[.;])\s+", document["text"]):
            if len(sentence) > 15:
                yield row | {"anchor": sentence}


def general_pairs(data, draw, count=3000):
    """Training pairs of other kinds of text, and their texts: what a model is kept good at while it learns job titles."""
    rows = []
    for name in GENERAL:
        found = lines(f"{data}/{name}/train.jsonl")
        rows += draw.sample(found, min(count, len(found)))
    draw.shuffle(rows)
    texts = set()
    for row in rows:
        positives = row["positive"] if isinstance(row["positive"], list) else [row["positive"]]
        texts.update(" ".join(text.split()) for text in [row["anchor"], *positives])
    return rows, sorted(texts)


def cut_model(model, folder, length):
    """A copy of a transformer's folder that reads so many tokens of a text; its path."""
    settings = os.path.abspath(f"{folder}/sentence_bert_config.json")
    if not os.path.exists(settings):
        shutil.copytree(model, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("sentence_bert_config.json"))
        with open(settings, "w") as file:
            json.dump({"max_seq_length": length, "do_lower_case": False}, file)
    return os.path.dirname(settings)
