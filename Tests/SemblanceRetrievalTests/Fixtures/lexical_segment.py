"""Prints the SHA-256 of a small segment of a lexical index, written here from Docs/Lexical.md alone.

usage: lexical_segment.py"""
import hashlib
import struct

MASK, FACTOR = 2**64 - 1, 0x9E3779B97F4A7C15
# "Two owls, one owl", "naïve" and "" as numbers 2, 5 and 4,000,000,000.
NUMBERS, LENGTHS = [2, 5, 4_000_000_000], [4, 1, 0]
TERMS = {"two": [(0, 1)], "owl": [(0, 2)], "one": [(0, 1)], "naïv": [(1, 1)]}  # slot, frequency


def hashed(word):
    state, rest = len(word), word
    while len(rest) >= 8:
        state = ((state ^ int.from_bytes(rest[:8], "little")) * FACTOR) & MASK
        state, rest = state ^ state >> 32, rest[8:]
    return ((state ^ int.from_bytes(rest, "little")) * FACTOR & MASK) >> 32


def checksum(data):
    lanes = [1, 2, 3, 4]
    words = struct.unpack(f"<{len(data) // 8}Q", data)
    for place, word in enumerate(words):
        mixed = ((lanes[place % 4] ^ word) * FACTOR) & MASK
        lanes[place % 4] = mixed ^ mixed >> 32
    total = len(words)
    for lane in lanes:
        total = ((total ^ lane) * FACTOR) & MASK
        total ^= total >> 29
    return total


def array(kind, values):
    data = struct.pack(f"<{len(values)}{kind}", *values)
    return data + bytes(-len(data) % 8)


words = [term.encode() for term in TERMS]
lists = list(TERMS.values())
buckets = 2
while buckets < 2 * len(words):
    buckets *= 2
table = [0] * buckets
for place, word in enumerate(words):
    at = hashed(word) % buckets
    while table[at]:
        at = (at + 1) % buckets
    table[at] = hashed(word) << 32 | place + 1
arrays = (
    array("Q", [sum(map(len, lists[:i])) for i in range(len(lists) + 1)])
    + array("Q", [sum(map(len, words[:i])) for i in range(len(words) + 1)])
    + array("Q", table)
    + array("I", NUMBERS)
    + array("I", LENGTHS)
    + array("I", [slot for held in lists for slot, _ in held])
    + array("I", [frequency for held in lists for _, frequency in held])
    + array("B", list(b"".join(words)))
)
counts = struct.pack(
    "<3Q4IQ", 64 + len(arrays), sum(map(len, lists)), sum(map(len, words)), len(NUMBERS), len(words), buckets, 1, 0
)
print(hashlib.sha256(b"semblex\1" + struct.pack("<Q", checksum(counts + arrays)) + counts + arrays).hexdigest())
