"""Writes metrics.json: rankings with graded judgements and what trec_eval makes of them; correlations by scipy.

usage: metrics.py > metrics.json   (pytrec-eval-terrier 0.5.11, scipy 1.17.1)"""
import json
import random

import pytrec_eval
import scipy.stats

random.seed(5)
MEASURES = {
    "ndcg@1": "ndcg_cut_1", "ndcg@10": "ndcg_cut_10", "map@5": "map_cut_5", "map@100": "map_cut_100",
    "recall@1": "recall_1", "recall@10": "recall_10", "recall@100": "recall_100",
    "precision@5": "P_5", "precision@100": "P_100",
}
queries = []
for number in range(40):
    documents = [f"d{i}" for i in range(random.choice([1, 3, 12, 40]))]
    grades = {d: random.choice([-1, 0, 0, 1, 1, 2, 3]) for d in random.sample(documents, random.randint(1, len(documents)))}
    if number % 4 == 0:
        grades["not in the corpus"] = 1
    if max(grades.values()) < 1:
        grades[documents[0]] = 2
    ranking = random.sample(documents, random.randint(0 if number == 7 else 1, len(documents)))
    qrels = {"q": grades}

    def measure(ranking, names):
        run = {"q": {d: float(1000 - i) for i, d in enumerate(ranking)} or {"nothing": 1.0}}
        return pytrec_eval.RelevanceEvaluator(qrels, names).evaluate(run)["q"]

    found = measure(ranking, set(MEASURES.values()))
    values = {ours: found[theirs] for ours, theirs in MEASURES.items()}
    values["mrr@10"] = measure(ranking[:10], {"recip_rank"})["recip_rank"]
    queries.append({"ranking": ranking, "grades": grades, "values": values})

pairs = []
for size, kinds in [(2, 5), (5, 2), (30, 4), (200, 1000)]:
    x = [random.randrange(kinds) / 4 for _ in range(size)]
    y = [a + random.randrange(3) for a in x]
    if len(set(x)) > 1 and len(set(y)) > 1:
        pairs.append({"x": x, "y": y, "pearson": scipy.stats.pearsonr(x, y)[0], "spearman": scipy.stats.spearmanr(x, y)[0]})
print(json.dumps({"queries": queries, "correlations": pairs}))
