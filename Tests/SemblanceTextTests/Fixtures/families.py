"""Tokenizers of byte pairs and of the unigram model, and their golden ids from Hugging Face's `tokenizers`.

usage: families.py train DATA OUT    trains the tokenizers from the texts under DATA into the folder OUT
       families.py small OUT         writes the committed ones and their ids into this folder
       families.py large OUT DATA    every text under DATA and 10,000 noisy ones with each of OUT's tokenizers and many
                                     settings; the test reads OUT by the environment variable SEMBLANCE_TOKENIZER_GOLDEN
"""
import base64
import gzip
import json
import os
import random
import sys

import golden
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
MARK = "\u2581"


def roberta_template(tokenizer, **settings):
    ids = [(token, tokenizer.token_to_id(token)) for token in ("</s>", "<s>")]
    return processors.RobertaProcessing(*ids, **settings)


def roberta(texts, size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = roberta_template(tokenizer, add_prefix_space=False)
    return tokenizer


def modern(texts, size):
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["|||IP_ADDRESS|||", "<|padding|>"], initial_alphabet=alphabet, show_progress=False
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(" " * count, normalized=True) for count in range(24, 1, -1)])
    tokenizer.add_special_tokens(["<|endoftext|>", "[UNK]", "[CLS]", "[SEP]", "[PAD]"])
    tokenizer.add_special_tokens([AddedToken("[MASK]", lstrip=True)])
    tokenizer.add_tokens([f"[unused{number}]" for number in range(20)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    )
    return tokenizer


def sentencepiece_map(texts, folder, rule):
    """sentencepiece's pieces with their scores, and its table in base64."""
    model = os.path.join(folder, rule)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_prefix=model, vocab_size=8000, normalization_rule_name=rule,
        character_coverage=0.9995, minloglevel=2, hard_vocab_limit=False,
    )  # fmt: skip
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(open(model + ".model", "rb").read())
    pieces = [(piece.piece, piece.score) for piece in proto.pieces]
    return pieces, base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()


def precompiled(table):
    state = {"type": "Precompiled", "precompiled_charsmap": table}
    shell = {"version": "1.0", "normalizer": state, "added_tokens": [], "model": {"type": "WordPiece", "vocab": {}}}
    shell["model"] |= {"unk_token": "", "continuing_subword_prefix": "", "max_input_chars_per_word": 1}
    return Tokenizer.from_str(json.dumps(shell)).normalizer


def xlm(pieces, table):
    """As the converter of XLM-RoBERTa's sentencepiece model makes it."""
    vocabulary = [(token, 0.0) for token in SPECIAL] + pieces[3:] + [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([precompiled(table), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    )
    return tokenizer


def save(tokenizer, folder, name):
    tokenizer.save(os.path.join(folder, name + ".json"))


def corpus(data, count):
    texts = list(dict.fromkeys(golden.all_texts(data)))
    texts = random.Random(3).sample(texts, count)
    generator = random.Random(4)
    return texts + [golden.noisy(generator) for _ in range(count // 4)]


def train(data, out):
    os.makedirs(out, exist_ok=True)
    texts = corpus(data, 40_000)
    save(roberta(texts, 16_000), out, "roberta")
    save(modern(texts, 16_000), out, "modern")
    words = [text for text in texts[:40_000] if "\0" not in text]
    for rule in ("nmt_nfkc", "nmt_nfkc_cf"):
        save(xlm(*sentencepiece_map(words, out, rule)), out, "xlm-" + rule)


def noise(count, seed):
    generator = random.Random(seed)
    return [golden.noisy(generator) for _ in range(count)]


def large(trained, out, data):
    texts, noisy = list(golden.all_texts(data)), noise(10_000, 5)
    goldens = golden.Goldens(out)
    goldens.add_texts("data", texts)
    goldens.add_texts("noise", noisy)
    for name in ("roberta", "modern", "xlm-nmt_nfkc", "xlm-nmt_nfkc_cf"):
        tokenizer = Tokenizer.from_file(os.path.join(trained, name + ".json"))
        goldens.add_case(name, tokenizer, "data", texts)
        goldens.add_case(name, tokenizer, "noise", noisy)
    goldens.finish()


if __name__ == "__main__":
    {"train": train, "large": large}[sys.argv[1]](*sys.argv[2:])
