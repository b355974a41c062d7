"""Job titles from public pairs: a transformer that a static encoder and itself teach, beside what they are alone.

usage: distilled_titles.py DATA MODEL WORK [--rounds 3] [--seed 42] [--semblance COMMAND]      Python 3 with numpy

DATA holds the sets, MODEL is the transformer's folder. WORK keeps what is done, so that a run that was stopped goes on where
it was.

1. A static encoder from scratch and the transformer (reading 48 tokens of a text) learn from the training pairs of
   onet-titles and jobtitle-esco and their corpora's own pairs (title → document, sentence → document), by plain InfoNCE at
   temperature 0.1; the transformer three times: from all pairs, from 15,000, and from 10,000 of onet-titles pulled towards
   the start on general texts.
2. In each round the static encoder and a transformer score 4,000 further titles of the training pairs against the documents
   of jobtitle-esco. The mean of their cosines is the teacher: the transformer learns its distribution over the teacher's
   first document and seven others of its first 40 (score-distillation). In the first round it is the one of 15,000 pairs;
   its weights are then averaged with those of the two others. In later rounds it is the average, and is averaged with what
   it was before (model soups, arXiv:2203.05482).

Every model is evaluated on jobtitle-esco dev_unseen, no part of which is trained on.
"""
import argparse, json, os, random
import numpy as np
from paired import interval, paired_test
from sets import content, cut_model, general_pairs, lines, own_pairs, training_pairs, write, write_texts
from tool import run

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("data")
parser.add_argument("model")
parser.add_argument("work")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--seed", type=int, default=42)
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
parser.add_argument("--semblance", default=os.path.join(root, ".build/release/semblance"))
options = parser.parse_args()
SETS = ["jobtitle-esco", "onet-titles"]
BF16 = ["--precision", "bf16"]


def work(name):
    return os.path.join(options.work, name)


def semblance(*arguments):
    return json.loads(run(options.semblance, *arguments, "--quiet", "--json"))


def train(name, rows, configuration, *flags):
    if not os.path.exists(work(name + "/modules.json")):
        write(work(name + ".jsonl"), rows)
        with open(work(name + ".json"), "w") as file:
            json.dump({"seed": options.seed, "epochs": 1} | configuration, file)
        report = semblance(
            "train", work(name + ".jsonl"), "--output", work(name), "--configuration", work(name + ".json"), "--overwrite", *flags)
        print(f"{name}: trained in {report['seconds']:.0f} s", flush=True)


def cosines(name, anchors, documents):
    """A model's cosines of anchors and documents."""
    write_texts(work("texts.txt"), (" ".join(text.split()) for text in anchors + documents))
    semblance("embed", work(name), work("texts.txt"), "--output", work("texts.npy"), "--normalize", "--overwrite", *BF16)
    vectors = np.load(work("texts.npy"))
    return vectors[: len(anchors)] @ vectors[len(anchors) :].T


def averaged(name, first, second, share=0.5):
    """First model's weights, and a share of the second's in their place."""
    if not os.path.exists(work(name + "/modules.json")):
        semblance("interpolate", work(first), work(second), "--by", share, "--output", work(name), "--overwrite")


def taught(name, pupil, anchors):
    """Trains the pupil on the scores that it and the static encoder give together."""
    if os.path.exists(work(name + "/modules.json")):
        return
    scores = (cosines("static", anchors, documents) + cosines(pupil, anchors, documents)) / 2
    rows, draw = [], random.Random(f"{name} {options.seed}")
    for anchor, values in zip(anchors, scores):
        first, *others = map(int, np.argsort(-values)[:40])
        negatives = draw.sample(others, 7)
        rows.append({
            "anchor": anchor, "positive": documents[first], "positive_scores": [round(float(values[first]), 4)],
            "negatives": [documents[i] for i in negatives], "negative_scores": [round(float(values[i]), 4) for i in negatives]})
    objective = {"temperature": {"value": 0.05}, "methods": [{"name": "score-distillation", "teacherTemperature": 0.05}]}
    configuration = {"batchSize": 64, "learningRate": 1e-4, "negatives": ["rows"], "negativesPerRow": 7, "objective": objective}
    train(name, rows, configuration, "--base", work(pupil), *BF16)


draw = random.Random(options.seed)
pairs = [row for name in SETS for row in training_pairs(options.data, name)]
rows = pairs + [row for name in SETS for row in own_pairs(options.data, name)]
documents = [content(document) for document in lines(f"{options.data}/jobtitle-esco/corpus.jsonl")]
titles = sorted({row["anchor"] for row in pairs})
draw.shuffle(titles)

plain = {"negatives": [], "objective": {"temperature": {"value": 0.1}}}
train(
    "static", rows, plain | {"epochs": 3, "batchSize": 2048, "learningRate": 1, "optimizer": {"rule": "adagrad"}},
    "--tokenizer", f"{options.model}/tokenizer.json", "--dimension", "1024")
start = cut_model(options.model, work("start"), 48)
batches = plain | {"batchSize": 256, "learningRate": 3e-4}
train("all pairs", rows, batches, "--base", start, *BF16)
train("15,000 pairs", draw.sample(rows, 15000), batches, "--base", start, *BF16)
write_texts(work("general.txt"), general_pairs(options.data, draw)[1])
train(
    "pulled", draw.sample([row for row in pairs if row["source"] == "onet-titles"], 10000),
    plain | {"batchSize": 64, "learningRate": 1e-4}, "--base", options.model, "--pull", work("general.txt"), "--pull-weight", 3, *BF16)
taught("taught 1", "15,000 pairs", titles[:4000])
averaged("both", "taught 1", "all pairs")
averaged("soup 1", "both", "pulled", 0.3)
for i in range(1, options.rounds):
    taught(f"taught {i + 1}", f"soup {i}", titles[4000 * i : 4000 * (i + 1)])
    averaged(f"soup {i + 1}", f"soup {i}", f"taught {i + 1}")

print(f"{'':14} {'nDCG@10':23} {'MRR@10':>7} {'r@1':>7} {'r@5':>7} {'r@10':>7}  − all pairs, p")
asked = {}
for name in ["all pairs", "start", "static", "15,000 pairs", "pulled", "taught 1"] + [f"soup {i + 1}" for i in range(options.rounds)]:
    kept = work(name + ".queries.jsonl")
    if not os.path.exists(kept):
        semblance("evaluate", work(name), f"{options.data}/jobtitle-esco", "--split", "dev_unseen", "--per-query", kept, *BF16)
    found = sorted(lines(kept), key=lambda row: row["query"])
    first, *others = [np.array([row[metric] for row in found]) for metric in ("ndcg@10", "mrr@10", "recall@1", "recall@5", "recall@10")]
    asked[name] = first
    print(f"{name:14} {first.mean():.4f} ({'–'.join(f'{end:.4f}' for end in interval(first))})" + "".join(f" {other.mean():7.4f}" for other in others), end="")
    difference = first - asked["all pairs"]
    print(f"  {difference.mean():+.4f} {paired_test(difference):.5f}" if difference.any() else "")
