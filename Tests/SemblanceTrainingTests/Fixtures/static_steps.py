"""Writes static_steps.json and tokenizer.json: ten training steps of a small static model, in double precision.

Run with sentence-transformers 6.2.0, torch 2.13.0, tokenizers 0.23.
"""

import json
import random

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

SYLLABLES = ["ka", "lo", "mi", "ne", "ru", "sa", "te", "vo", "zi"]
WORDS = [a + b for a in SYLLABLES[:6] for b in SYLLABLES[:8]]
PIECES = ["##" + s for s in SYLLABLES[:7]]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS + PIECES
DIMENSION, BATCH, STEPS, SCALE, CLIP = 8, 6, 10, 20.0, 2.0
assert len(VOCABULARY) == 60

DIRECTIONS = {
    "query_to_doc": (("query_to_doc",), "joint"),
    "symmetric": (("query_to_doc", "doc_to_query"), "per_direction"),
    "gte": (("query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc"), "joint"),
}


def make_tokenizer():
    tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def text(rng, words):
    """One to six words; some repeat, some need pieces, some are unknown."""
    chosen = []
    for _ in range(rng.randint(1, 6)):
        word = rng.choice(words)
        kind = rng.random()
        chosen.append(word + rng.choice(SYLLABLES[:7]) if kind < 0.1 else "xyz" if kind < 0.15 else word)
    return " ".join(chosen)


def row(rng, negatives):
    words = rng.sample(WORDS, 12)
    return [text(rng, words) for _ in range(2 + negatives)]


def table():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(len(VOCABULARY), DIMENSION, generator=generator)


def model_from(start, sparse):
    module = StaticEmbedding(make_tokenizer(), embedding_weights=start.clone().double())
    module.embedding.sparse = sparse
    return SentenceTransformer(modules=[module], device="cpu"), module


def step_loss(model, loss, rows):
    """The loss of rows of texts, given to the loss column by column."""
    columns = [model.preprocess(list(column)) for column in zip(*rows)]
    return loss(columns, None)


def run(batches, directions, rule):
    make = {
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.01, eps=1e-8),
        "lazy-adam": lambda p: torch.optim.SparseAdam(list(p), lr=0.05, eps=1e-8),
        "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.2, eps=1e-8),
    }[rule]
    model, module = model_from(table(), sparse=rule == "lazy-adam")
    loss = MultipleNegativesRankingLoss(
        model, scale=SCALE, directions=DIRECTIONS[directions][0], partition_mode=DIRECTIONS[directions][1]
    )
    optimizer = make(module.parameters())
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        value = step_loss(model, loss, batch)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return {
        "directions": directions,
        "optimizer": rule,
        "losses": rounded(losses),
        "table": rounded(module.embedding.weight.detach().flatten().tolist()),
    }


def run_whole(rows):
    """Ten epochs of one batch as `Embedder.fit` takes them: warm-up, linear schedule, clipping, learned temperature."""
    model, module = model_from(table(), sparse=False)
    loss = MultipleNegativesRankingLoss(model, scale=SCALE)
    log_scale = torch.nn.Parameter(torch.tensor(SCALE, dtype=torch.float64).log())
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.05, weight_decay=0.01, eps=1e-8)
    temperature = torch.optim.Adam([log_scale], lr=0.01, eps=1e-8)
    warmup = 3
    losses, norms = [], []
    for step in range(STEPS):
        factor = (step + 1) / warmup if step < warmup else 1 - (step - warmup) / (STEPS - warmup)
        optimizer.param_groups[0]["lr"] = 0.05 * factor
        optimizer.zero_grad()
        temperature.zero_grad()
        loss.scale = log_scale.exp()
        value = step_loss(model, loss, rows)
        value.backward()
        norm = module.embedding.weight.grad.norm().item()
        if norm > CLIP:
            module.embedding.weight.grad *= CLIP / norm
        optimizer.step()
        temperature.step()
        losses.append(value.item())
        norms.append(norm)
    assert min(norms) < CLIP < max(norms)
    return {
        "rows": rows,
        "losses": rounded(losses),
        "temperature": 1 / log_scale.exp().item(),
        "table": rounded(module.embedding.weight.detach().flatten().tolist()),
    }


def rounded(values):
    return [float(f"{value:.9g}") for value in values]


rng = random.Random(2)
RULES = ("adamw", "lazy-adam", "adagrad")
runs = []
for negatives in (0, 1, 2):
    batches = [[row(rng, negatives) for _ in range(BATCH)] for _ in range(STEPS)]
    batches[4][3][1] = ""  # a text without tokens
    # Every rule meets every direction and every number of negatives.
    results = [run(batches, d, RULES[(i + negatives) % 3]) for i, d in enumerate(DIRECTIONS)]
    runs.append({"batches": batches, "results": results})

make_tokenizer().save("tokenizer.json")
whole = run_whole([row(rng, 1) for _ in range(BATCH)])
start = table().double().flatten().tolist()
with open("static_steps.json", "w") as file:
    json.dump({"start": rounded(start), "runs": runs, "whole": whole}, file, indent=None, separators=(",", ":"))
    file.write("\n")
