"""Intervals and tests over queries, as the benchmarks' scripts report them. Python 3 with numpy."""
import numpy as np


def interval(values, resamples=2000):
    """95 %: the percentile bootstrap over queries."""
    generator = np.random.default_rng(0)
    means = [values[generator.integers(0, len(values), len(values))].mean() for _ in range(resamples)]
    return np.percentile(means, [2.5, 97.5])


def paired_test(differences, permutations=100_000, block=1000):
    """The paired randomisation test: how often random signs give a sum as far from 0."""
    differences = differences[differences != 0].astype("f4")
    bar = abs(differences.sum(dtype="f8")) - 1e-6 * np.abs(differences).sum()
    generator, count, bytes_needed = np.random.default_rng(0), 0, (len(differences) + 7) // 8
    for _ in range(permutations // block):
        bits = np.unpackbits(generator.integers(0, 256, (block, bytes_needed), "u1"), axis=1)[:, : len(differences)]
        count += int((np.abs(differences.sum() - 2 * (bits.astype("f4") @ differences)) >= bar).sum())
    return (count + 1) / (permutations + 1)
