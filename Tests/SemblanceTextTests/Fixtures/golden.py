"""Golden token ids from Hugging Face's `tokenizers`.

usage: golden.py small > golden.json         the committed values
       golden.py large OUT DATA TOKENIZER    every text under DATA and 10,000 noisy ones with the tokenizer.json given,
                                             and the noise with tokenizers of our own making; the test reads OUT
                                             by the environment variable SEMBLANCE_TOKENIZER_GOLDEN
"""
import json
import os
import random
import sys
import unicodedata

import numpy as np
import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ASSIGNED = [s for s in range(0x110000) if unicodedata.category(chr(s)) not in ("Cn", "Co", "Cs")]


def scripts():
    """Assigned scalars by the first word of their names: about one list a script."""
    found = {}
    for scalar in ASSIGNED:
        found.setdefault(unicodedata.name(chr(scalar), "CONTROL").split(" ")[0].split("-")[0], []).append(scalar)
    return [scalars for _, scalars in sorted(found.items())]


SCRIPTS = scripts()
MARKS = [s for s in ASSIGNED if unicodedata.category(chr(s)).startswith("M")]
SPACES = [s for s in range(0x110000) if chr(s).isspace()]
NOISE = [s for s in range(0x110000) if not 0xD800 <= s < 0xE000]
SNIPPETS = SPECIAL + [
    "Hello, World!", "naïve café", "İstanbul ΣΑΣ ẞ", "中文字 and more", "한국어 텍스트", "e\u0301\u0323\u0327", "\u1e9b\u0323",
    "don't 3.14 x=y @home #tag", "[ MASK ]", "[mask]", "[CLS", "a" * 101, "a" * 100, "é" * 101, "\u0000\ufffd\u00ad\u200b\ufeff",
    "\t\r\n\x0b\x0c\x85\u2028", "new  york", "New York", "NEW YÖRK", "<tag>", "x<tag>y", "big", "bigger big,big",
]  # fmt: skip


def noisy(generator):
    text = ""
    for _ in range(generator.randrange(1, 12)):
        kind, length = generator.randrange(8), generator.randrange(1, 9)
        if kind == 0:
            text += generator.choice(SNIPPETS)
        elif kind == 1:
            text += "".join(chr(generator.choice(NOISE)) for _ in range(length))
        elif kind == 2:
            text += generator.choice("aeou") + "".join(chr(generator.choice(MARKS)) for _ in range(length))
        elif kind == 3:
            text += "".join(chr(generator.choice(SPACES)) for _ in range(length % 3 + 1))
        elif kind == 4:
            text += "".join(chr(generator.randrange(128)) for _ in range(length))
        else:
            script = generator.choice(SCRIPTS)
            text += "".join(chr(generator.choice(script)) for _ in range(length))
        text += generator.choice(["", "", " ", "\u3000"])
    return text


def spelling(normalizer, scalars):
    """A tokenizer that has every scalar given as a token, alone and inside a word, so that ids show the whole text."""
    vocabulary = {token: i for i, token in enumerate(SPECIAL)}
    for scalar in scalars:
        for token in (chr(scalar), "##" + chr(scalar)):
            vocabulary.setdefault(token, len(vocabulary))
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def with_added_tokens(tokenizer):
    flags = [dict(zip(("single_word", "lstrip", "rstrip"), map(bool, (i & 1, i & 2, i & 4)))) for i in range(8)]
    words = ["big", "<tag>", "New York", "York", "É", "中", "a", "\u0301x"]
    tokenizer.add_tokens([AddedToken(word, normalized=True, **flags[i]) for i, word in enumerate(words)])
    words = ["bigger", "<raw>", "new  york", "tag", "ö", "文", "don", "@"]
    tokenizer.add_tokens([AddedToken(word, normalized=False, **flags[i]) for i, word in enumerate(words)])
    return tokenizer


def normalizers_to_try():
    for bits in range(16):
        clean, ideographs, lower, strip = (bool(bits & bit) for bit in (1, 2, 4, 8))
        yield normalizers.BertNormalizer(clean, ideographs, strip if bits % 3 else None, lower)
    yield None


def small():
    generator = random.Random(1)
    letters = sorted(set(range(32, 127)) | set(map(ord, "éöûßıçñåαβγσςабвגדהابپकखก中文字国한국어텍스트가각힣")) | set(range(0x1100, 0x1113)) | set(range(0x1161, 0x1176)))
    cases = []
    for number, normalizer in enumerate(normalizers_to_try()):
        tokenizer = spelling(normalizer, letters)
        if number % 2:
            tokenizer = with_added_tokens(tokenizer)
        if number % 5 == 4:
            tokenizer.enable_truncation(7, direction="left" if number == 4 else "right")
        texts = ["", " ", *SNIPPETS] + [noisy(generator) for _ in range(12)]
        cases.append(
            {"tokenizer": tokenizer.to_str(), "texts": texts, "ids": [e.ids for e in tokenizer.encode_batch(texts)]}
        )
    print(json.dumps({"version": tokenizers.__version__, "cases": cases}, separators=(",", ":")))


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def all_texts(folder):
    for root, _, files in sorted(os.walk(folder)):
        for name in sorted(files):
            path = os.path.join(root, name)
            if name.endswith((".jsonl", ".tsv", ".md")):
                for line in open(path, encoding="utf-8", newline="\n"):
                    line = line.rstrip("\n")
                    yield from strings(json.loads(line)) if name.endswith(".jsonl") and line else line.split("\t")


class Goldens:
    """A folder of texts, tokenizers and ids; `finish` lists what is compared with what."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.cases = folder, []

    def store(self, name, array, kind):
        np.asarray(array, dtype=kind).tofile(os.path.join(self.folder, name))

    def add_texts(self, name, texts):
        packed = [text.encode("utf-8") for text in texts]
        open(os.path.join(self.folder, name + ".bytes"), "wb").write(b"".join(packed))
        self.store(name + ".ends", np.cumsum([len(p) for p in packed]), "<i8")

    def add_case(self, name, tokenizer, texts_name, texts, special=True):
        path = os.path.join(self.folder, name + ".json")
        if not os.path.exists(path):
            tokenizer.save(path)
        tokenizer = Tokenizer.from_file(path)  # scores change a little when they are written and read
        ids_name = f"{name}-{texts_name}-{special}"
        ids = [e.ids for start in range(0, len(texts), 10_000)
               for e in tokenizer.encode_batch_fast(texts[start : start + 10_000], add_special_tokens=special)]  # fmt: skip
        self.store(ids_name + ".ids", [i for row in ids for i in row], "<i4")
        self.store(ids_name + ".offsets", np.cumsum([0] + [len(row) for row in ids]), "<i4")
        self.cases.append({"tokenizer": name, "texts": texts_name, "ids": ids_name, "special": special})
        print(ids_name, len(texts), sum(map(len, ids)), file=sys.stderr)

    def finish(self):
        json.dump(self.cases, open(os.path.join(self.folder, "cases.json"), "w"))


def large(out, data, path):
    generator = random.Random(2)
    noise = [noisy(generator) for _ in range(10_000)]
    texts = list(all_texts(data))
    goldens = Goldens(out)
    goldens.add_texts("data", texts)
    goldens.add_texts("noise", noise)
    given = Tokenizer.from_file(path)
    given.no_padding()
    goldens.add_case("given", given, "data", texts)
    goldens.add_case("given", given, "noise", noise)
    given.no_truncation()
    goldens.add_case("given-whole", given, "data", texts, special=False)
    for number, normalizer in enumerate(normalizers_to_try()):
        plain, added = spelling(normalizer, ASSIGNED), with_added_tokens(spelling(normalizer, ASSIGNED))
        goldens.add_case(f"spelling-{number}", plain, "noise", noise)
        goldens.add_case(f"added-{number}", added, "noise", noise, special=False)
    goldens.finish()


if __name__ == "__main__":
    small() if sys.argv[1] == "small" else large(*sys.argv[2:])
