"""Tokenizers of byte pairs and of the unigram model, and their golden ids from Hugging Face's `tokenizers`.

usage: families.py small > families.json   the committed values, with small tokenizers trained from noise
       families.py large OUT DATA          tokenizers trained from texts under DATA: those as models have them on every
                                           text under DATA and 10,000 noisy ones, and every setting on the noise; the
                                           test reads OUT by the environment variable SEMBLANCE_TOKENIZER_GOLDEN

sentencepiece makes the tables of normalisation, as it makes those of real models.
"""
import base64
import json
import os
import random
import sys
import tempfile
import unicodedata

import golden
import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SENTENCES = [
    "The quick brown fox jumps over the lazy dog.", "She'll say they've seen it's 1,234.5% – isn't it?  Two  blanks.",
    "Größe, naïveté, façade; ﬁne ﬂow № 5 ½ ™ ©", "Привет, мир! Как дела?", "こんにちは世界、ガギグ ｶﾞｷﾞ", "مرحبا بالعالم ﷺ",
    "नमस्ते दुनिया क्षत्रिय", "สวัสดีชาวโลก ำ", "안녕하세요 세계 각", "\tdef f(x):\n        return x ** 2\n\n\n", "👩‍👩‍👧 🇩🇪🇫🇷 ☃️ é é ậ",
]  # fmt: skip


def noise(count, seed):
    generator = random.Random(seed)
    return [golden.noisy(generator) for _ in range(count)]


# Tokenizers as models have them.


def byte_level(texts, size, special, **settings):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, **settings)
    options = dict(special_tokens=special, initial_alphabet=LETTERS, show_progress=False)
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, **options))
    return tokenizer


def roberta(texts, size):
    tokenizer = byte_level(texts, size, SPECIAL)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    ends = [(token, tokenizer.token_to_id(token)) for token in ("</s>", "<s>")]
    tokenizer.post_processor = processors.RobertaProcessing(*ends, add_prefix_space=False)
    return tokenizer


def modern(texts, size):
    tokenizer = byte_level(texts, size, ["|||IP_ADDRESS|||", "<|padding|>"])
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens([AddedToken(" " * count, normalized=True) for count in range(24, 1, -1)])
    tokenizer.add_special_tokens(["<|endoftext|>", "[UNK]", "[CLS]", "[SEP]", "[PAD]"])
    tokenizer.add_special_tokens([AddedToken("[MASK]", lstrip=True)])
    tokenizer.add_tokens([f"[unused{number}]" for number in range(20)])
    return between(tokenizer, "[CLS]", "[SEP]")


def between(tokenizer, first, last):
    ends = [(token, tokenizer.token_to_id(token)) for token in (first, last)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{first} $A {last}", special_tokens=ends)
    return tokenizer


def sentencepiece_model(texts, size, **rules):
    """The pieces with their scores, and the table of normalisation in base64."""
    with tempfile.TemporaryDirectory() as folder:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_prefix=os.path.join(folder, "model"), vocab_size=size,
            character_coverage=0.9995, minloglevel=2, hard_vocab_limit=False, **rules,
        )  # fmt: skip
        proto = sentencepiece_model_pb2.ModelProto()
        proto.ParseFromString(open(os.path.join(folder, "model.model"), "rb").read())
    table = proto.normalizer_spec.precompiled_charsmap
    return [(piece.piece, piece.score) for piece in proto.pieces], base64.b64encode(table).decode()


def precompiled(table):
    model = {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0]]}
    normalizer = {"type": "Precompiled", "precompiled_charsmap": table}
    return Tokenizer.from_str(json.dumps({"version": "1.0", "normalizer": normalizer, "added_tokens": [], "model": model})).normalizer


def xlm(pieces, table, **settings):
    """As XLM-RoBERTa's sentencepiece model is converted."""
    vocabulary = [(token, 0.0) for token in SPECIAL] + pieces[3:] + [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3, **settings))
    tokenizer.normalizer = normalizers.Sequence([precompiled(table), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    return between(tokenizer, "<s>", "</s>")


def mpnet(scalars):
    tokenizer = golden.spelling(normalizers.BertNormalizer(), scalars)
    tokenizer.post_processor = processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


# Every setting.


def changed(tokenizer, **parts):
    """A copy with other parts of its file; those of the model are named model_…"""
    state = json.loads(tokenizer.to_str())
    for key, value in parts.items():
        state["model"] |= {key[6:]: value} if key.startswith("model_") else {}
        state |= {} if key.startswith("model_") else {key: value}
    return Tokenizer.from_str(json.dumps(state))


def sequence(*parts):
    steps = [json.loads(part.__getstate__()) for part in parts]
    return {"type": "Sequence", "pretokenizers": steps}


def byte_pair_settings(texts, size):
    plain = roberta(texts, size)
    levels = pre_tokenizers.ByteLevel
    yield "prefix", changed(plain, pre_tokenizer=sequence(levels(add_prefix_space=True)))
    yield "whole", changed(plain, pre_tokenizer=sequence(levels(add_prefix_space=True, use_regex=False)))
    yield "words", changed(plain, pre_tokenizer=sequence(pre_tokenizers.Whitespace(), levels(add_prefix_space=True)))
    cuts = pre_tokenizers.Digits(True), pre_tokenizers.Punctuation("contiguous"), levels(add_prefix_space=False)
    yield "digits", changed(plain, pre_tokenizer=sequence(*cuts))
    across = byte_level(texts, size, SPECIAL, use_regex=False)
    yield "across", changed(across, pre_tokenizer=sequence(levels(add_prefix_space=False)))
    yield "across-whole", across
    yield "tokens", changed(across, pre_tokenizer=sequence(levels(add_prefix_space=False)), model_ignore_merges=True)
    merges = json.loads(plain.to_str())["model"]["merges"]
    yield "strings", changed(plain, model_merges=[" ".join(merge) for merge in merges])
    yield "added", golden.with_added_tokens(changed(plain))
    missing = [letter for number, letter in enumerate(LETTERS) if number % 5 == 0]
    vocabulary = {token: number for number, token in enumerate(SPECIAL + BYTES + [x for x in LETTERS if x not in missing])}
    for token in json.loads(plain.to_str())["model"]["vocab"]:
        if not set(token) & set(missing):
            vocabulary.setdefault(token, len(vocabulary))
    merges = [merge for merge in merges if {*merge, "".join(merge)} <= set(vocabulary)]
    partial = Tokenizer(models.BPE(vocabulary, [tuple(merge) for merge in merges]))
    partial.pre_tokenizer = levels(add_prefix_space=False)
    yield "dropped", partial
    yield "unknown", changed(partial, model_unk_token="<unk>")
    yield "fused", changed(partial, model_unk_token="<unk>", model_fuse_unk=True)
    yield "fallback", changed(partial, model_unk_token="<unk>", model_byte_fallback=True)
    few = {token: number for token, number in vocabulary.items() if token not in BYTES[::7]}
    few = {token: number for number, token in enumerate(few)}
    half = Tokenizer(models.BPE(few, [tuple(merge) for merge in merges], unk_token="<unk>", byte_fallback=True))
    yield "some-fallback", changed(half, pre_tokenizer=sequence(levels(add_prefix_space=False)))
    # Letters that are scalars, not bytes: as Llama's and Gemma's.
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL + BYTES, limit_alphabet=size // 2, show_progress=False)
    letters = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    letters.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    letters.train_from_iterator(texts, trainer)
    letters = changed(letters, added_tokens=json.loads(letters.to_str())["added_tokens"][: len(SPECIAL)])
    yield "letters", letters
    first = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    yield "first", changed(golden.with_added_tokens(letters), normalizer=None, pre_tokenizer=json.loads(first.__getstate__()))
    yield "no-fallback", changed(letters, model_byte_fallback=False, model_fuse_unk=False)


def unigram_settings(pieces, table, texts):
    plain = xlm(pieces, table)
    metaspace = pre_tokenizers.Metaspace
    for name, part in (
        ("always", metaspace()), ("never", metaspace(prepend_scheme="never")), ("unsplit", metaspace(split=False)),
        ("mark", metaspace(replacement="_")),
    ):  # fmt: skip
        yield name, changed(plain, pre_tokenizer=json.loads(part.__getstate__()))
    yield "old", changed(plain, pre_tokenizer={"type": "Metaspace", "replacement": "▁", "add_prefix_space": True, "str_rep": "▁"})
    yield "whole-text", changed(plain, pre_tokenizer=None)
    yield "added-to-pieces", golden.with_added_tokens(changed(plain))
    vocabulary = json.loads(plain.to_str())["model"]["vocab"]
    worst = min(score for _, score in vocabulary)
    bytes_too = vocabulary + [[byte, worst - 1] for byte in BYTES]
    yield "bytes", changed(plain, model_vocab=bytes_too, model_byte_fallback=True, added_tokens=[], post_processor=None)
    some = vocabulary + [[byte, 0.5] for byte in BYTES[::2]]
    yield "some-bytes", changed(plain, model_vocab=some, model_byte_fallback=True, added_tokens=[], post_processor=None)
    for name, score in (("ties", lambda token: -len(token)), ("equal", lambda token: 0), ("steps", lambda token: -(hash_of(token) % 7) / 10)):
        yield name, changed(plain, model_vocab=[[token, score(token)] for token, _ in vocabulary])
    many = list(dict.fromkeys(text[i : i + n] for text in texts[-300:] for n in (1, 2, 3, 5) for i in range(0, len(text), n)))[:1000 if len(texts) < 1000 else 3000]
    runs = [[token, 0] for token in SPECIAL] + [[token, -3 - hash_of(token) % 1000 / 8] for token in many if token not in SPECIAL]
    yield "runs", changed(plain, model_vocab=runs, added_tokens=[], post_processor=None, pre_tokenizer=None)


def hash_of(text):
    return sum((number + 1) * ord(scalar) for number, scalar in enumerate(text))


def normalizers_to_try(tables):
    n = normalizers
    for form in (n.NFC(), n.NFD(), n.NFKC(), n.NFKD(), n.Lowercase(), n.StripAccents(), n.Strip(), n.Strip(right=False), n.Prepend("a b")):
        yield form
    for pattern, content in (("a", ""), ("ss", "s"), (" ", "▁"), (Regex(" {2,}"), "▁"), (Regex(r"\s+"), " "), (Regex("é+"), "e"), (Regex(r"\s{3,}"), "")):
        yield n.Replace(pattern, content)
    yield n.Sequence([n.NFD(), n.StripAccents(), n.Strip(), n.Lowercase(), n.NFKC(), n.BertNormalizer(), n.Replace("''", '"')])
    yield n.Sequence([n.NFKD(), n.BertNormalizer(strip_accents=False), n.NFC()])
    for table in tables:
        yield precompiled(table)
        yield n.Sequence([n.Lowercase(), precompiled(table), n.Replace(Regex(" {2,}"), " "), n.Strip()])


def pre_tokenizers_to_try():
    p = pre_tokenizers
    yield from (p.Whitespace(), p.WhitespaceSplit(), p.Punctuation(), p.Punctuation("removed"), p.Punctuation("contiguous"))
    yield from (p.Digits(True), p.Digits(False), p.CharDelimiterSplit("a"), p.Metaspace(), p.Metaspace(prepend_scheme="first"))
    yield p.Sequence([p.WhitespaceSplit(), p.Digits(True), p.Punctuation(), p.Metaspace(prepend_scheme="never")])
    yield None


def spelling_settings(scalars, tables):
    for number, normalizer in enumerate(normalizers_to_try(tables)):
        tokenizer = golden.spelling(normalizer, scalars)
        tokenizer = changed(tokenizer, model_max_input_chars_per_word=100_000)
        keeps = normalizer.normalize_str("a") != ""  # an added token that is nothing then breaks the library
        yield f"normalizer-{number}", golden.with_added_tokens(tokenizer) if number % 2 and keeps else tokenizer
    for number, pre_tokenizer in enumerate(pre_tokenizers_to_try()):
        tokenizer = golden.spelling(None, scalars)
        part = pre_tokenizer and json.loads(pre_tokenizer.__getstate__())
        yield f"pre-tokenizer-{number}", changed(tokenizer, pre_tokenizer=part, model_max_input_chars_per_word=100_000)


# What is compared.


def small_rules():
    """Rules of sentencepiece's kind for a few scripts: compatibility forms, some of them of two scalars, and blanks."""
    ranges = [(0xA0, 0xC0), (0x2000, 0x2030), (0x2100, 0x2150), (0x3040, 0x3100), (0xFB00, 0xFB07), (0xFF01, 0xFFA0), (0x300, 0x310)]
    rules = {(ord(blank),): (0x20,) for blank in "\t\n\r\u200b\u2581\ufeff"} | {(control,): () for control in (1, 2, 0x7F, 0xAD)}
    for scalar in (s for first, last in ranges for s in range(first, last)):
        full = unicodedata.normalize("NFKC", chr(scalar))
        if full != chr(scalar):
            rules[scalar,] = tuple(map(ord, full))
        parts = tuple(map(ord, unicodedata.normalize("NFD", chr(scalar))))
        if len(parts) == 2:
            rules[parts] = (scalar,)
    for scalar in range(0xC0, 0x100):
        parts = tuple(map(ord, unicodedata.normalize("NFD", chr(scalar))))
        if len(parts) == 2:
            rules[parts] = (scalar,)
    return "".join(f"{' '.join(f'{s:X}' for s in a)}\t{' '.join(f'{s:X}' for s in b)}\n" for a, b in sorted(rules.items()))


def small():
    texts = SENTENCES * 20 + noise(60, 6)
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        rules.write(small_rules())
        rules.flush()
        pieces, table = sentencepiece_model([t for t in texts if "\0" not in t], 700, normalization_rule_tsv=rules.name)
    pieces = [(piece, round(score, 4)) for piece, score in pieces]
    letters = sorted({ord(scalar) for text in SENTENCES + golden.SNIPPETS for scalar in text})
    scalars = sorted(set(letters) | {ord(s) for x in letters for form in ("NFD", "NFKD", "NFKC") for s in unicodedata.normalize(form, chr(x))})
    made = [("roberta", roberta(texts, 700)), ("modern", modern(texts, 700)), ("xlm", xlm(pieces, table))]
    made += [("mpnet", mpnet(scalars)), *byte_pair_settings(texts, 400)]
    made += [("U-" + name, tokenizer) for name, tokenizer in unigram_settings(pieces[:300], table, texts[:40])]
    made += list(spelling_settings(scalars, [table]))
    texts = SENTENCES + golden.SNIPPETS + ["", " ", *noise(30, 7)]
    parts, cases = {}, []
    for number, (name, tokenizer) in enumerate(made):
        state = json.loads(tokenizer.to_str())
        tokenizer = Tokenizer.from_str(tokenizer.to_str())  # scores change a little when they are written and read
        chosen = texts[number % 5 :: 5]
        sources = {key: json.dumps(state[key], separators=(",", ":"), ensure_ascii=False) for key in state}
        case = {key: parts.setdefault(source, len(parts)) for key, source in sources.items()}
        ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(chosen)]
        cases.append({"name": name, "parts": case, "first": number % 5, "ids": ids})
    return {"version": tokenizers.__version__, "texts": texts, "step": 5, "parts": list(parts), "cases": cases}


def large(out, data):
    texts = list(golden.all_texts(data))
    sample = random.Random(3).sample(list(dict.fromkeys(texts)), 40_000)
    noisy = noise(10_000, 5)
    goldens = golden.Goldens(out)
    goldens.add_texts("data", texts)
    goldens.add_texts("noise", noisy)
    words = [text for text in sample if "\0" not in text]
    (pieces, table), (_, folding) = (sentencepiece_model(words, 8000, normalization_rule_name=rule) for rule in ("nmt_nfkc", "nmt_nfkc_cf"))
    mixed = sample + noise(10_000, 4)
    for name, tokenizer in (("roberta", roberta(mixed, 16_000)), ("modern", modern(mixed, 16_000)), ("xlm", xlm(pieces, table))):
        goldens.add_case(name, tokenizer, "data", texts)
        goldens.add_case(name, tokenizer, "noise", noisy)
    settings = [("mpnet", mpnet(golden.ASSIGNED)), *byte_pair_settings(mixed, 16_000)]
    settings += [("U-" + name, tokenizer) for name, tokenizer in unigram_settings(pieces, table, mixed)]
    settings += spelling_settings(golden.ASSIGNED, [table, folding])
    for number, (name, tokenizer) in enumerate(settings):
        goldens.add_case(name, tokenizer, "noise", noisy, special=number % 2 == 0)
    goldens.finish()


if __name__ == "__main__":
    if sys.argv[1] == "small":
        print(json.dumps(small(), separators=(",", ":"), ensure_ascii=False))
    else:
        large(*sys.argv[2:])
