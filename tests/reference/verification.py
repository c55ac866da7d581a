"""Float64 references of verification, in plain loops, which share no code with the package."""

import math

import numpy as np


def all_pairs(embeddings, labels, distance):
    """`(same, distances)` of all unordered pairs, by a function of two vectors."""
    x = np.asarray(embeddings, np.float64)
    pairs = [(i, j) for i in range(len(x)) for j in range(i + 1, len(x))]
    same = np.array([labels[i] == labels[j] for i, j in pairs])
    return same, np.array([distance(x[i], x[j]) for i, j in pairs])


def euclidean(x, y):
    return math.sqrt(((x - y) ** 2).sum())


def rates(same, distances, threshold):
    """`(false accept rate, true accept rate)` of accepting up to a threshold."""
    accepted = np.asarray(distances) <= threshold
    same = np.asarray(same, bool)
    return accepted[~same].mean(), accepted[same].mean()


def roc_auc(same, distances):
    positives = [d for s, d in zip(same, distances, strict=True) if s]
    negatives = [d for s, d in zip(same, distances, strict=True) if not s]
    return float(np.mean([(p < n) + 0.5 * (p == n) for p in positives for n in negatives]))


def equal_error_rate(same, distances):
    """Walks along the ROC curve until false accepts overtake false rejects."""
    before = (0.0, 0.0)
    for threshold in sorted(set(distances)):
        after = rates(same, distances, threshold)
        if after[0] >= 1 - after[1]:
            # Where the straight line between the two meets the anti-diagonal.
            rise = (after[0] + after[1]) - (before[0] + before[1])
            share = (1 - before[0] - before[1]) / rise
            return before[0] + share * (after[0] - before[0])
        before = after
    raise AssertionError


def true_accept_rate(same, distances, far):
    """`(rate, threshold)` of the largest distance that keeps to a false accept rate."""
    best = (0.0, -math.inf)
    for threshold in sorted(set(distances)):
        false_rate, true_rate = rates(same, distances, threshold)
        if false_rate <= far + 1e-12:
            best = (true_rate, threshold)
    return best


def best_accuracy(same, distances, balanced):
    same = np.asarray(same, bool)
    found = []
    for threshold in [-math.inf, *sorted(set(distances))]:
        right = (np.asarray(distances) <= threshold) == same
        found.append((right[same].mean() + right[~same].mean()) / 2 if balanced else right.mean())
    return max(found)


def d_prime(same, distances):
    same, distances = np.asarray(same, bool), np.asarray(distances)
    gap = distances[~same].mean() - distances[same].mean()
    return gap / math.sqrt((distances[~same].var() + distances[same].var()) / 2)
