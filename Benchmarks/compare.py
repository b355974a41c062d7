"""Runs Semblance beside the Python libraries it replaces, alternating, and prints the ratio of the medians.

usage: compare.py TASK [options]        Python 3 alone; the peers run in an environment given by --python

  train PAIRS.jsonl     a static encoder from scratch, one epoch: sentence-transformers      (pairs/s)
  embed TEXTS.txt       embedding with a static model: model2vec, sentence-transformers      (texts/s)
  tokenize TEXTS.txt    word pieces: tokenizers                                              (texts/s)
With --model FOLDER, a pretrained transformer that both sides open, in --precision fp32 (or bf16, int8: theirs is then bf16):
  train PAIRS.jsonl     fine-tuning, one epoch: sentence-transformers                        (pairs/s)
  embed TEXTS.txt       embedding: sentence-transformers                                     (tokens/s)
  latency TEXTS.txt     one text at a time: sentence-transformers                            (texts/s at the median)

  --python PYTHON       of an environment with sentence-transformers, model2vec and tokenizers
  --tokenizer FILE      a tokenizer.json of word pieces, used by both sides
  --runs 5  --threads 2  --dimension 256  --batch-size 512
Needs `swift build -c release` in this repository and in Benchmarks.
"""
import argparse, json, os, platform, statistics, subprocess, sys, tempfile, time

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("task", choices=["train", "embed", "tokenize", "latency"])
parser.add_argument("input")
parser.add_argument("--python", default=sys.executable)
parser.add_argument("--tokenizer")
parser.add_argument("--model")
parser.add_argument("--precision", default="fp32")
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--dimension", type=int, default=256)
parser.add_argument("--batch-size", type=int, default=512)
parser.add_argument("--peer", help=argparse.SUPPRESS)
options = parser.parse_args()
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def texts():
    with open(options.input, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file]


def timed(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def run_peer():
    """One run of a peer in its own process; prints its rate."""
    import numpy as np, torch
    from tokenizers import Tokenizer

    torch.set_num_threads(options.threads)
    torch.manual_seed(7)
    if options.model:
        return print("RATE", json.dumps(rate_of_transformer(torch)))
    tokenizer = Tokenizer.from_file(options.tokenizer)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if options.task == "tokenize":
        lines = texts() * 10
        tokenizer.encode_batch_fast(lines[:1000], add_special_tokens=False)
        rate = len(lines) / timed(lambda: tokenizer.encode_batch_fast(lines, add_special_tokens=False))
    elif options.task == "embed":
        lines = texts()
        if options.peer == "model2vec":
            from model2vec import StaticModel

            vectors = np.random.default_rng(0).standard_normal((tokenizer.get_vocab_size(), options.dimension), dtype="f4")
            model = StaticModel(vectors, tokenizer, {})
            work = lambda: model.encode(lines)
        else:
            from sentence_transformers import SentenceTransformer
            from sentence_transformers.sentence_transformer.modules import StaticEmbedding

            model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=options.dimension)], device="cpu")
            work = lambda: model.encode(lines, batch_size=1024)
        work()
        rate = len(lines) / min(timed(work) for _ in range(3))
    else:
        from datasets import Dataset
        from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments, losses
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding

        with open(options.input, encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        data = Dataset.from_dict({key: [row[key] for row in rows] for key in ("anchor", "positive")})
        model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=options.dimension)], device="cpu")
        arguments = SentenceTransformerTrainingArguments(
            output_dir=tempfile.mkdtemp(), num_train_epochs=1, per_device_train_batch_size=options.batch_size,
            learning_rate=0.2, warmup_ratio=0.1, use_cpu=True, save_strategy="no", report_to=[], seed=7, disable_tqdm=True)
        trainer = SentenceTransformerTrainer(
            model=model, args=arguments, train_dataset=data, loss=losses.MultipleNegativesRankingLoss(model, scale=20.0))
        rate = len(rows) / timed(trainer.train)
    print("RATE", json.dumps(rate))


def rate_of_transformer(torch):
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments, losses

    reduced = options.precision != "fp32"
    if options.task == "train":
        from datasets import Dataset

        model = SentenceTransformer(options.model, device="cpu")
        with open(options.input, encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        arguments = SentenceTransformerTrainingArguments(
            output_dir=tempfile.mkdtemp(), num_train_epochs=1, per_device_train_batch_size=options.batch_size,
            learning_rate=5e-5, warmup_ratio=0.1, bf16=reduced, use_cpu=True, save_strategy="no", report_to=[], seed=7, disable_tqdm=True)
        trainer = SentenceTransformerTrainer(
            model=model, args=arguments, loss=losses.MultipleNegativesRankingLoss(model, scale=20.0),
            train_dataset=Dataset.from_dict({key: [row[key] for row in rows] for key in ("anchor", "positive")}))
        return len(rows) / timed(trainer.train)
    kind = torch.bfloat16 if reduced else torch.float32
    model = SentenceTransformer(options.model, device="cpu", model_kwargs={"torch_dtype": kind})
    lines = texts()
    if options.task == "latency":
        for line in lines[:20]: model.encode([line])
        return 1 / statistics.median(timed(lambda: model.encode([line])) for line in lines[:200])
    model.encode(lines[:64])
    tokens = sum(len(ids) for ids in model.tokenizer(lines, truncation=True, max_length=model.max_seq_length)["input_ids"])
    return tokens / timed(lambda: model.encode(lines, batch_size=32))


def run_ours(folder):
    """One run of ours; gives the rate that the command itself reports."""
    command = [os.path.join(root, ".build/release/semblance")]
    tail = ["--threads", str(options.threads)]
    if options.model and options.task == "train":
        command += ["train", options.input, "--base", options.model, "--output", folder + "/model", "--overwrite", "--epochs", "1",
            "--batch-size", str(options.batch_size), "--learning-rate", "5e-5", "--precision", options.precision, "--json", "--quiet"]
        key = "pairs_per_second"
    elif options.model and options.task == "embed":
        command += ["embed", options.model, options.input, "--output", folder + "/v.npy", "--overwrite", "--precision", options.precision,
            "--json", "--quiet"]
        key = "tokens_per_second"
    elif options.task == "latency":
        command = [os.path.join(root, "Benchmarks/.build/release/LatencyBenchmark"), options.model, options.input, "--precision",
            options.precision]
        key = "texts_per_second"
    elif options.task == "train":
        command += ["train", options.input, "--output", folder + "/model", "--overwrite", "--tokenizer", options.tokenizer,
            "--epochs", "1", "--batch-size", str(options.batch_size), "--dimension", str(options.dimension), "--json", "--quiet"]
        key = "pairs_per_second"
    elif options.task == "embed":
        command += ["embed", folder + "/model", options.input, "--output", folder + "/v.npy", "--overwrite", "--json", "--quiet"]
        key = "texts_per_second"
    else:
        command = [os.path.join(root, "Benchmarks/.build/release/TokenizerBenchmark"), options.tokenizer, options.input]
        key = "texts_per_second"
    return json.loads(subprocess.run(command + tail, check=True, capture_output=True, text=True).stdout)[key]


def make_model(folder):
    """A model for `embed`: its weights don't matter for its speed."""
    pair = folder + "/pair.jsonl"
    with open(pair, "w", encoding="utf-8") as file:
        file.write('{"anchor": "a", "positive": "b"}\n')
    subprocess.run([os.path.join(root, ".build/release/semblance"), "train", pair, "--output", folder + "/model", "--tokenizer",
        options.tokenizer, "--dimension", str(options.dimension), "--epochs", "1", "--quiet"], check=True, capture_output=True)


def main():
    peers = {"train": ["sentence-transformers"], "embed": ["model2vec", "sentence-transformers"], "tokenize": ["tokenizers"]}
    if options.model:
        peers = dict.fromkeys(["train", "embed", "latency"], ["sentence-transformers"])
    environment = dict(os.environ, RAYON_NUM_THREADS=str(options.threads), TOKENIZERS_PARALLELISM="true", HF_HUB_OFFLINE="1")
    with tempfile.TemporaryDirectory() as folder:
        if options.task == "embed" and not options.model:
            make_model(folder)
        rates = {name: [] for name in ["semblance"] + peers[options.task]}
        for _ in range(options.runs):
            rates["semblance"].append(run_ours(folder))
            for peer in peers[options.task]:
                out = subprocess.run([options.python, os.path.abspath(__file__), *sys.argv[1:], "--peer", peer], check=True,
                    capture_output=True, text=True, env=environment).stdout
                rates[peer].append(float(out.split("RATE ")[1]))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    print(json.dumps({"task": options.task, "machine": platform.machine(), "precision": options.precision, "threads": options.threads, "runs": options.runs,
        "median_per_second": medians, "ratio": {peer: medians["semblance"] / medians[peer] for peer in peers[options.task]}}))


run_peer() if options.peer else main()
