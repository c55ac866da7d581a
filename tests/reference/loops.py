"""Float64 references of distances, miners and losses in loops, sharing no code with the package.

Two sets are given as `(N, M)` distances with the labels of both; without the second labels, both
sets are the same items, and none is its own positive.
"""

import itertools
import math
import statistics

import numpy as np


def distance(name, x, y):
    x, y = [float(value) for value in x], [float(value) for value in y]
    if name == "manhattan":
        return sum(abs(a - b) for a, b in zip(x, y, strict=True))
    if name == "signal_to_noise":
        signal = statistics.pvariance(x)
        noise = statistics.pvariance([a - b for a, b in zip(x, y, strict=True)])
        return noise / signal if signal > 0 else 0.0
    squared = sum((a - b) ** 2 for a, b in zip(x, y, strict=True))
    if name == "squared_euclidean":
        return squared
    if name == "euclidean":
        return math.sqrt(squared)
    product = sum(a * b for a, b in zip(x, y, strict=True))
    if name == "inner_product":
        return -product
    norms = math.hypot(*x) * math.hypot(*y)
    cosine = product / norms if norms > 0 else 0.0
    return 1 - cosine if name == "cosine" else math.acos(max(-1.0, min(1.0, cosine))) / math.pi


def distances(name, x, y=None):
    y = x if y is None else y
    return np.array([[distance(name, a, b) for b in y] for a in x])


def positive_pairs(labels, candidate_labels=None):
    """Every (anchor, positive), with all negatives of the anchor."""
    same_set = candidate_labels is None
    candidate_labels = labels if same_set else candidate_labels
    for a, p in itertools.product(range(len(labels)), range(len(candidate_labels))):
        if labels[a] == candidate_labels[p] and not (same_set and a == p):
            negatives = [n for n, label in enumerate(candidate_labels) if label != labels[a]]
            yield a, p, negatives


def semi_hard(d, labels, candidate_labels=None, *, negative, fallback, margin):
    """The triplets of semi-hard mining, each once; with "random", all that may be drawn."""
    triplets = []
    for a, p, negatives in positive_pairs(labels, candidate_labels):
        end = math.inf if margin is None else d[a][p] + margin
        chosen = [n for n in negatives if d[a][p] < d[a][n] < end]
        if chosen and negative == "nearest":
            chosen = [min(chosen, key=lambda n: d[a][n])]
        elif not chosen and negatives and fallback == "farthest":
            chosen = [max(negatives, key=lambda n: d[a][n])]
        elif not chosen and negatives and fallback == "hardest":
            chosen = [min(negatives, key=lambda n: d[a][n])]
        triplets += [(a, p, n) for n in chosen]
    return triplets


def batch_hard(d, labels, candidate_labels=None):
    farthest = {}
    for a, p, negatives in positive_pairs(labels, candidate_labels):
        if negatives and (a not in farthest or d[a][p] > d[a][farthest[a][0]]):
            farthest[a] = (p, min(negatives, key=lambda n: d[a][n]))
    return [(a, p, n) for a, (p, n) in farthest.items()]


def batch_all(d, labels, candidate_labels=None):
    pairs = positive_pairs(labels, candidate_labels)
    return [(a, p, n) for a, p, negatives in pairs for n in negatives]


def triplet_loss(d_ap, d_an, margin):
    gap = d_ap - d_an
    if margin == "soft":
        return max(gap, 0.0) + math.log1p(math.exp(-abs(gap)))
    return max(0.0, gap + margin)


def contrastive_loss(d, same, margin):
    return d**2 / 2 if same else max(0.0, margin - d) ** 2 / 2


def reduce(losses, reduction, num_anchors, *, num_pairs=None, weights=None):
    """Reduces `(anchor, loss)` or, to be balanced, `(anchor, loss, same)`."""
    weights = np.ones(num_anchors) if weights is None else weights
    if reduction == "balanced":
        kinds = [[row[:2] for row in losses if row[2] is kind] for kind in (True, False)]
        return sum(reduce(kind, "mean", num_anchors, weights=weights) for kind in kinds) / 2
    if reduction == "none":
        rows = [[row for row in losses if row[0] == a] for a in range(num_anchors)]
        return [reduce(row, "mean", num_anchors, weights=weights) for row in rows]
    total = sum(weights[row[0]] * row[1] for row in losses)
    if reduction == "sum":
        return total
    if reduction == "mean_nonzero":
        return total / max(1, sum(row[1] > 0 for row in losses))
    return total / max(1, num_pairs if reduction == "mean_pairs" else len(losses))


def contrastive_losses(d, labels, candidate_labels=None, *, margin):
    same_set = candidate_labels is None
    candidate_labels = labels if same_set else candidate_labels
    return [
        (a, contrastive_loss(d[a][c], bool(labels[a] == label), margin), bool(labels[a] == label))
        for a in range(len(labels))
        for c, label in enumerate(candidate_labels)
        if not (same_set and a == c)
    ]


def addons_triplet_semi_hard(x, labels, margin):
    """tensorflow-addons' `TripletSemiHardLoss` under the Euclidean distance, with its gradient."""
    x = np.asarray(x, np.float64)
    d = distances("euclidean", x)
    total, count, gradient = 0.0, 0, np.zeros_like(x)
    for a, p, negatives in positive_pairs(labels):
        farther = [n for n in negatives if d[a][n] > d[a][p]]
        n = (
            min(farther, key=lambda n: d[a][n])
            if farther
            else max(negatives, key=lambda n: d[a][n])
        )
        count += 1
        loss = d[a][p] - d[a][n] + margin
        if loss > 0:
            total += loss
            towards_p = (x[a] - x[p]) / d[a][p] if d[a][p] > 0 else 0 * x[a]
            towards_n = (x[a] - x[n]) / d[a][n] if d[a][n] > 0 else 0 * x[a]
            gradient[a] += towards_p - towards_n
            gradient[p] -= towards_p
            gradient[n] += towards_n
    return total / count, gradient / count


def finite_differences(function, x, step=1e-6):
    """Central differences of a scalar function of an array."""
    x = np.array(x, np.float64)
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[place] += step
        behind[place] -= step
        gradient[place] = (function(ahead) - function(behind)) / (2 * step)
    return gradient
