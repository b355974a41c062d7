"""Writes transformer_steps.json: 20 steps of sentence-transformers' in-batch loss on a small BERT, and low-rank updates by PEFT.

usage: transformer_steps.py   (from this folder; sentence-transformers 6.2.0, torch 2.13.0, peft 0.21.2)
"""
import json, os, shutil, warnings

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from peft import LoraConfig, get_peft_model
from sentence_transformers import SentenceTransformer, losses
from transformers import get_linear_schedule_with_warmup

torch.set_num_threads(1)
torch.manual_seed(0)
BERT = "../../SemblanceEncodersTests/Fixtures/transformers/bert"
WORDS = "sea rock stone river mountain water light house red blue green bread baker paints people".split()
ROWS = [
    (f"the {a} of the {b}", f"{b} in {a} and {WORDS[(i * 7 + j) % len(WORDS)]}")
    for i, a in enumerate(WORDS)
    for j, b in enumerate(WORDS[i + 1 : i + 3])
][:24]
model = SentenceTransformer(BERT, device="cpu")
for module in model.modules():
    if isinstance(module, torch.nn.Dropout):
        module.p = 0.0
model.train()
loss = losses.MultipleNegativesRankingLoss(model, scale=20.0)
skip = ("bias", "LayerNorm.weight")
groups = [
    {"params": [p for n, p in model.named_parameters() if not n.endswith(skip)], "weight_decay": 0.01},
    {"params": [p for n, p in model.named_parameters() if n.endswith(skip)], "weight_decay": 0.0},
]
optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.999), eps=1e-8)
schedule = get_linear_schedule_with_warmup(optimizer, 0, 20)
features = [model.tokenize([row[k] for row in ROWS]) for k in (0, 1)]
found = []
for _ in range(20):
    optimizer.zero_grad()
    value = loss([dict(f) for f in features], None)
    value.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    found.append(value.item())
model.eval()
texts = ["the sea", "red bread and a baker", "who paints the mountain"]

tuned = SentenceTransformer(BERT, device="cpu")
get_peft_model(
    tuned[0].auto_model,
    LoraConfig(r=3, lora_alpha=7, target_modules=["query", "value"], init_lora_weights=False, task_type="FEATURE_EXTRACTION"),
).save_pretrained("adapter")
os.remove("adapter/README.md") if os.path.exists("adapter/README.md") else None
configuration = json.load(open("adapter/adapter_config.json"))
configuration["base_model_name_or_path"] = "bert"
json.dump(configuration, open("adapter/adapter_config.json", "w"), indent=1)
tuned.eval()
with open("transformer_steps.json", "w") as file:
    json.dump(
        {
            "rows": ROWS,
            "losses": found,
            "texts": texts,
            "trained": model.encode(texts).tolist(),
            "adapted": tuned.encode(texts).tolist(),
        },
        file,
        indent=0,
    )
    file.write("\n")
