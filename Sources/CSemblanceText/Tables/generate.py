"""Writes unicode_tables.c: what BERT's normaliser and pre-tokenizer do with each Unicode scalar.

Every fact is asked of the installed `tokenizers` library, scalar by scalar, because each of its steps follows a
Unicode version of its own.
usage: generate.py > ../unicode_tables.c   (an environment with `tokenizers`)"""
import sys
import unicodedata

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

BLOCK = 128
SCALARS = [s for s in range(0x110000) if not 0xD800 <= s < 0xE000]
HANGUL = range(0xAC00, 0xAC00 + 11172)
REMOVED, BLANK, IDEOGRAPH, MARK, SPACE, PUNCTUATION, WORD = (1 << bit for bit in range(7))


def bert(**chosen):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**(off | chosen)).normalize_str


clean, ideographs = bert(clean_text=True), bert(handle_chinese_chars=True)
strip, lower = bert(strip_accents=True), bert(lowercase=True)
decompose = normalizers.NFD().normalize_str
words = pre_tokenizers.BertPreTokenizer().pre_tokenize_str

# Whether a scalar is \w or \s to the flags of added tokens.
alone = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
alone.add_tokens([AddedToken("@@", single_word=True, normalized=False), AddedToken("%%", rstrip=True, normalized=False)])


def is_word(text):
    return alone.token_to_id("@@") not in alone.encode(text + "@@").ids


def is_regex_space(text):
    return len(alone.encode("%%" + text).ids) == 1


# One known scalar of each canonical combining class; a scalar's class is where it sorts among them.
def reorders(left, right):
    return decompose(left + right) != left + right


ladder = {}
for scalar in SCALARS:
    text, combining = chr(scalar), unicodedata.combining(chr(scalar))
    known = reorders(text, "\u0334") or reorders("\u0345", text)  # the smallest and the greatest class
    if combining and combining not in ladder and known and decompose(text) == text:
        ladder[combining] = text
steps = sorted(ladder)


def combining_class(text):
    """0 if the scalar takes no part in canonical ordering, else the class it shares with a step of the ladder."""
    above = [step for step in steps if reorders(ladder[step], text)]  # those of a greater class
    below = [step for step in steps if reorders(text, ladder[step])]  # those of a smaller class
    if not above and not below:
        return 0
    equal = [step for step in steps if step not in above and step not in below]
    assert len(equal) == 1, (hex(ord(text)), equal)
    return equal[0]


pool, pool_index = [], {}


def pooled(text):
    if text not in pool_index:
        pool_index[text] = len(pool)
        pool.extend(ord(c) for c in text)
    return pool_index[text]


records, record_index, of_scalar = [], {}, []
for scalar in range(0x110000):
    if 0xD800 <= scalar < 0xE000:
        of_scalar.append(of_scalar[-1])
        continue
    text = chr(scalar)
    flags, combining, decomposition, lowered, delta = 0, 0, (0, 0), (0, 0), 0
    cleaned = clean(text)
    assert cleaned in ("", " ", text)
    flags |= REMOVED if cleaned == "" else BLANK if cleaned == " " else 0
    if ideographs(text) != text:
        assert ideographs(text) == f" {text} "
        flags |= IDEOGRAPH
    full = decompose(text)
    if full != text:
        if scalar in HANGUL:
            index = scalar - HANGUL.start
            parts = [0x1100 + index // 588, 0x1161 + index % 588 // 28] + ([0x11A7 + index % 28] if index % 28 else [])
            assert full == "".join(map(chr, parts))
        else:
            decomposition = (pooled(full), len(full))
    else:
        combining = combining_class(text)
        flags |= MARK if strip(text) == "" else 0
    assert strip(text) == "".join(c for c in full if strip(c))
    small = lower(text)
    if len(small) == 1:
        delta = ord(small) - scalar
    else:
        lowered = (pooled(small), len(small))
    found = [word for word, _ in words(f"a{text}b")]
    assert found in (["a", "b"], ["a", text, "b"], [f"a{text}b"]), (hex(scalar), found)
    flags |= SPACE if len(found) == 2 else PUNCTUATION if len(found) == 3 else 0
    flags |= WORD if is_word(text) else 0
    assert is_regex_space(text) == (len(found) == 2), hex(scalar)
    record = (flags, combining, decomposition[1], lowered[1], decomposition[0], lowered[0], delta)
    if record not in record_index:
        record_index[record] = len(records)
        records.append(record)
    of_scalar.append(record_index[record])

blocks, block_index, stage1 = [], {}, []
for start in range(0, 0x110000, BLOCK):
    block = tuple(of_scalar[start : start + BLOCK])
    if block not in block_index:
        block_index[block] = len(blocks)
        blocks.append(block)
    stage1.append(block_index[block])


def rows(numbers):
    lines, line = [], "   "
    for number in numbers:
        item = f" {number},"
        if len(line) + len(item) > 118:
            lines.append(line)
            line = "   "
        line += item
    return "\n".join(lines + [line])


print(f"""// Generated by Tables/generate.py from the behaviour of tokenizers {tokenizers.__version__}; not edited by hand.
#include "unicode.h"

const uint32_t semblance_scalar_pool[{len(pool)}] = {{
{rows(pool)}
}};

const semblance_scalar_record semblance_scalar_records[{len(records)}] = {{
{rows('{' + ','.join(map(str, record)) + '}' for record in records)}
}};

const uint16_t semblance_scalar_blocks[{len(stage1)}] = {{
{rows(stage1)}
}};

const uint16_t semblance_scalar_indices[{len(blocks) * BLOCK}] = {{
{rows(index for block in blocks for index in block)}
}};""")
disagree = [hex(s) for s in SCALARS if records[of_scalar[s]][1] != unicodedata.combining(chr(s)) and decompose(chr(s)) == chr(s)]
print(
    f"{len(records)} records, {len(blocks)} blocks, pool {len(pool)}, spaces "
    f"{[hex(s) for s in SCALARS if records[of_scalar[s]][0] & SPACE]}, classes unlike Python's: {len(disagree)} {disagree[:20]}",
    file=sys.stderr,
)
