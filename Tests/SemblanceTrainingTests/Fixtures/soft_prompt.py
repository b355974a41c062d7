"""Writes soft_prompt/ and soft_prompt.json: PEFT's prompt tuning on a small BERT, and embeddings with it.

usage: soft_prompt.py [ADAPTER MODEL]   (from this folder; sentence-transformers 6.2.0, torch 2.13.0, peft 0.21.2)
Prints embeddings with an adapter that was written elsewhere instead, as JSON: the mean over all tokens, the prompt's included.
"""
import json, os, sys, warnings

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from peft import PeftModel, PromptTuningConfig, get_peft_model
from transformers import AutoModel, AutoTokenizer

BERT = "../../SemblanceEncodersTests/Fixtures/transformers/bert"
TEXTS = ["the sea", "red bread and a baker", "who paints the mountain"]


def embed(model, folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = []
    with torch.no_grad():
        for text in TEXTS:
            found.append(model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0).tolist())
    return found


torch.manual_seed(3)
if len(sys.argv) > 1:
    adapter, folder = sys.argv[1:]
    print(json.dumps(embed(PeftModel.from_pretrained(AutoModel.from_pretrained(folder), adapter).eval(), folder)))
else:
    settings = PromptTuningConfig(num_virtual_tokens=5, task_type="FEATURE_EXTRACTION")
    model = get_peft_model(AutoModel.from_pretrained(BERT), settings).eval()
    model.save_pretrained("soft_prompt")
    os.remove("soft_prompt/README.md") if os.path.exists("soft_prompt/README.md") else None
    settings = json.load(open("soft_prompt/adapter_config.json"))
    settings["base_model_name_or_path"] = "bert"
    json.dump(settings, open("soft_prompt/adapter_config.json", "w"), indent=1)
    with open("soft_prompt.json", "w") as file:
        json.dump({"texts": TEXTS, "embeddings": embed(model, BERT)}, file, indent=0)
        file.write("\n")
