"""Float64 references of losses over pairs in loops, sharing no code with the package.

Each gives the loss of each tuple, a list of `(anchor, value)`. Without the second labels, both sets
are the same items, and none is compared with itself.
"""

import math


def partners(labels, candidate_labels=None):
    """Of each anchor, its positives and its negatives."""
    others = labels if candidate_labels is None else candidate_labels
    for a, label in enumerate(labels):
        positives, negatives = [], []
        for c, other in enumerate(others):
            if other != label:
                negatives.append(c)
            elif candidate_labels is not None or a != c:
                positives.append(c)
        yield a, positives, negatives


def pair_losses(formula, d, labels, candidate_labels=None):
    """Of a formula of an anchor, a distance and whether the two match, over all pairs."""
    losses = []
    for a, positives, negatives in partners(labels, candidate_labels):
        losses += [(a, formula(a, d[a][p], True)) for p in positives]
        losses += [(a, formula(a, d[a][n], False)) for n in negatives]
    return losses


def margin_loss(d, same, margin, beta, nu=0.0):
    sign = 1 if same else -1
    return max(0.0, margin + sign * (d - beta)) + nu * beta / 2


def snr_contrastive_loss(d, same, margin):
    return d if same else max(0.0, margin - d)


def zero_mean(x, factor):
    return factor * sum(abs(sum(float(value) for value in row)) for row in x)


def lifted_structure(d, labels, candidate_labels=None, *, margin):
    others = labels if candidate_labels is None else candidate_labels
    losses = []
    for a, positives, negatives in partners(labels, candidate_labels):
        for p in positives:
            terms = [math.exp(margin - d[a][n]) for n in negatives]
            for k, label in enumerate(labels):
                if label != others[p]:
                    terms.append(math.exp(margin - d[k][p]))
            if terms:
                losses.append((a, max(0.0, math.log(math.fsum(terms)) + d[a][p]) ** 2 / 2))
    return losses


def generalized_lifted_structure(d, labels, candidate_labels=None, *, margin):
    losses = []
    for a, positives, negatives in partners(labels, candidate_labels):
        if positives and negatives:
            far = math.log(sum(math.exp(d[a][p]) for p in positives))
            near = math.log(sum(math.exp(margin - d[a][n]) for n in negatives))
            losses.append((a, max(0.0, far + near)))
    return losses


def multi_similarity(s, labels, candidate_labels=None, *, alpha, beta, base):
    losses = []
    for a, positives, negatives in partners(labels, candidate_labels):
        if positives or negatives:
            far = math.fsum(math.exp(-alpha * (s[a][p] - base)) for p in positives)
            near = math.fsum(math.exp(beta * (s[a][n] - base)) for n in negatives)
            losses.append((a, math.log1p(far) / alpha + math.log1p(near) / beta))
    return losses


def circle(s, labels, candidate_labels=None, *, m, gamma, fixed=None):
    """With `fixed`, the similarities that the weights are made of."""
    fixed = s if fixed is None else fixed
    losses = []
    for a, positives, negatives in partners(labels, candidate_labels):
        if not positives or not negatives:
            continue
        far = [gamma * max(0.0, 1 + m - fixed[a][p]) * (1 - m - s[a][p]) for p in positives]
        near = [gamma * max(0.0, fixed[a][n] + m) * (s[a][n] - m) for n in negatives]
        # Of the paper: log(1 + the sum over all pairs of positives and negatives).
        exponents = [0.0] + [p + n for p in far for n in near]
        most = max(exponents)
        losses.append((a, most + math.log(math.fsum(math.exp(e - most) for e in exponents))))
    return losses
