"""Writes lexical.json: words by Python's regular expressions, and BM25 scores by bm25s.

usage: lexical.py > lexical.json   (bm25s 0.3.16, PyStemmer 3.1.0)"""
import json
import random
import re

import bm25s
import numpy
import Stemmer

random.seed(3)
TEXTS = [
    "", " ", "a", "I b c", "an Owl's  night-flight, no. 42!", "snake_case __init__ x_ _", "don't can’t l'été CAFÉ Ünïcode",
    "ΟΔΟΣ Σοφία ΣΣ ΑΣ. ΑΣΑ", "Привет МИР ёж Ѣ", "日本語 の テスト ﾃｽﾄ", "१२३ ٣٤ ²³ ½x Ⅷ ⅷ ①②", "e\u0301tude nai\u0308ve",
    "emoji 🦉🦉 a🦉bc", "tab\tnew\nline\u00a0nbsp\u2003em\u200bzero\u200djoin", "ǅ ǆungla Ǉubljana ȺȾ ẞ straße ﬁn İ",
    "한국어 텍스트", "ไทย ภาษา", "עברית שָׁלוֹם", "𝐁𝐨𝐥𝐝 𝒻𝒶𝓃𝒸𝓎 𐐀𐐨 𞤀𞤢", "x" * 600, "éÉ" * 300, "ᲐᲑᲒ აბგ Ꭰꭰ ꭱ",
]
ranges = [(0x20, 0x7F), (0xA0, 0x250), (0x370, 0x600), (0x600, 0x1100), (0x1C80, 0x2C00), (0x2C00, 0xABFF), (0xF900, 0x1F000)]
for _ in range(60):
    kinds = random.sample(ranges, 2)
    scalars = [random.randrange(*random.choice(kinds)) for _ in range(60)]
    TEXTS.append("".join(chr(s) for s in scalars if s not in (0x130, 0x3A3) and not 0xD800 <= s < 0xE000))
words = [{"text": text, "words": re.findall(r"(?u)\b\w\w+\b", text.lower())} for text in TEXTS]
for item in words:
    if "İ" in item["text"]:
        item["words"] = re.findall(r"(?u)\b\w\w+\b", item["text"].replace("İ", "i").lower())

VOCABULARY = (
    "the owl owls night nights flying flies fly of and hunting hunter silent silently wing wings wide wisdom wise forest "
    "forests ancient tree trees moon moonlight mouse mice listening listener ears hearing soft feathers"
).split()
corpus = [" ".join(random.choices(VOCABULARY, k=random.choice([0, 1, 3, 8, 20, 60]))) for _ in range(80)]
queries = [" ".join(random.choices(VOCABULARY + ["unknown"], k=random.choice([1, 2, 5]))) for _ in range(20)] + ["the of", ""]
systems = []
for k1, b, english in [(0.9, 0.4, True), (1.5, 0.75, False), (0.0, 1.0, True)]:
    options = dict(stopwords="en", stemmer=Stemmer.Stemmer("english")) if english else dict(stopwords=[])
    index = bm25s.BM25(k1=k1, b=b)
    index.index(bm25s.tokenize(corpus, show_progress=False, **options), show_progress=False)
    scores = []
    for query in queries:
        tokens = bm25s.tokenize([query], show_progress=False, return_ids=False, **options)[0]
        known = [token for token in tokens if token in index.vocab_dict]
        found = index.get_scores(known) if known else numpy.zeros(len(corpus))
        scores.append([round(float(score), 5) for score in found])
    systems.append({"k1": k1, "b": b, "language": "english" if english else "none", "scores": scores})
print(json.dumps({"words": words, "corpus": corpus, "queries": queries, "systems": systems}, ensure_ascii=False))
