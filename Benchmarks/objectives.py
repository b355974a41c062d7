"""Measures objectives beside plain InfoNCE: the same data, budget and seeds, one table.

usage: objectives.py ROWS.json --data DATA --minilm FOLDER --results FOLDER [options]      Python 3 with numpy

ROWS.json: {"encoder": [flags of `semblance train`], "evaluation": [flags of `semblance evaluate` and `embed`], "sets": {NAME:
{"configuration": {…}, "limit": pairs, "encoder": …}}, "rows": [{"name": …, "configuration": {…}, "choices": [{…}, …], "files": KIND, "sets":
{NAME: {"configuration": {…}}}}, …]}. Configurations are those of `semblance train --configuration`; a set's, a row's, a row's
for a set and a choice's are laid over each other. A row may have an encoder and an evaluation of its own, or a "model" that is
not trained, a "count" of seeds, and a "first": the configuration of a round before, whose model is {first}. The first row is
the plain one that all others are tested against. {minilm} and {data} stand for the folders, {minilm-48} for a MiniLM that
reads 48 tokens of a text.

Rows are compared on parts cut from the training pairs: each seed holds out other anchors, none of which is in a training
row. The first of a row's choices is the paper's; the one that is best on the first part goes on. --confirm trains on all
pairs and asks the set's own dev part.
DATA is the folder of the data sets; results are JSON Lines, and runs that are there are not made again, so that the work
can be cut into pieces with --seconds.

  --confirm              the dev part; without it the parts cut from train
  --table                print the table of what is there, and run nothing; what dev said beside the parts where it was asked
  --only NAME …          these rows   --sets NAME …   these sets
  --metric NAME          of the table: ndcg@10 unless said, or mrr@10, recall@1, recall@5, recall@10
  --against NAME         the row that the others are tested against
  --seeds 3   --seconds N (no run begins later)   --semblance COMMAND
"""
import argparse, functools, glob, hashlib, json, os, random, re, sys, tempfile, time
import numpy as np
from paired import interval, paired_test
from sets import cut_model, lines, own_pairs, training_pairs, write, write_texts
from tool import run

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("rows")
parser.add_argument("--data", required=True)
parser.add_argument("--minilm", required=True)
parser.add_argument("--results", required=True)
parser.add_argument("--confirm", action="store_true")
parser.add_argument("--table", action="store_true")
parser.add_argument("--metric")
parser.add_argument("--against")
parser.add_argument("--only", nargs="*")
parser.add_argument("--sets", nargs="*")
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--seconds", type=float, default=float("inf"))
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
parser.add_argument("--semblance", default=os.path.join(root, ".build/release/semblance"))
options = parser.parse_args()
started = time.monotonic()


# Data: what a set trains on and is asked.


@functools.cache
def pairs_of(name):
    return training_pairs(options.data, name)


def with_files(rows, files, names, generator):
    """Rows as a run wants them; `files` is words joined by +, done one after another.

    pairs: as they are. titles: the title in the document's place. title-rows: rows with the title beside them. synonyms: rows
    with another anchor of the document in the document's place. corpus: the corpora's own pairs. views: another anchor of the
    document as second positive. graded: a sibling as second positive that counts less. scored: rows of a positive, a sibling
    and a stranger with scores. tasks: what kind of row it is. taxonomy: groups as paths. feedback: MiniLM's cosine as score.
    consistent, consistent-50: what E5's filter leaves, of the first 2 or 50. teacher: negatives among MiniLM's 50 nearest, with
    its scores. noisy: three of ten rows with a stranger's document.
    """
    for word in files.split("+"):
        rows = list(FILES[word](rows, names, generator))
    return rows


FILES = {"pairs": lambda rows, names, generator: rows}


def file_kind(function):
    FILES[function.__name__.replace("_", "-")] = function
    return function


@file_kind
def titles(rows, names, generator):
    return [row | {"positive": row["title"]} for row in rows]


@file_kind
def title_rows(rows, names, generator):
    return rows + [row | {"positive": row["title"]} for row in rows]


def gathered(rows, key):
    result = {}
    for row in rows:
        result.setdefault(key(row), {})[row["anchor"]] = row["positive"]
    return {name: sorted(found.items()) for name, found in result.items()}


def other_anchor(row, anchors, generator):
    other = generator.choice(anchors[row["source"], row["id"]])[0]
    return None if other == row["anchor"] else other


@file_kind
def synonyms(rows, names, generator):
    anchors = gathered(rows, lambda row: (row["source"], row["id"]))
    others = [(row, other_anchor(row, anchors, generator)) for row in rows]
    return rows + [row | {"positive": other} for row, other in others if other]


@file_kind
def views(rows, names, generator):
    anchors = gathered(rows, lambda row: (row["source"], row["id"]))
    others = [(row, other_anchor(row, anchors, generator)) for row in rows]
    return [row | {"positive": [row["positive"]] + ([other] if other else [])} for row, other in others]


@file_kind
def corpus(rows, names, generator):
    return rows + [row for name in sorted(names) for row in own_pairs(options.data, name)]


def sibling(row, groups, generator):
    """The document of another row of the group; of a set without groups a labelled negative."""
    if "group" not in row:
        return generator.choice(row["negatives"]) if row.get("negatives") else None
    other = generator.choice(groups[row["group"]])[1]
    return None if other == row["positive"] else other


@file_kind
def graded(rows, names, generator):
    groups = gathered(rows, lambda row: row.get("group"))
    for row in rows:
        other = sibling(row, groups, generator) if "group" in row else None
        yield row | {"positive": [row["positive"]] + ([other] if other else []), "positive_scores": [1] + ([0.3] if other else [])}


@file_kind
def scored(rows, names, generator):
    groups = gathered(rows, lambda row: row.get("group"))
    documents = sorted({row["positive"] for row in rows})
    for row in rows:
        other = sibling(row, groups, generator)
        yield row | {"score": 1, "negatives": []}
        if other:
            yield row | {"positive": other, "score": 0.5 if "group" in row else 0, "negatives": []}
        yield row | {"positive": generator.choice(documents), "score": 0, "negatives": []}


@file_kind
def tasks(rows, names, generator):
    words = {"how", "what", "who", "when", "where"}
    for row in rows:
        first = row["anchor"].split()[0].lower()
        yield row | {"task": row["group"][:2] if "group" in row else first if first in words else "other"}


@file_kind
def taxonomy(rows, names, generator):
    """Groups as paths, from the major group of the O*NET or ESCO code down."""
    for row in rows:
        digits = row["group"].replace("-", "")
        yield row | {"group": [digits[:length] for length in range(2 if "-" in row["group"] else 1, len(digits) + 1)]}


@file_kind
def noisy(rows, names, generator):
    documents = sorted({(row["positive"], row.get("group", "")) for row in rows})
    for row in rows:
        positive, group = generator.choice(documents) if generator.random() < 0.3 else (row["positive"], row.get("group"))
        yield row | {"positive": positive} | ({"group": group} if group else {})


@file_kind
def consistent(rows, names, generator, top=2):
    """What E5's filter leaves: rows whose positive MiniLM finds among the first."""
    with tempfile.TemporaryDirectory() as folder:
        write(f"{folder}/rows.jsonl", rows)
        semblance("filter", f"{folder}/rows.jsonl", "--model", options.minilm, "--output", f"{folder}/kept.jsonl", "--top", top, "--precision", "bf16")
        return lines(f"{folder}/kept.jsonl")


@file_kind
def consistent_50(rows, names, generator):
    return consistent(rows, names, generator, top=50)


@file_kind
def feedback(rows, names, generator):
    place, vectors = minilm(rows, names)
    return [row | {"score": max(0.0, float(vectors[place[row["anchor"]]] @ vectors[place[row["positive"]]]))} for row in rows]


@file_kind
def teacher(rows, names, generator):
    place, vectors = minilm(rows, names)
    pool = sorted({row["positive"] for row in rows} | {text for row in rows for text in row.get("negatives", [])})
    documents = vectors[[place[text] for text in pool]]
    known = {}
    for row in rows:
        known.setdefault(row["anchor"], set()).add(row["positive"])
    for row in rows:
        scores = documents @ vectors[place[row["anchor"]]]
        positive = float(vectors[place[row["anchor"]]] @ vectors[place[row["positive"]]])
        order = np.argsort(np.where(scores <= positive - 0.05 * abs(positive), -scores, 2))[:50]
        chosen = generator.sample([int(i) for i in order if pool[i] not in known[row["anchor"]]], 4)
        yield row | {
            "negatives": [pool[i] for i in chosen], "negative_scores": [round(float(scores[i]), 4) for i in chosen],
            "positive_scores": [round(positive, 4)]}


def minilm(rows, names):
    """MiniLM's unit vectors of all texts of some sets' training pairs, and each text's place."""
    name = "-".join(sorted(names))
    whole = [row for name in sorted(names) for row in pairs_of(name)]
    texts = sorted({text for row in whole for text in (row["anchor"], row["positive"], *row.get("negatives", []))})
    path = os.path.abspath(f"{options.results}/minilm-{name}")
    if not os.path.exists(path + ".npy"):
        os.makedirs(options.results, exist_ok=True)
        write_texts(path + ".txt", texts)
        semblance("embed", options.minilm, path + ".txt", "--output", path + ".part", "--normalize", "--precision", "bf16")
        os.rename(path + ".part", path + ".npy")
    return {text: i for i, text in enumerate(texts)}, np.load(path + ".npy")


def scored_pairs(part):
    with open(f"{options.data}/stsb/{part}.tsv", encoding="utf-8") as file:
        return [(float(s) / 5, a, b) for s, a, b in (line.rstrip("\n").split("\t") for line in list(file)[1:])]


def held_out(items, seed, count):
    """The part of the items that a seed holds out: seeds hold out different ones."""
    order = sorted(items)
    random.Random("parts").shuffle(order)
    assert count * (seed + 1) <= len(order), "the parts of so many seeds overlap"
    return set(order[count * seed : count * (seed + 1)])


class RetrievalSet:
    """Training pairs of some sets, and questions to one of them."""

    def __init__(self, name, trained=None, split="dev", held=2000):
        self.name, self.trained, self.split, self.held = name, trained or [name], split, held

    def prepare(self, folder, seed, files, limit):
        """Writes a run's training pairs; the folder and the split that is asked."""
        rows = [row for name in self.trained for row in pairs_of(name)]
        asked, split = f"{options.data}/{self.name}", self.split
        if not options.confirm:
            questions = pairs_of(self.name)
            held = {t: f"q{i}" for i, t in enumerate(sorted(held_out({r["anchor"] for r in questions}, seed, self.held)))}
            asked, split = f"{folder}/part", "dev"
            os.makedirs(f"{asked}/qrels")
            os.symlink(f"{options.data}/{self.name}/corpus.jsonl", f"{asked}/corpus.jsonl")
            write(f"{asked}/queries.jsonl", ({"_id": q, "text": text} for text, q in held.items()))
            with open(f"{asked}/qrels/dev.tsv", "w") as file:
                for row in questions:
                    if row["anchor"] in held:
                        file.write(f"{held[row['anchor']]}\t{row['id']}\t1\n")
            rows = [row for row in rows if row["anchor"] not in held]
        rows = with_files(rows, files, {self.name, *self.trained}, random.Random(f"files {seed}"))
        if limit:
            rows = random.Random(f"limit {seed}").sample(rows, min(limit, len(rows)))
        write(f"{folder}/train.jsonl", rows)
        return asked, split

    def measure(self, model, folder, asked, flags):
        semblance("evaluate", model, asked[0], "--split", asked[1], *flags, "--json", "--per-query", f"{folder}/queries.jsonl")
        rows = lines(f"{folder}/queries.jsonl")
        return {key: [row[key] for row in rows] for key in ("ndcg@10", "mrr@10", "recall@1", "recall@5", "recall@10")}


class SimilaritySet:
    """Pairs of sentences with scores. Files "pairs": those of 4 or more of 5, as positives; "scored": all."""

    def prepare(self, folder, seed, files, limit):
        rows = scored_pairs("train")
        asked = scored_pairs("dev")
        if not options.confirm:
            held = held_out({a for _, a, _ in rows} | {b for _, _, b in rows}, seed, 1500)
            asked = [row for row in rows if row[1] in held or row[2] in held]
            rows = [row for row in rows if row[1] not in held and row[2] not in held]
        if files != "scored":
            rows = [row for row in rows if row[0] >= 0.8]
        write(f"{folder}/train.jsonl", ({"anchor": a, "positive": b, "score": s} for s, a, b in rows))
        return asked

    def measure(self, model, folder, asked, flags):
        for i in (1, 2):
            write_texts(f"{folder}/texts{i}.txt", (row[i] for row in asked))
            semblance("embed", model, f"{folder}/texts{i}.txt", "--output", f"{folder}/{i}.npy", *flags, "--normalize", "--json")
        cosines = (np.load(f"{folder}/1.npy") * np.load(f"{folder}/2.npy")).sum(1)
        gold = standard_ranks([row[0] for row in asked])
        return {"spearman": list(map(float, gold * standard_ranks(cosines)))}


def standard_ranks(values):
    """Ranks with mean 0 and variance 1: the mean of the products of two such lists is Spearman's correlation."""
    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return (ranks - ranks.mean()) / ranks.std()


SETS = {
    "onet-titles": RetrievalSet("onet-titles"),
    "wikiqa": RetrievalSet("wikiqa", held=290),
    "jobtitle-esco": RetrievalSet("jobtitle-esco", split="dev_unseen"),
    "titles-onet": RetrievalSet("onet-titles", ["onet-titles", "jobtitle-esco"]),
    "titles-esco": RetrievalSet("jobtitle-esco", ["onet-titles", "jobtitle-esco"], "dev_unseen"),
    # Chosen on titles of a taxonomy that takes part in training with its descriptions alone.
    "transfer-onet": RetrievalSet("onet-titles", ["jobtitle-esco"]),
    "transfer-esco": RetrievalSet("jobtitle-esco", ["onet-titles"], "dev_unseen"),
    "stsb": SimilaritySet(),
}


# Runs.


def semblance(*arguments):
    return run(options.semblance, *arguments)


def laid_over(base, other):
    """A configuration with another's fields in place of its own; objects are joined."""
    both = dict(base)
    for key, value in other.items():
        both[key] = laid_over(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


def filled(value):
    """The value with the folders in place of their names."""
    if isinstance(value, dict):
        return {key: filled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner) for inner in value]
    if not isinstance(value, str):
        return value
    value = re.sub(r"\{minilm-(\d+)\}", lambda match: cut_model(options.minilm, f"{options.results}/minilm-{match[1]}", int(match[1])), value)
    return value.replace("{minilm}", options.minilm).replace("{data}", options.data)


class Table:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.file = json.load(file)
        self.part = "dev" if options.confirm else "cut"
        self.results = {}
        for name in sorted(glob.glob(f"{options.results}/*.jsonl")):
            for result in lines(name):
                self.results[result["key"]] = result

    def sets(self):
        return [name for name in self.file["sets"] if not options.sets or name in options.sets]

    def rows(self, name):
        plain, *others = self.file["rows"]
        return [plain] + [
            row for row in others
            if (not options.only or row["name"] in options.only) and name in row.get("sets", self.file["sets"])
        ]

    def run_of(self, name, row, choice, seed, part):
        """What decides a run's outcome."""
        configuration = laid_over(self.file["sets"][name]["configuration"], row.get("configuration", {}))
        own, whole = row.get("sets", {}).get(name, {}), self.file | self.file["sets"][name]
        configuration = laid_over(laid_over(configuration, own.get("configuration", {})), choice)
        run = {
            "set": name, "part": part, "seed": seed, "encoder": row.get("encoder", whole["encoder"]), "files": row.get("files", "pairs"),
            "limit": row.get("limit", whole.get("limit")),
            "configuration": laid_over(configuration, {"seed": 42 + seed + row.get("seeds", 0)}),
        }
        if "model" in row:
            run |= {"model": row["model"], "seed": seed if part == "cut" else 0, "encoder": [], "files": "pairs", "configuration": {}}
        if "first" in row:
            run["first"] = laid_over(run["configuration"], row["first"])
        if row.get("evaluation", whole.get("evaluation")):
            run["evaluation"] = row.get("evaluation", whole.get("evaluation"))
        return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()[:16], run

    def found(self, name, row, choice, part):
        """The results of the seeds, as far as they are there."""
        keys = [self.run_of(name, row, choice, seed, part)[0] for seed in range(self.seeds_of(row))]
        return [self.results[key] for key in keys if key in self.results]

    def best_choice(self, name, row):
        """The choice that is best on the first part cut from train, and its value and that of the row's first choice there.

        None until all choices are measured.
        """
        choices = row.get("choices", [{}])
        if len(choices) == 1:
            return choices[0], ""
        found = [self.results.get(self.run_of(name, row, choice, 0, "cut")[0]) for choice in choices]
        if None in found:
            return None, ""
        values = [mean_of(result) for result in found]
        best = int(np.argmax(values))
        return choices[best], f" (first part: {values[best]:.3f}, defaults {values[0]:.3f})" if best else " (defaults)"

    def seeds_of(self, row):
        return min(options.seeds, row.get("count", options.seeds))

    def planned(self):
        """Every run's set, row, choice and seed: first choices before others, one seed after the other."""
        for seed in range(options.seeds):
            if self.part == "cut" and seed == 0:
                most = max(len(row.get("choices", [{}])) for row in self.file["rows"])
                for place in range(most):
                    for name in self.sets():
                        for row in self.rows(name):
                            for choice in row.get("choices", [{}])[place : place + 1]:
                                yield name, row, choice, seed
            else:
                for name in self.sets():
                    for row in self.rows(name):
                        choice, _ = self.best_choice(name, row)
                        if choice is not None and seed < self.seeds_of(row):
                            yield name, row, choice, seed

    def run_all(self):
        """False where time ran out."""
        failed = set()
        for name, row, choice, seed in self.planned():
            key, run = self.run_of(name, row, choice, seed, self.part)
            if key in self.results or key in failed:
                continue
            if time.monotonic() - started > options.seconds:
                return False
            try:
                self.run(key, run, row["name"])
            except RuntimeError as error:
                failed.add(key)
                print(f"{name}, {row['name']}: {error}", file=sys.stderr)
        return True

    def run(self, key, run, label):
        with tempfile.TemporaryDirectory() as folder:
            asked = SETS[run["set"]].prepare(folder, run["seed"], run["files"], run["limit"])
            report, model = {}, f"{folder}/model"
            if "model" in run:
                model = filled(run["model"])
            else:
                if "first" in run:
                    self.train(folder, "first", run["first"], run["encoder"])
                report = self.train(folder, "model", run["configuration"], run["encoder"])
            values = SETS[run["set"]].measure(model, folder, asked, run.get("evaluation", []))
        result = {"key": key, "row": label, **run}
        result |= {name: report.get(name, 0) for name in ("pairs_per_second", "seconds", "steps", "loss")}
        result["values"] = {metric: [round(value, 5) for value in found] for metric, found in values.items()}
        self.results[key] = result
        os.makedirs(options.results, exist_ok=True)
        with open(f"{options.results}/{os.path.basename(options.rows).removesuffix('.json')}.jsonl", "a") as file:
            file.write(json.dumps(result) + "\n")
        print(f"{self.part} {run['set']} seed {run['seed']} {label}: {mean_of(result):.4f}", flush=True)

    def train(self, folder, name, configuration, encoder):
        """Trains the folder's model of this name on its pairs; the report."""
        settings = json.dumps(filled(configuration)).replace("{first}", f"{folder}/first")
        with open(f"{folder}/{name}.json", "w") as file:
            # What guides and teachers say of the texts is the same for every row.
            json.dump(json.loads(settings) | {"embeddingCache": os.path.abspath(f"{options.results}/embeddings")}, file)
        return json.loads(semblance(
            "train", f"{folder}/train.jsonl", "--output", f"{folder}/{name}", *filled(encoder),
            "--configuration", f"{folder}/{name}.json", "--json", "--quiet"))

    # The table.

    def print(self):
        for name in self.sets():
            dev = {} if options.confirm else {entry["row"]: entry for entry in self.entries(name, "dev")}
            print(f"\n**{name}**, {'dev' if options.confirm else 'parts cut from train'}{', and dev' if dev else ''}\n")
            header = "| row | choice | metric (interval) | seeds | − plain (interval) | p | Holm | pairs/s |"
            header += " dev | − plain (interval) | Holm |" if dev else ""
            print(header + "\n|" + "---|" * (header.count("|") - 1))
            for entry in self.entries(name, self.part):
                cells = self.cells(entry)
                if dev:
                    again = self.cells(dev[entry["row"]]) if entry["row"] in dev else [""] * len(cells)
                    cells += [again[2], again[4], again[6]]
                print(f"| {' | '.join(cells)} |")

    def entries(self, name, part):
        """The rows that are measured on a part, the best first, each tested against the first of the file."""
        plain, shown = None, []
        for row in sorted(self.rows(name), key=lambda row: row["name"] != options.against):
            choice, remark = self.best_choice(name, row)
            if choice is None:
                choice, remark = row["choices"][0], " (defaults; others not measured yet)"
            results = self.found(name, row, choice, part)
            if len(results) < self.seeds_of(row):
                continue
            values = by_query(results)
            entry = {"row": row["name"], "choice": words(choice or {}) + remark, "results": results, "values": values}
            if plain is None:
                plain = values
            elif len(values) == len(plain):
                entry["difference"] = values - plain
                entry["p"] = paired_test(values - plain)
            shown.append(entry)
        tested = sorted((entry for entry in shown if "p" in entry), key=lambda entry: entry["p"])
        corrected = 0
        for place, entry in enumerate(tested):
            corrected = entry["holm"] = max(corrected, min(1, entry["p"] * (len(tested) - place)))
        return sorted(shown, key=lambda entry: -entry["values"].mean())

    @staticmethod
    def cells(entry):
        seeds = " ".join(f"{mean_of(result):.3f}" for result in entry["results"])
        test = ["", "", ""]
        if "p" in entry:
            low, high = interval(entry["difference"])
            test = [f"{entry['difference'].mean():+.4f} ({low:+.4f} … {high:+.4f})".replace("-", "−"), *(f"{p:.5f}" if p < 0.001 else f"{p:.2g}" for p in (entry["p"], entry["holm"]))]
        low, high = interval(entry["values"])
        speed = float(np.median([result["pairs_per_second"] for result in entry["results"]]))
        return [entry["row"], entry["choice"], f"{entry['values'].mean():.4f} ({low:.3f}–{high:.3f})", seeds, *test, f"{speed:,.0f}"]


def words(choice):
    """A choice for people: names and values, without those of methods and of what holds them."""
    if isinstance(choice, str):
        return choice
    if isinstance(choice, list):
        return ", ".join(filter(None, map(words, choice)))
    parts = []
    for key, value in choice.items():
        inner = words(value) if isinstance(value, (dict, list)) else f"{key} {value}"
        if inner and key not in ("name", "compute", "guide", "teacher", "negatives"):
            parts.append(inner)
    return ", ".join(parts)


def values_of(result):
    """The values of the metric asked for, else of the first."""
    values = result["values"]
    return np.array(values[options.metric] if options.metric in values else next(iter(values.values())))


def mean_of(result):
    return float(values_of(result).mean())


def by_query(results):
    """Each query's value: on dev the mean over seeds; on parts cut from train each seed has queries of its own."""
    values = list(map(values_of, results))
    return np.mean(values, axis=0) if results[0]["part"] == "dev" else np.concatenate(values)


table = Table(options.rows)
if options.table:
    table.print()
elif not table.run_all():
    print("more to do", file=sys.stderr)
    sys.exit(3)
