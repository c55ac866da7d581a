"""Float64 references, in loops, of the losses that compare the positives and negatives of an item.

Each gives the `(anchor, loss)` of its tuples. Two sets are given as in `loops`.
"""

import math

from reference import loops


def similarity(name, x, y):
    d = loops.distance(name, x, y)
    return 1 - d if name == "cosine" else -d


def anchors(labels, candidate_labels=None):
    """Every anchor, with its positives and negatives."""
    same_set = candidate_labels is None
    candidate_labels = labels if same_set else candidate_labels
    for a in range(len(labels)):
        others = [c for c in range(len(candidate_labels)) if not (same_set and a == c)]
        yield (
            a,
            [c for c in others if candidate_labels[c] == labels[a]],
            [c for c in others if candidate_labels[c] != labels[a]],
        )


def complete(labels, candidate_labels=None):
    """The anchors that have positives and negatives."""
    return [row for row in anchors(labels, candidate_labels) if row[1] and row[2]]


def nt_xent(name, labels, x, candidate_labels=None, candidates=None, *, temperature):
    candidates = x if candidates is None else candidates
    losses = []
    for a, positives, negatives in complete(labels, candidate_labels):
        for p in positives:
            s_ap = similarity(name, x[a], candidates[p]) / temperature
            total = 1.0
            for n in negatives:
                total += math.exp(similarity(name, x[a], candidates[n]) / temperature - s_ap)
            losses.append((a, math.log(total)))
    return losses


def sup_con(name, labels, x, candidate_labels=None, candidates=None, *, temperature):
    candidates = x if candidates is None else candidates
    losses = []
    for a, positives, negatives in complete(labels, candidate_labels):
        total = 0.0
        for j in positives + negatives:
            total += math.exp(similarity(name, x[a], candidates[j]) / temperature)
        loss = 0.0
        for p in positives:
            odds = math.exp(similarity(name, x[a], candidates[p]) / temperature) / total
            loss -= math.log(odds) / len(positives)
        losses.append((a, loss))
    return losses


def nca(name, labels, x, candidate_labels=None, candidates=None, *, temperature):
    candidates = x if candidates is None else candidates
    losses = []
    for a, positives, negatives in complete(labels, candidate_labels):
        logits = {
            j: similarity(name, x[a], candidates[j]) / temperature for j in positives + negatives
        }
        most = max(logits[p] for p in positives)
        above = sum(math.exp(logits[p] - most) for p in positives)
        below = above + sum(math.exp(logits[n] - most) for n in negatives)
        losses.append((a, math.log(below) - math.log(above)))
    return losses


def n_pairs_of_paper(pairs):
    """The N-pair loss of `N` (anchor, positive) of `N` classes: one loss for each pair."""
    losses = []
    for i, (anchor, positive) in enumerate(pairs):
        own = sum(u * v for u, v in zip(anchor, positive, strict=True))
        total = 1.0
        for j, (_, other) in enumerate(pairs):
            if j != i:
                total += math.exp(sum(u * v for u, v in zip(anchor, other, strict=True)) - own)
        losses.append(math.log(total))
    return losses


def _unit(x):
    norm = math.hypot(*x)
    return [value / norm for value in x]


def angular(labels, x, candidate_labels=None, candidates=None, *, alpha):
    candidates = x if candidates is None else candidates
    t = math.tan(math.radians(alpha)) ** 2
    losses = []
    for a, positives, negatives in complete(labels, candidate_labels):
        for p in positives:
            x_a, x_p = _unit(x[a]), _unit(candidates[p])
            total = 1.0
            for n in negatives:
                exponent = 0.0
                for u, v, w in zip(x_a, x_p, _unit(candidates[n]), strict=True):
                    exponent += 4 * t * (u + v) * w - 2 * (1 + t) * u * v
                total += math.exp(exponent)
            losses.append((a, math.log(total)))
    return losses


def tuplet_margin(labels, x, candidate_labels=None, candidates=None, *, scale, beta):
    candidates = x if candidates is None else candidates
    losses = []
    for a, positives, negatives in complete(labels, candidate_labels):
        for p in positives:
            angle = math.acos(similarity("cosine", x[a], candidates[p]))
            slack = math.cos(angle - math.radians(beta))
            total = 1.0
            for n in negatives:
                total += math.exp(scale * (similarity("cosine", x[a], candidates[n]) - slack))
            losses.append((a, math.log(total)))
    return losses


def ranked_list(d, labels, candidate_labels=None, *, loss, weigh=None):
    """By distances; `weigh` are those that the weights are made of, if they are others."""
    weigh = d if weigh is None else weigh
    losses = []
    for a, positives, negatives in anchors(labels, candidate_labels):
        if not positives and not negatives:
            continue
        value = 0.0
        for kind, sign, limit, temperature, share in (
            (positives, 1, loss.alpha - loss.margin, loss.positive_temperature, 1 - loss.imbalance),
            (negatives, -1, loss.alpha, loss.negative_temperature, loss.imbalance),
        ):
            excess = {c: sign * (d[a][c] - limit) for c in kind if sign * (d[a][c] - limit) > 0}
            weight = {c: math.exp(temperature * sign * (weigh[a][c] - limit)) for c in excess}
            if excess:
                mean = sum(weight[c] * excess[c] for c in excess) / sum(weight.values())
                value += share * mean
        losses.append((a, value))
    return losses
