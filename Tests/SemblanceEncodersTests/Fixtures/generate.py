"""Writes small model folders with sentence-transformers 6.2.0 and model2vec 0.10.0, and the embeddings they give.
usage: generate.py   (from this folder; writes sentence-transformers/, router/, model2vec/, model2vec-quantized/, expected.json)"""
import json, os, shutil, warnings
warnings.filterwarnings("ignore"); os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np, torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from sentence_transformers.base.modules import Dense, Normalize, Router
from model2vec import StaticModel

torch.manual_seed(0); rng = np.random.default_rng(0)
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "a", "rock", "rocks", "study", "person", "who", "stone", "sea", "e", "i", "n", "s",
    "##s", "##e", "##ing", "##er", "##i", "##n", "##st", "##one", ".", ",", "!", "中", "é"]
t = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]", max_input_chars_per_word=100))
t.normalizer = normalizers.BertNormalizer(); t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
texts = ["", " ", "the person who study rocks", "Rocks, stones! SEAS.", "unknown words qqq", "中中 sea", "é e", "rock " * 40, "[MASK] rock", "s", "the\tsea\u00a0a"]
fresh = lambda name: (shutil.rmtree(name, ignore_errors=True), name)[1]
static = lambda d=6: StaticEmbedding(t, embedding_dim=d)
listed = lambda e: [[float(x) for x in row] for row in np.asarray(e, dtype="f4")]
out = {"texts": texts}
def save(model, name):
    model.save(fresh(name), create_model_card=False)
    for f in os.listdir(name):
        if f == "README.md": os.remove(os.path.join(name, f))
m = SentenceTransformer(modules=[static(), Dense(6, 4, activation_function=torch.nn.Identity()), Normalize()], device="cpu", prompts={"query": "who ", "document": ""})
save(m, "sentence-transformers"); out["sentence-transformers"] = {"query": listed(m.encode(texts, prompt_name="query")), "document": listed(m.encode(texts, prompt_name="document"))}
m = SentenceTransformer(modules=[Router.for_query_document([static()], [static()])], device="cpu")
save(m, "router"); out["router"] = {"query": listed(m.encode_query(texts)), "document": listed(m.encode_document(texts))}
m = StaticModel(rng.standard_normal((len(words), 5), dtype="f4"), t, {}, normalize=True, max_length=4)
m.save_pretrained(fresh("model2vec")); os.remove("model2vec/README.md"); e = listed(m.encode(texts)); out["model2vec"] = {"query": e, "document": e}
m = StaticModel(rng.standard_normal((7, 5), dtype="f4").astype("f2"), t, {}, weights=rng.random(len(words)).astype("f4"), token_mapping=rng.integers(0, 7, len(words)), max_length=None)
m.save_pretrained(fresh("model2vec-quantized")); os.remove("model2vec-quantized/README.md")
m = StaticModel(m.embedding.astype("f4"), t, {}, weights=m.weights, token_mapping=m.token_mapping, max_length=None); e = listed(m.encode(texts)); out["model2vec-quantized"] = {"query": e, "document": e}
json.dump(out, open("expected.json", "w"), ensure_ascii=False)
