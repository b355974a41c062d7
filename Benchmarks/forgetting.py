"""What tuning a model on job titles costs it elsewhere, and what keeps it from that.

usage: forgetting.py DATA MODEL WORK [options]      Python 3 alone; needs `swift build -c release`

DATA holds onet-titles, jobtitle-esco, cranfield, scifact, wikiqa, flickr8k-captions, snli-small, medical-question-pairs.
MODEL is the folder tuning starts from. WORK keeps what is done, so that a run that was stopped goes on where it was.

Tuned on onet-titles: plainly, and with replayed pairs and pulled texts. Both are then interpolated with the start. Each
model is evaluated on jobtitle-esco dev_unseen, which should gain, and on cranfield, scifact (train claims) and wikiqa dev,
which should keep their nDCG@10; the mean over the queries of the three together comes with the 95 % interval of its
difference from the start (paired bootstrap). Replayed pairs and pulled texts are of the other sets' training parts and of
wikiqa's; nothing of cranfield, of scifact or of wikiqa dev is trained on.

  --pairs 20000      of onet-titles, drawn once
  --shares 0.3,0.5,0.7
  --replay-rate 0.25  --pull-weight 10
  --seconds 170      of one command; a training run that needs more is continued by running this again (exit status 75)
  --run PREFIX       put before each command, such as a lock
  --seed 7  --threads 2  --precision fp32
"""
import argparse, json, os, random, shlex, shutil, subprocess, sys

a = argparse.ArgumentParser(usage=__doc__)
a.add_argument("data")
a.add_argument("model")
a.add_argument("work")
a.add_argument("--pairs", type=int, default=20000)
a.add_argument("--shares", default="0.3,0.5,0.7")
a.add_argument("--replay-rate", default="0.25")
a.add_argument("--pull-weight", default="10")
a.add_argument("--seconds", type=int, default=170)
a.add_argument("--run", default="")
a.add_argument("--seed", type=int, default=7)
a.add_argument("--threads", default="2")
a.add_argument("--precision", default="fp32")
a = a.parse_args()
tool = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".build/release/semblance")
common = ["--threads", a.threads, "--precision", a.precision, "--quiet", "--json"]
GUARDS = [("cranfield", "test"), ("scifact", "train"), ("wikiqa", "dev")]
TASK = ("jobtitle-esco", "dev_unseen")


def work(name):
    return os.path.join(a.work, name)


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def semblance(*arguments, checked=True):
    command = shlex.split(a.run) + ["timeout", "-s", "TERM", str(a.seconds), tool, *arguments, *common]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if checked and found.returncode:
        sys.exit(f"exit {found.returncode}: {' '.join(command)}")
    return found


def prepare():
    if os.path.exists(work("texts.txt")):
        return
    os.makedirs(a.work, exist_ok=True)
    draw = random.Random(a.seed)
    rows = read(f"{a.data}/onet-titles/train.jsonl")
    with open(work("pairs.jsonl"), "w", encoding="utf-8") as file:
        for row in draw.sample(rows, min(a.pairs, len(rows))):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    general = []
    for name in ("flickr8k-captions", "wikiqa", "snli-small", "medical-question-pairs"):
        rows = read(f"{a.data}/{name}/train.jsonl")
        general += draw.sample(rows, min(3000, len(rows)))
    draw.shuffle(general)
    texts = set()
    with open(work("general.jsonl"), "w", encoding="utf-8") as file:
        for row in general:
            positives = row["positive"] if isinstance(row["positive"], list) else [row["positive"]]
            kept = {"anchor": row["anchor"], "positive": row["positive"], "negatives": row.get("negatives", [])[:1]}
            if row.get("group"):
                kept["group"] = row["group"]
            file.write(json.dumps(kept, ensure_ascii=False) + "\n")
            texts.update([row["anchor"], *positives])
    with open(work("texts.txt"), "w", encoding="utf-8") as file:
        file.writelines(" ".join(text.split()) + "\n" for text in sorted(texts))


def train(name, *further):
    if os.path.exists(work(name + "/modules.json")):
        return
    resumed = ["--resume"] if os.path.exists(work(name + "/checkpoint/current")) else ["--overwrite"]
    found = semblance(
        "train", work("pairs.jsonl"), "--base", a.model, "--output", work(name), "--epochs", "1", "--batch-size", "64",
        "--learning-rate", "5e-5", "--temperature", "0.05", "--seed", str(a.seed), "--checkpoint-every", "20",
        *resumed, *further, checked=False,
    )
    if found.returncode in (124, 143):
        print(f"{name}: not finished; run again")
        sys.exit(75)
    if found.returncode:
        sys.exit(f"{name}: exit {found.returncode}")
    shutil.rmtree(work(name + "/checkpoint"), ignore_errors=True)


def evaluate(folder, name, dataset, split):
    """Each query's metrics."""
    kept = work(f"{name}.{dataset}.jsonl")
    if not os.path.exists(kept):
        fresh = work("fresh.jsonl")
        semblance("evaluate", folder, f"{a.data}/{dataset}", "--split", split, "--per-query", fresh)
        os.replace(fresh, kept)
    return sorted(read(kept), key=lambda row: row["query"])


def mean(values):
    return sum(values) / len(values)


def interval(differences):
    draw = random.Random(1)
    means = sorted(mean(draw.choices(differences, k=len(differences))) for _ in range(2000))
    return means[49], means[1949]


prepare()
train("plain")
train(
    "kept", "--replay", work("general.jsonl"), "--replay-rate", a.replay_rate, "--pull", work("texts.txt"),
    "--pull-weight", a.pull_weight,
)
models = {"start": a.model, "plain": work("plain"), "kept": work("kept")}
for tuned in ("plain", "kept"):
    for share in a.shares.split(","):
        name = f"{tuned}-{share}"
        if not os.path.exists(work(name)):
            semblance("interpolate", a.model, work(tuned), "--by", share, "--output", work(name))
        models[name] = work(name)

start = None
print(f"{'':10} {'task':>7} {'MRR@10':>7} {'gain':>7}  {'together':>8} {'change':>8}  95 % interval      each guard")
for name, folder in models.items():
    task, *guards = [evaluate(folder, name, *part) for part in [TASK, *GUARDS]]
    ndcg = [[row["ndcg@10"] for row in rows] for rows in [task, *guards]]
    values = sum(ndcg[1:], [])
    start = start or (mean(ndcg[0]), values)
    differences = [x - y for x, y in zip(values, start[1])]
    low, high = interval(differences)
    print(
        f"{name:10} {mean(ndcg[0]):7.4f} {mean([row['mrr@10'] for row in task]):7.4f} {mean(ndcg[0]) - start[0]:+7.4f}  "
        f"{mean(values):8.4f} {mean(differences):+8.4f}  [{low:+.4f}, {high:+.4f}]  "
        + "  ".join(f"{guard}: {mean(found):.4f}" for (guard, _), found in zip(GUARDS, ndcg[1:]))
    )
