"""Writes nesting_steps.json: steps of sentence-transformers' nested losses on a small BERT, all that is drawn taken in each step.

usage: nesting_steps.py   (from this folder; sentence-transformers 6.2.0, torch 2.13.0)
"""
import json, os, warnings

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from sentence_transformers import SentenceTransformer, losses
from sentence_transformers.models import Normalize
from transformers import get_linear_schedule_with_warmup

torch.set_num_threads(1)
BERT = "../../SemblanceEncodersTests/Fixtures/transformers/bert"
ROWS = json.load(open("transformer_steps.json"))["rows"]
TEXTS = ["the sea", "red bread and a baker", "who paints the mountain"]
DIMENSIONS = [32, 16, 8]
STEPS = 5


def run(nested):
    torch.manual_seed(0)
    model = SentenceTransformer(BERT, device="cpu")
    # The alignment of layers is one of unit vectors.
    model.append(Normalize())
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    model.train()
    loss = nested(model, losses.MultipleNegativesRankingLoss(model, scale=20.0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, STEPS)
    features = [model.tokenize([row[k] for row in ROWS]) for k in (0, 1)]
    found = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        value = loss([dict(f) for f in features], None)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        found.append(value.item())
    model.eval()
    return {"losses": found, "trained": model.encode(TEXTS).tolist()}


with open("nesting_steps.json", "w") as file:
    json.dump(
        {
            "rows": ROWS,
            "texts": TEXTS,
            "dimensions": run(lambda model, loss: losses.MatryoshkaLoss(model, loss, DIMENSIONS)),
            "layers": run(lambda model, loss: losses.AdaptiveLayerLoss(model, loss, n_layers_per_step=-1)),
            "both": run(
                lambda model, loss: losses.Matryoshka2dLoss(
                    model, loss, DIMENSIONS, n_layers_per_step=-1, n_dims_per_step=-1
                )
            ),
        },
        file,
        indent=0,
    )
    file.write("\n")
