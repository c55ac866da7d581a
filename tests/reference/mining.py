"""Float64 references of miners in loops, sharing no code with the package.

A batch is given as `sides`: for each anchor its positives and its negatives, lists of candidates.
"""

import math


def sides(labels, candidate_labels=None, own=None, matches=lambda a, b: a == b):
    """Positives and negatives of each anchor; without a second set, `own` is its own place."""
    if candidate_labels is None:
        candidate_labels, own = labels, range(len(labels))
    both = []
    for a, label in enumerate(labels):
        positives, negatives = [], []
        for c, other in enumerate(candidate_labels):
            if not matches(int(label), int(other)):
                negatives.append(c)
            elif own is None or own[a] != c:
                positives.append(c)
        both.append((positives, negatives))
    return both


def easy_positive(d, sides, fallback):
    triplets = []
    for a, (positives, negatives) in enumerate(sides):
        if not positives or not negatives:
            continue
        p = min(positives, key=lambda c: d[a][c])
        beyond = [n for n in negatives if d[a][n] > d[a][p]]
        if beyond:
            triplets.append((a, p, min(beyond, key=lambda c: d[a][c])))
        elif fallback == "farthest":
            triplets.append((a, p, max(negatives, key=lambda c: d[a][c])))
        elif fallback == "hardest":
            triplets.append((a, p, min(negatives, key=lambda c: d[a][c])))
    return triplets


def hard_range(d, sides, positive_ranks, negative_ranks):
    triplets = []
    for a, (positives, negatives) in enumerate(sides):
        farthest_first = sorted(positives, key=lambda c: -d[a][c])
        nearest_first = sorted(negatives, key=lambda c: d[a][c])
        triplets += [
            (a, p, n)
            for rank_p, p in enumerate(farthest_first)
            for rank_n, n in enumerate(nearest_first)
            if positive_ranks[0] <= rank_p < positive_ranks[1]
            and negative_ranks[0] <= rank_n < negative_ranks[1]
        ]
    return triplets


def draw_probabilities(x, candidates, sides, *, cutoff, upper_distance, density):
    """For each anchor the negatives that may be drawn, and how probably."""
    rows = []
    for anchor, (_, negatives) in zip(x, sides, strict=True):
        d = {n: _distance_on_sphere(anchor, candidates[n]) for n in negatives}
        d = {n: max(value, cutoff) for n, value in d.items() if value < upper_distance}
        if density == "sphere":
            bound = 1 / _density(cutoff, len(anchor))
            weights = {n: min(bound, 1 / _density(value, len(anchor))) for n, value in d.items()}
        else:
            width = (upper_distance - cutoff) / 50
            bins = {n: min(int((value - cutoff) / width), 49) for n, value in d.items()}
            of_bin = list(bins.values())
            weights = {n: 1 / of_bin.count(place) for n, place in bins.items()}
        total = sum(weights.values())
        rows.append({n: weight / total for n, weight in weights.items()})
    return rows


def _distance_on_sphere(x, y):
    norms = [math.sqrt(sum(float(value) ** 2 for value in vector)) or 1.0 for vector in (x, y)]
    return math.sqrt(
        sum((float(a) / norms[0] - float(b) / norms[1]) ** 2 for a, b in zip(x, y, strict=True))
    )


def _density(d, dim):
    return d ** (dim - 2) * (1 - d**2 / 4) ** ((dim - 3) / 2)


def multi_similarity(s, sides, epsilon):
    """Pairs `(anchor, candidate, same)`."""
    pairs = []
    for a, (positives, negatives) in enumerate(sides):
        if not positives or not negatives:
            continue
        farthest = min(s[a][p] for p in positives)
        nearest = max(s[a][n] for n in negatives)
        pairs += [(a, p, True) for p in positives if s[a][p] < nearest + epsilon]
        pairs += [(a, n, False) for n in negatives if s[a][n] > farthest - epsilon]
    return pairs


def pair_margin(d, sides, positive_margin, negative_margin):
    pairs = []
    for a, (positives, negatives) in enumerate(sides):
        pairs += [(a, p, True) for p in positives if d[a][p] > positive_margin]
        pairs += [(a, n, False) for n in negatives if d[a][n] < negative_margin]
    return pairs
