"""Writes words with their stems by PyStemmer, two columns.

usage: stems.py > stems.tsv                   2,000 words of WordNet and 2,000 made of the rules' own suffixes
       stems.py FILE... > all.tsv             every word of these files; SEMBLANCE_STEMS=all.tsv has the tests read it
(PyStemmer 3.1.0: Snowball 3)"""
import random
import re
import sys

import Stemmer

WORD = re.compile(r"\w\w+")
ENDINGS = (
    "s es ed ing edly ingly eed eedly ational tional enci anci abli entli izer ization ation ator alism aliti alli "
    "fulness ousli ousness iveness iviti biliti bli ogi ogist fulli lessli li alize icate iciti ical ful ness ative al "
    "ance ence er ic able ible ant ement ment ent ism ate iti ous ive ize ion sion tion e l ll y ly ies ied sses us ss "
    "at bl iz ying yings ''"
).split()
STARTS = "gener commun arsen past univers later emerg organ inter proc exc succ inn out cann herr earr even".split()
SPECIAL = (
    "skis skies sky dying idly gently ugly early only singly news howe atlas cosmos bias andes by say cry ties tied cries "
    "gas this gaps kiwis added egg off hop hopping hoping proceed exceeds succeeded innings outing evenings yes youth "
    "naïve naïvely überly café's 'tis dogs' dog's dogs's'"
).split()

random.seed(11)
if sys.argv[1:]:
    words = sorted({w for name in sys.argv[1:] for w in WORD.findall(open(name, encoding="utf-8").read().lower())})
else:
    known = set()
    for part in ("noun", "verb", "adj", "adv"):
        with open(f"/usr/share/wordnet/data.{part}", encoding="latin-1") as lines:
            for line in lines:
                known.update(WORD.findall(line.split(" | ")[-1].lower()))
    made = [
        random.choice(["".join(random.choices("aeiouybdglmnrstwxñ'", k=random.randint(0, 6))), random.choice(STARTS)])
        + "".join(random.choices(ENDINGS, k=random.randint(1, 2)))
        for _ in range(2000)
    ]
    words = sorted(set(random.sample(sorted(known), 2000) + made + SPECIAL))
stem = Stemmer.Stemmer("english").stemWord
for word in words:
    if word:
        print(f"{word}\t{stem(word)}")
