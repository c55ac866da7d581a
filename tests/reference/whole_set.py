"""Float64 references in plain loops, which share no code with the package."""

import itertools
import math

import numpy as np

# Whole-set metrics. `distances` is (N, N), `labels` (N,); each item is a query against all others.


def euclidean_distances(x):
    x = np.asarray(x, np.float64)
    return np.array([[math.sqrt(((a - b) ** 2).sum()) for b in x] for a in x])


def recall_at_k(distances, labels, k):
    """Expected over random orders of tied items, by counting the orders without a hit."""
    scores = []
    for others, relevant in _queries(distances, labels):
        nearest = others[relevant].min()
        places = k - int((others < nearest).sum())
        tied = int((others == nearest).sum())
        tied_negatives = tied - int((others[relevant] == nearest).sum())
        if places <= 0:
            scores.append(0.0)
        elif places >= tied:
            scores.append(1.0)
        else:
            scores.append(1 - math.comb(tied_negatives, places) / math.comb(tied, places))
    return float(np.mean(scores))


def map_at_r(distances, labels):
    """Expected over random orders: P(i) rel(i) is a sum over j <= i of P(rel(i) and rel(j)) / i."""
    scores = []
    for others, relevant in _queries(distances, labels):
        ranked = np.sort(others)
        tied = [int((others == d).sum()) for d in ranked]
        tied_relevant = [int((others[relevant] == d).sum()) for d in ranked]
        num_relevant = int(relevant.sum())
        total = 0.0
        for i in range(num_relevant):
            for j in range(i + 1):
                both = tied_relevant[i] / tied[i]
                if j < i and ranked[i] == ranked[j]:
                    both *= (tied_relevant[j] - 1) / (tied[j] - 1)
                elif j < i:
                    both *= tied_relevant[j] / tied[j]
                total += both / (i + 1)
        scores.append(total / num_relevant)
    return float(np.mean(scores))


def average_over_orders(score, distances, labels):
    """Mean over queries of the mean of `score(relevances)` over all orders of tied items."""
    means = []
    for others, relevant in _queries(distances, labels):
        groups = [relevant[others == distance] for distance in np.unique(others)]
        orders = itertools.product(*(itertools.permutations(group) for group in groups))
        means.append(
            np.mean([score([flag for part in order for flag in part]) for order in orders])
        )
    return float(np.mean(means))


def pair_auc(distances, labels):
    positives, negatives = pair_distances(distances, labels)
    wins = [(p < n) + 0.5 * (p == n) for p in positives for n in negatives]
    return float(np.mean(wins))


def pair_distances(distances, labels):
    """Distances of the unordered pairs of one class, and of those of two."""
    positives, negatives = [], []
    for i, j in itertools.combinations(range(len(labels)), 2):
        (positives if labels[i] == labels[j] else negatives).append(float(distances[i][j]))
    return positives, negatives


def _queries(distances, labels):
    labels = np.asarray(labels)
    for query in range(len(labels)):
        others = np.delete(np.asarray(distances)[query], query)
        relevant = np.delete(labels == labels[query], query)
        if relevant.any():
            yield others, relevant
