"""Writes unicode_properties.c: what the pre-tokenizers and normalisers but BERT's know of each Unicode scalar.

Every fact is asked of the installed `tokenizers` library, scalar by scalar, because each of its steps follows a
Unicode version of its own. It doesn't show grapheme clusters as such: the classes of their standard come from the
`regex` module, and what joins a letter is then checked against the library, for every scalar.
usage: properties.py > ../unicode_properties.c   (an environment with `tokenizers` and `regex`)"""
import base64
import json
import struct
import sys

import regex
import tokenizers
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

BLOCK = 128
SCALARS = [s for s in range(0x110000) if not 0xD800 <= s < 0xE000]
HANGUL = range(0xAC00, 0xAC00 + 11172)
BREAKS = "Other CR LF Control Extend ZWJ RI Prepend SpacingMark L V T LV LVT Pictograph".split()
CONJUNCTS = ["None", "Consonant", "Extend", "Linker"]
LETTER, NUMBER, NUMERIC, COMBINING, COMPATIBLE, COMPOSES, UNSTABLE = (1 << bit for bit in range(6, 13))


def matched(pattern):
    remove = normalizers.Replace(Regex(pattern), "").normalize_str
    return {s for s in SCALARS if remove(chr(s)) == ""}


def with_property(name):
    pattern = regex.compile(r"\p{%s}" % name)
    return {s for s in SCALARS if pattern.match(chr(s))}


letters, numbers = matched(r"\p{L}"), matched(r"\p{N}")
digits = pre_tokenizers.Digits(individual_digits=True).pre_tokenize_str
numeric = {s for s in SCALARS if len(digits("a" + chr(s))) == 2}
strip = normalizers.StripAccents().normalize_str
combining = {s for s in SCALARS if strip(chr(s)) == ""}

nfd, nfc = normalizers.NFD().normalize_str, normalizers.NFC().normalize_str
nfkd, nfkc = normalizers.NFKD().normalize_str, normalizers.NFKC().normalize_str
compatible = {s: nfkd(chr(s)) for s in SCALARS if nfkd(chr(s)) != nfd(chr(s))}

compositions = {}
for scalar in SCALARS:
    full = nfd(chr(scalar))
    if len(full) > 1 and nfc(full) == chr(scalar) and scalar not in HANGUL:
        first, second = nfc(full[:-1]), full[-1]
        assert len(first) == 1 and nfc(first + second) == chr(scalar), hex(scalar)
        compositions[ord(first), ord(second)] = scalar
seconds = {second for _, second in compositions} | set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
assert nfc("\u1100\u1161\u11a8") == "\uac01" and nfc("\uac00\u11a8") == "\uac01" and nfc("\uac00\u11a7") == "\uac00\u11a7"
for scalar in SCALARS:
    assert nfkc(chr(scalar)) == nfc(nfkd(chr(scalar))), hex(scalar)


# What composition or reordering may change: all else is copied.
odd = {0x334, 0x345} | seconds  # marks of the smallest and of the greatest class
odd |= {s for s in SCALARS if nfc(chr(s)) != chr(s) or nfd("\u0345" + chr(s)) != "\u0345" + nfd(chr(s))}
odd |= {s for s in SCALARS if nfd(chr(s)) == chr(s) and nfd(chr(s) + "\u0334") != chr(s) + "\u0334"}
classes = {s: number for number, name in enumerate(BREAKS[1:-1], 1) for s in with_property("GCB=" + name)}
classes |= {s: BREAKS.index("Pictograph") for s in with_property("Extended_Pictographic") if s not in classes}
conjuncts = {s: number for number, name in enumerate(CONJUNCTS) if number for s in with_property("InCB=" + name)}

# A map that makes b of the cluster that begins with a, whole.
units = [0] * 1024
units[0], units[0x161], units[0x161 ^ 0x200] = 0x100 << 10, 0x200 << 10 | 1 << 8 | 0x61, 1 << 31
charsmap = base64.b64encode(struct.pack("<I1024I", 4096, *units) + b"b\0").decode()
probe = {
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "pre_tokenizer": None,
    "post_processor": None, "decoder": None, "normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap},
    "model": {"type": "Unigram", "unk_id": 0, "vocab": [["", 0.0]]},
}  # fmt: skip
cluster = Tokenizer.from_str(json.dumps(probe)).normalizer.normalize_str
joining = {BREAKS.index(name) for name in ("Extend", "ZWJ", "SpacingMark")}
for scalar in SCALARS[1:]:
    joins = cluster("a" + chr(scalar)) == "b"
    assert not joins or classes.get(scalar, 0) in joining, hex(scalar)
    if not joins and classes.get(scalar, 0) in joining:  # assigned in a later version of Unicode
        del classes[scalar]
        conjuncts.pop(scalar, None)

pool, pool_index = [], {}
for text in compatible.values():
    if text not in pool_index:
        pool_index[text] = len(pool)
        pool += map(ord, text)

properties = []
for scalar in range(0x110000):
    value = classes.get(scalar, 0) | conjuncts.get(scalar, 0) << 4
    for flag, members in (
        (LETTER, letters), (NUMBER, numbers), (NUMERIC, numeric), (COMBINING, combining), (COMPATIBLE, compatible),
        (COMPOSES, seconds), (UNSTABLE, odd),
    ):  # fmt: skip
        value |= flag if scalar in members else 0
    properties.append(value)

blocks, block_index, stage1 = [], {}, []
for start in range(0, 0x110000, BLOCK):
    block = tuple(properties[start : start + BLOCK])
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


found = sorted((first, second, whole) for (first, second), whole in compositions.items())
print(f"""// Generated by Tables/properties.py from the behaviour of tokenizers {tokenizers.__version__}; not edited by hand.
#include "properties.h"

const uint16_t semblance_property_blocks[{len(stage1)}] = {{
{rows(stage1)}
}};

const uint16_t semblance_property_values[{len(blocks) * BLOCK}] = {{
{rows(value for block in blocks for value in block)}
}};

const size_t semblance_composition_count = {len(found)};

const semblance_composition semblance_compositions[{len(found)}] = {{
{rows('{' + ','.join(map(str, row)) + '}' for row in found)}
}};

const size_t semblance_compatibility_count = {len(compatible)};

const semblance_compatibility semblance_compatibilities[{len(compatible)}] = {{
{rows('{' + f'{s},{pool_index[text]},{len(text)}' + '}' for s, text in sorted(compatible.items()))}
}};

const uint32_t semblance_compatibility_pool[{len(pool)}] = {{
{rows(pool)}
}};""")
print(f"{len(blocks)} blocks, {len(found)} compositions, {len(compatible)} compatible, pool {len(pool)}, "
      f"numeric unlike number {len(numeric ^ numbers)}, odd {len(odd)}", file=sys.stderr)  # fmt: skip
