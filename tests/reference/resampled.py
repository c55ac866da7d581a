"""Figures of a resample in loops over copies of items, which share no code with the package."""

import itertools
import math

import numpy as np


def copies(counts, units):
    """(item, copy of its unit) for each time that an item's unit was drawn."""
    return [
        (item, (units[item], copy))
        for item in range(len(units))
        for copy in range(int(counts[units[item]]))
    ]


def pairs(counts, units):
    """Pairs of items that were drawn: copies of one unit are never compared with each other."""
    for (i, one), (j, other) in itertools.combinations(copies(counts, units), 2):
        if one[0] != other[0] or (one == other and i != j):
            yield i, j


def pair_auc(counts, units, distances, labels):
    chosen = list(pairs(counts, units))
    positives = [distances[i][j] for i, j in chosen if labels[i] == labels[j]]
    negatives = [distances[i][j] for i, j in chosen if labels[i] != labels[j]]
    if not positives or not negatives:
        return math.nan
    return np.mean([(p < n) + 0.5 * (p == n) for p in positives for n in negatives])


def pair_mean(counts, units, values, wanted):
    chosen = [values[i][j] for i, j in pairs(counts, units) if wanted(i, j)]
    return np.mean(chosen) if chosen else math.nan


def mean(counts, units, values):
    chosen = [values[item] for item, _ in copies(counts, units)]
    return np.mean(chosen) if chosen else math.nan
