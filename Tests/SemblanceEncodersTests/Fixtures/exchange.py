"""Opens the folders that ExchangeTests wrote to FOLDER/ours with sentence-transformers 6.2.0, compares their embeddings with the
expected ones, and saves them again to FOLDER/theirs.
usage: exchange.py FOLDER   (from this folder)"""
import os, shutil, sys, warnings

warnings.filterwarnings("ignore")
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
import json

folder, texts, expected = sys.argv[1], json.load(open("transformers/texts.json")), load_file("transformers/expected.safetensors")
worst = 0
for name in sorted(os.listdir(f"{folder}/ours")):
    model = SentenceTransformer(f"{folder}/ours/{name}", device="cpu")
    for role, encode in (("query", model.encode_query), ("document", model.encode_document)):
        difference = (torch.tensor(encode(texts)) - expected[f"{name}.{role}"]).abs().max().item()
        worst = max(worst, difference)
        print(f"{name} {role}: {difference:.2e}")
    shutil.rmtree(f"{folder}/theirs/{name}", ignore_errors=True)
    model.save(f"{folder}/theirs/{name}", create_model_card=False)
print(f"largest difference {worst:.2e}")
