"""Writes guided_losses.json: GISTEmbedLoss and the hardness options of MultipleNegativesRankingLoss, in double precision.

Run with sentence-transformers 6.2.0, torch 2.13.0.
"""

import json

import torch
from sentence_transformers.sentence_transformer.losses import GISTEmbedLoss, MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.losses import gist_embed

ROWS, DIMENSION, GUIDE_DIMENSION, SCALE = 6, 5, 4, 20.0
generator = torch.Generator().manual_seed(3)


def normal(dimension):
    # Floats hold these numbers exactly.
    return torch.randn(ROWS, dimension, generator=generator).double()


def guided(columns, guides, strategy, margin, anchors, positives):
    """The loss and the gradient of every column; the models are replaced by the vectors they would give."""
    loss = GISTEmbedLoss.__new__(GISTEmbedLoss)
    torch.nn.Module.__init__(loss)
    loss.temperature = 1 / SCALE
    loss.similarity_fct = torch.nn.CosineSimilarity(dim=-1)
    loss.must_retokenize = False
    loss.margin_strategy, loss.margin = strategy, margin
    loss.contrast_anchors, loss.contrast_positives = anchors, positives
    loss.gather_across_devices = False
    loss.cross_entropy_loss = torch.nn.CrossEntropyLoss()
    loss.model, loss.guide = columns, guides
    gist_embed.embed_columns = lambda vectors, features: list(vectors)
    return value_and_gradients(lambda: loss([{} for _ in columns], None), columns)


def hardness(columns, mode, strength):
    loss = MultipleNegativesRankingLoss(None, scale=SCALE, hardness_mode=mode, hardness_strength=strength)
    return value_and_gradients(lambda: loss.compute_loss_from_embeddings(list(columns), None), columns)


def value_and_gradients(evaluate, columns):
    for column in columns:
        column.requires_grad_()
        column.grad = None
    value = evaluate()
    value.backward()
    return {"loss": value.item(), "gradients": [rounded(column.grad) for column in columns]}


def rounded(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


columns = [normal(DIMENSION) for _ in range(3)]
guides = [normal(GUIDE_DIMENSION) for _ in range(3)]
# Positives that the guide finds near, so that the thresholds differ.
guides[1] = (guides[0] + 0.7 * guides[1]).float().double()

cases = []
for strategy, margin in (("absolute", 0.0), ("absolute", 0.3), ("relative", 0.2), ("absolute", -0.1)):
    for count, anchors, positives in ((2, False, False), (2, True, True), (3, False, False), (3, True, False)):
        result = guided(columns[:count], guides[:count], strategy, margin, anchors, positives)
        choice = {"strategy": strategy, "margin": margin, "anchors": anchors, "positives": positives}
        cases.append({"columns": count} | choice | result)

hard = []
for mode in ("in_batch_negatives", "hard_negatives", "all_negatives"):
    for count in (2, 3):
        hard.append({"columns": count, "mode": mode, "strength": 9.0} | hardness(columns[:count], mode, 9.0))

with open("guided_losses.json", "w") as file:
    everything = {
        "rows": ROWS,
        "columns": [rounded(column) for column in columns],
        "guides": [rounded(guide) for guide in guides],
        "guided": cases,
        "hardness": hard,
    }
    json.dump(everything, file, separators=(",", ":"))
    file.write("\n")
