"""Writes small transformers of every architecture with random weights, with transformers 5.23.0 and sentence-transformers 6.2.0,
and the embeddings that sentence-transformers makes of the same texts.

usage: make_transformers.py   (from this folder; writes transformers/)

transformers/NAME             a folder with weights of its own
transformers/variants/NAME    files to put over those of transformers/BASE (the file "base" names it)
transformers/texts.json       the texts
transformers/expected.safetensors   NAME.query and NAME.document: float32 embeddings, a row a text
"""
import json, os, shutil, tempfile, warnings

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Router, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

transformers.logging.set_verbosity_error()
torch.set_num_threads(2)
ROOT = "transformers"
LENGTH = 160  # tokens a text is cut to

SPECIAL = {
    "bert": {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
    "roberta": {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"},
}
WORDS = (
    "the a of and in to is it on at by for sea rock rocks stone stones study person people who what where river mountain "
    "water light house small large red blue green query passage search result bread baker makes sells paints ##s ##ing ##er "
    "##ed ##ly ##est ##tion"
).split()
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
OTHERS = list("中文日本語한국привтелсяαβγδεسلامनमस्ते.,!?-:;()'\"/€😀")
TEXTS = [
    "", " ", "sea", "rocks", "The baker makes bread, and sells it.", "Who studies ROCKS? People in the mountains!",
    "a" * 120, "xylophone 12345 quartz", "[MASK] rock [PAD] sea", "<mask> rock <pad> sea <pad>", "</s> sea <s>",
    "[SEP] stone [CLS]", "[PAD]", "<pad>", "中文 日本語 文", "привет αβγ", "سلام नमस्ते", "café naïve Ångström €5 😀",
    "the\tsea\nand\u00a0the\u200briver", "ᚠᚢᚦ unknown \U0001F9E0", "river " * 130,
    " ".join(f"{w} of the {LETTERS[i % 36]} {i}" for i, w in enumerate(WORDS[:46] * 2)), "sea [PAD] rock " * 90,
    "".join(OTHERS) * 6,
]


def tokenizer(kind):
    special = SPECIAL[kind]
    words = list(special.values()) + WORDS + list(LETTERS) + ["##" + c for c in LETTERS] + list(dict.fromkeys(OTHERS))
    ids = {w: i for i, w in enumerate(dict.fromkeys(words))}
    t = Tokenizer(models.WordPiece(ids, unk_token=special["unk"], max_input_chars_per_word=100))
    t.normalizer, t.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    first, last = special["cls"], special["sep"]
    t.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", pair=f"{first} $A {last} $B {last}", special_tokens=[(first, ids[first]), (last, ids[last])]
    )
    names = {f"{k}_token": v for k, v in special.items()}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=t, model_max_length=LENGTH, **names), len(ids)


def randomize(model, seed):
    """Weights that tell texts apart, none of them 0 or 1, all of them exact in bfloat16."""
    torch.manual_seed(seed)
    for name, p in model.named_parameters():
        with torch.no_grad():
            if p.dim() == 1 and "norm" in name.lower() and name.endswith("weight"):
                p.normal_(1, 0.2)
            elif p.dim() == 1:
                p.normal_(0, 0.2)
            elif "embeddings" in name or "relative" in name:
                p.normal_(0, 1)
            else:
                p.normal_(0, 1.2 / p.shape[1] ** 0.5)
            p.copy_(p.bfloat16().float())


def transformer(config, kind, seed, model_class=transformers.AutoModel):
    """The module, and the state of the model as its class saves it."""
    t, size = tokenizer(kind)
    special = SPECIAL[kind]
    config.vocab_size = size
    for name, value in (("pad", "pad"), ("bos", "cls"), ("eos", "sep"), ("cls", "cls"), ("sep", "sep")):
        if hasattr(config, f"{name}_token_id"):
            setattr(config, f"{name}_token_id", t.convert_tokens_to_ids(special[value]))
    model = model_class.from_config(config)
    randomize(model, seed)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        t.save_pretrained(folder)
        return Transformer(folder), load_file(f"{folder}/model.safetensors")


def fresh(name):
    path = f"{ROOT}/{name}"
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def edit(path, change):
    value = json.load(open(path))
    change(value)
    json.dump(value, open(path, "w"), indent=2, ensure_ascii=False)


expected = {}


def embed(name, model, embed_query=False):
    model.eval()
    for role, encode in (("query", model.encode_query), ("document", model.encode_document)):
        rows = encode(TEXTS, batch_size=7)
        expected[f"{name}.{role}"] = torch.tensor(rows, dtype=torch.float32)
    spread = torch.nn.functional.normalize(expected[f"{name}.document"], dim=-1)
    away = (spread @ spread.T - torch.eye(len(TEXTS))).mean()
    print(f"{name:28} {list(rows.shape)} mean cosine {away:.3f} largest {abs(rows).max():.2f}")


def opened(path):
    return SentenceTransformer(path, device="cpu", model_kwargs={"dtype": torch.float32})


def save(model, path, weights=None, dtype=torch.float16, shards=1):
    """Saves the folder, its weights as `weights` names them and in another type."""
    model.save(path, create_model_card=False)
    for root, _, files in os.walk(path):
        for file in files:
            if file == "README.md":
                os.remove(f"{root}/{file}")
            if file == "config.json" and "model_type" in open(f"{root}/{file}").read():
                edit(f"{root}/{file}", lambda c: c.update(dtype=str(dtype).split(".")[1]))
            if file == "model.safetensors" and weights is None:
                state = {k: v.to(dtype).contiguous() for k, v in load_file(f"{root}/{file}").items()}
                save_file(state, f"{root}/{file}", metadata={"format": "pt"})
    if weights is None:
        return
    state = {k: v.to(dtype).contiguous() for k, v in weights.items()}
    if shards == 1:
        return save_file(state, f"{path}/model.safetensors", metadata={"format": "pt"})
    os.remove(f"{path}/model.safetensors")
    names, places = list(state), {}
    for i in range(shards):
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        part = names[i::shards]
        places.update({n: file for n in part})
        save_file({n: state[n] for n in part}, f"{path}/{file}", metadata={"format": "pt"})
    size = sum(v.numel() * v.element_size() for v in state.values())
    json.dump({"metadata": {"total_size": size}, "weight_map": places}, open(f"{path}/model.safetensors.index.json", "w"), indent=2)


def base(name, module, state, modules=(), dtype=torch.float16, shards=1, own=False):
    width = module.get_embedding_dimension()
    model = SentenceTransformer(modules=[module, *(modules or [Pooling(width, "mean")])], device="cpu")
    path = fresh(name)
    save(model, path, state if own else {k: v for k, v in module.model.state_dict().items()}, dtype, shards)
    embed(name, opened(path))
    kept = torch.tensor(model.eval().encode(TEXTS, batch_size=7))
    assert (kept - expected[f"{name}.document"]).abs().max() < 2e-3, f"{name}: not the model that was saved"
    return path


def variant(name, of, modules, legacy=False, prompts=None, change=None):
    """The same transformer under other modules; only what differs is kept."""
    source = f"{ROOT}/{of}"
    path = fresh(f"variants/{name}")
    model = SentenceTransformer(modules=[opened(source)[0], *modules], device="cpu", prompts=prompts or {})
    save(model, path)
    if legacy:
        def old(c):
            mode = c.pop("pooling_mode")
            modes = [mode] if isinstance(mode, str) else mode
            c["word_embedding_dimension"] = c.pop("embedding_dimension")
            for key, m in (("cls_token", "cls"), ("mean_tokens", "mean"), ("max_tokens", "max"),
                    ("mean_sqrt_len_tokens", "mean_sqrt_len_tokens"), ("weightedmean_tokens", "weightedmean"), ("lasttoken", "lasttoken")):
                c[f"pooling_mode_{key}"] = m in modes
        edit(f"{path}/1_Pooling/config.json", old)
    if change:
        change(path)
    for file in ("model.safetensors", "config.json"):
        shutil.copy(f"{source}/{file}", path)
    embed(name, opened(path))
    for root, _, files in os.walk(path, topdown=False):
        for file in files:
            twin = f"{source}/{os.path.relpath(root, path)}/{file}"
            if os.path.exists(twin) and open(twin, "rb").read() == open(f"{root}/{file}", "rb").read():
                os.remove(f"{root}/{file}")
    open(f"{path}/base", "w").write(of)


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    size = dict(hidden_size=32, num_attention_heads=4, intermediate_size=64, num_hidden_layers=2, max_position_embeddings=180)
    small = dict(size, num_hidden_layers=1, intermediate_size=48)

    # BERT: today's names in F32; an old masked-word model's names in F16; several files in BF16.
    module, state = transformer(transformers.BertConfig(**size, layer_norm_eps=1e-12), "bert", 1)
    base("bert", module, state, dtype=torch.float32)
    module, state = transformer(
        transformers.BertConfig(**size, hidden_act="gelu_new", layer_norm_eps=1e-5), "bert", 2, transformers.AutoModelForMaskedLM
    )
    old = {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in state.items()}
    base("bert-old-names", module, old, [Pooling(32, "cls"), Normalize()], own=True)
    module, state = transformer(transformers.BertConfig(**dict(size, hidden_size=48, num_attention_heads=3)), "bert", 3)
    base("bert-sharded", module, state, [Pooling(48, "mean"), Normalize()], dtype=torch.bfloat16, shards=3)

    config = transformers.DistilBertConfig(dim=48, n_heads=3, hidden_dim=80, n_layers=2, max_position_embeddings=180)
    base("distilbert", *transformer(config, "bert", 4))

    # 182 places: the first is the one after the padding's.
    roberta = dict(size, hidden_size=40, num_attention_heads=5, max_position_embeddings=182, type_vocab_size=1, layer_norm_eps=1e-5)
    module, state = transformer(transformers.RobertaConfig(**roberta), "roberta", 5, transformers.AutoModelForMaskedLM)
    base("roberta", module, state, own=True)
    base("xlm-roberta", *transformer(transformers.XLMRobertaConfig(**roberta), "roberta", 6), modules=[Pooling(40, "mean"), Normalize()])
    mpnet = {k: v for k, v in dict(size, max_position_embeddings=182, layer_norm_eps=1e-5).items()}
    base("mpnet", *transformer(transformers.MPNetConfig(**mpnet), "roberta", 7))

    modern = dict(hidden_size=48, num_attention_heads=3, intermediate_size=40, max_position_embeddings=LENGTH)
    rope = {
        "full_attention": {"rope_type": "default", "rope_theta": 40_000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 500.0},
    }
    kinds = ["full_attention", "sliding_attention", "sliding_attention"]
    config = transformers.ModernBertConfig(**modern, num_hidden_layers=3, local_attention=16, layer_types=kinds, rope_parameters=rope)
    base("modernbert", *transformer(config, "bert", 8))
    config = transformers.ModernBertConfig(
        **modern, num_hidden_layers=4, local_attention=11, global_attn_every_n_layers=2, global_rope_theta=20_000.0,
        local_rope_theta=300.0, norm_bias=True, attention_bias=True, mlp_bias=True, hidden_activation="gelu_pytorch_tanh",
    )
    module, state = transformer(config, "bert", 9, transformers.AutoModelForMaskedLM)
    path = base("modernbert-old-config", module, state, own=True)

    def older(c):
        rope = c.pop("rope_parameters")
        c.pop("layer_types")
        c.update(global_attn_every_n_layers=2, global_rope_theta=rope["full_attention"]["rope_theta"],
            local_rope_theta=rope["sliding_attention"]["rope_theta"])
    edit(f"{path}/config.json", older)
    embed("modernbert-old-config", opened(path))

    # Poolings and what stands behind them.
    for mode in ("cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"):
        variant(mode, "bert", [Pooling(32, mode)], legacy=mode in ("max", "lasttoken"))
    every = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
    variant("all-poolings", "bert", [Pooling(32, every)], legacy=True)
    variant("poolings-in-another-order", "bert", [Pooling(32, ("weightedmean", "cls", "mean")), Normalize()])
    prompts = {"query": "search query: ", "document": "passage: "}
    variant("prompts", "bert", [Pooling(32, "mean")], prompts=prompts)
    variant("prompts-not-pooled", "bert", [Pooling(32, every, include_prompt=False)], prompts=prompts)
    variant("prompts-not-pooled-legacy", "roberta", [Pooling(40, "cls", include_prompt=False)], prompts=prompts, legacy=True)
    torch.manual_seed(10)
    variant("dense-tanh", "bert", [Pooling(32, "mean"), Dense(32, 12)])
    variant("dense-identity", "bert", [Pooling(32, "cls"), Dense(32, 48, bias=False, activation_function=torch.nn.Identity()), Normalize()])
    variant("dense-twice", "bert", [
        Pooling(32, ("mean", "max")), Dense(64, 24, activation_function=torch.nn.GELU()),
        Dense(24, 16, activation_function=torch.nn.Identity()), Normalize()])

    def shorter(path):
        edit(f"{path}/sentence_bert_config.json", lambda c: c.update(max_seq_length=12, do_lower_case=False))
    variant("short-texts", "bert", [Pooling(32, "mean")], change=shorter)

    def cased(path):
        edit(f"{path}/tokenizer.json", lambda t: t["normalizer"].update(lowercase=False, strip_accents=True))
        edit(f"{path}/sentence_bert_config.json", lambda c: c.update(do_lower_case=True))
    variant("lower-case", "bert", [Pooling(32, "mean")], change=cased)

    # Two transformers, one for each role.
    query, _ = transformer(transformers.BertConfig(**small), "bert", 11)
    document, _ = transformer(transformers.DistilBertConfig(dim=32, n_heads=2, hidden_dim=48, n_layers=1, max_position_embeddings=180), "bert", 12)
    router = Router.for_query_document(
        query_modules=[query, Pooling(32, "mean"), Dense(32, 20)], document_modules=[document, Pooling(32, "cls"), Dense(32, 20)]
    )
    path = fresh("router")
    save(SentenceTransformer(modules=[router, Normalize()], device="cpu"), path)
    embed("router", opened(path))

    json.dump(TEXTS, open(f"{ROOT}/texts.json", "w"), ensure_ascii=False, indent=1)
    save_file(expected, f"{ROOT}/expected.safetensors")


if __name__ == "__main__":
    main()
