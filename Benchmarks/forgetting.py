"""What tuning a model on job titles costs it elsewhere, and what keeps it from that.

usage: forgetting.py DATA MODEL WORK [options]      Python 3 alone; needs `swift build -c release`

DATA holds onet-titles, jobtitle-esco, cranfield, scifact, wikiqa, flickr8k-captions, snli-small, medical-question-pairs.
MODEL is the folder tuning starts from. WORK keeps what is done, so that a run that was stopped goes on where it was.

Tuned on onet-titles: plainly at temperatures 0.05 and 0.1; at 0.1 with pulled texts; and with replayed pairs beside them. The
first and the third are then interpolated with the start. Each model is evaluated on jobtitle-esco dev_unseen, which should
gain, and on cranfield, scifact (train claims) and wikiqa dev, which should keep their nDCG@10. 95 % intervals (paired
bootstrap) are of the task's difference from plain tuning, and of the difference from the start of the mean over the queries
of the three together. Replayed pairs and pulled texts are of the other sets' training parts and of
wikiqa's; nothing of cranfield, of scifact or of wikiqa dev is trained on.

  --pairs 20000      of onet-titles, drawn once
  --shares 0.3,0.5,0.7
  --replay-rate 0.25  --pull-weight 10
  --seconds 170      of one command; a training run that needs more is continued by running this again (exit status 75)
  --run PREFIX       put before each command, such as a lock
  --seed 7  --threads 2  --precision fp32
"""
import argparse, os, random, shlex, shutil, subprocess, sys
from sets import general_pairs, lines, write, write_texts

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


def semblance(*arguments, checked=True):
    command = shlex.split(a.run) + ["timeout", "-s", "TERM", str(a.seconds), tool, *arguments, *common]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if checked and found.returncode:
        sys.exit(f"exit {found.returncode}: {' '.join(command)}")
    return found


def prepare():
    if os.path.exists(work("texts.txt")):
        return
    draw = random.Random(a.seed)
    rows = lines(f"{a.data}/onet-titles/train.jsonl")
    write(work("pairs.jsonl"), draw.sample(rows, min(a.pairs, len(rows))))
    general, texts = general_pairs(a.data, draw)
    kept = ("anchor", "positive", "group")
    write(
        work("general.jsonl"),
        ({key: row[key] for key in kept if key in row} | {"negatives": row.get("negatives", [])[:1]} for row in general),
    )
    write_texts(work("texts.txt"), texts)


def train(name, temperature, *further):
    if os.path.exists(work(name + "/modules.json")):
        return
    resumed = ["--resume"] if os.path.exists(work(name + "/checkpoint/current")) else ["--overwrite"]
    found = semblance(
        "train", work("pairs.jsonl"), "--base", a.model, "--output", work(name), "--epochs", "1", "--batch-size", "64",
        "--learning-rate", "5e-5", "--temperature", temperature, "--seed", str(a.seed), "--checkpoint-every", "20",
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
    return sorted(lines(kept), key=lambda row: row["query"])


def mean(values):
    return sum(values) / len(values)


def interval(differences):
    draw = random.Random(1)
    means = sorted(mean(draw.choices(differences, k=len(differences))) for _ in range(2000))
    return means[49], means[1949]


prepare()
pull = ["--pull", work("texts.txt"), "--pull-weight", a.pull_weight]
train("plain", "0.05")
train("plain-0.1", "0.1")
train("pull", "0.1", *pull)
train("replay", "0.1", *pull, "--replay", work("general.jsonl"), "--replay-rate", a.replay_rate)
models = {"start": a.model} | {name: work(name) for name in ("plain", "plain-0.1", "pull", "replay")}
for tuned in ("plain", "pull"):
    for share in a.shares.split(","):
        name = f"{tuned}-by-{share}"
        if not os.path.exists(work(name)):
            semblance("interpolate", a.model, work(tuned), "--by", share, "--output", work(name))
        models[name] = work(name)

found = {name: [evaluate(folder, name, *part) for part in [TASK, *GUARDS]] for name, folder in models.items()}
ndcg = {name: [[row["ndcg@10"] for row in rows] for rows in parts] for name, parts in found.items()}
print(f"{'':14} {'task':>7} {'MRR@10':>7} {'gain':>7}  {'over plain, 95 %':18}  {'together':>8} {'change, 95 % interval':27}  each guard")
for name in models:
    task, *guards = ndcg[name]
    together = sum(guards, [])
    over, lost = (
        [x - y for x, y in zip(*pair)] for pair in ((task, ndcg["plain"][0]), (together, sum(ndcg["start"][1:], [])))
    )
    shown = [f"[{low:+.4f}, {high:+.4f}]" for low, high in (interval(over), interval(lost))]
    print(
        f"{name:14} {mean(task):7.4f} {mean([row['mrr@10'] for row in found[name][0]]):7.4f} "
        f"{mean(task) - mean(ndcg['start'][0]):+7.4f}  {shown[0]}  {mean(together):8.4f} {mean(lost):+8.4f} {shown[1]}  "
        + "  ".join(f"{guard}: {mean(values):.4f}" for (guard, _), values in zip(GUARDS, guards))
    )
