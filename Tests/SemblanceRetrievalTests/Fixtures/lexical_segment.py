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


def xxh64(data):
    """The specification's steps, seed 0."""
    p1, p2, p3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
    p4 = 0x85EBCA77C2B2AE63
    turn = lambda x, n: (x << n | x >> (64 - n)) & MASK
    step = lambda lane, word: turn((lane + word * p2) & MASK, 31) * p1 & MASK
    words = struct.unpack(f"<{len(data) // 8}Q", data)
    stripes = len(words) // 4 * 4
    lanes = [(p1 + p2) & MASK, p2, 0, -p1 & MASK]
    for place, word in enumerate(words[:stripes]):
        lanes[place % 4] = step(lanes[place % 4], word)
    total = sum(turn(lane, n) for lane, n in zip(lanes, (1, 7, 12, 18))) & MASK
    for lane in lanes:
        total = ((total ^ step(0, lane)) * p1 + p4) & MASK
    total = (total + len(data)) & MASK
    for word in words[stripes:]:
        total = (turn(total ^ step(0, word), 27) * p1 + p4) & MASK
    for shift, factor in ((33, p2), (29, p3), (32, 1)):
        total = (total ^ total >> shift) * factor & MASK
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
print(hashlib.sha256(b"semblex\1" + struct.pack("<Q", xxh64(counts + arrays)) + counts + arrays).hexdigest())
