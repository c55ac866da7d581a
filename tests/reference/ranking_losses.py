"""Float64 loops of the losses by ranks and of two towers: lists of `(anchor, loss)`."""

import math

from reference import loops


def _rows(labels, x, candidate_labels, candidates):
    """Each anchor, with the cosine of every candidate but itself, and which of them match."""
    same_set = candidate_labels is None
    if same_set:
        candidate_labels, candidates = labels, x
    for a, label in enumerate(labels):
        others = [c for c in range(len(candidate_labels)) if not (same_set and a == c)]
        cosines = {c: 1 - loops.distance("cosine", x[a], candidates[c]) for c in others}
        yield a, cosines, [c for c in others if candidate_labels[c] == label]


def _sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _rank(cosines, item, among, temperature):
    above = [_sigmoid((cosines[c] - cosines[item]) / temperature) for c in among if c != item]
    return 1 + sum(above)


def smooth_ap(loss, labels, x, candidate_labels=None, candidates=None):
    losses = []
    for a, cosines, positives in _rows(labels, x, candidate_labels, candidates):
        if positives:
            precisions = [
                _rank(cosines, p, positives, loss.temperature)
                / _rank(cosines, p, cosines, loss.temperature)
                for p in positives
            ]
            losses.append((a, 1 - sum(precisions) / len(precisions)))
    return losses


def recall_at_k(loss, labels, x, candidate_labels=None, candidates=None):
    losses = []
    for a, cosines, positives in _rows(labels, x, candidate_labels, candidates):
        if positives:
            ranks = [_rank(cosines, p, cosines, loss.temperature) for p in positives]
            total = 0.0
            for k in loss.k:
                found = sum(_sigmoid((k - rank) / loss.k_temperature) for rank in ranks)
                total += min(found, k) / min(k, len(positives))
            losses.append((a, 1 - total / len(loss.k)))
    return losses


def fast_ap(loss, labels, x, candidate_labels=None, candidates=None):
    losses, width = [], 4 / loss.num_bins
    for a, cosines, positives in _rows(labels, x, candidate_labels, candidates):
        if not positives:
            continue
        cumulated_positives = cumulated = precision = 0.0
        for place in range(loss.num_bins + 1):
            in_bin = {
                c: max(0.0, 1 - abs(2 - 2 * cosine - place * width) / width)
                for c, cosine in cosines.items()
            }
            positives_in_bin = sum(in_bin[p] for p in positives)
            cumulated_positives += positives_in_bin
            cumulated += sum(in_bin.values())
            if cumulated > 0:
                precision += positives_in_bin * cumulated_positives / cumulated
        losses.append((a, 1 - precision / len(positives)))
    return losses


def symmetric_contrastive(scale, labels, x, candidate_labels=None, candidates=None):
    rows = list(_rows(labels, x, candidate_labels, candidates))
    matching = {}  # anchors of each candidate
    compared = {}
    for a, cosines, positives in rows:
        for c, cosine in cosines.items():
            compared.setdefault(c, []).append(scale * cosine)
        for p in positives:
            matching.setdefault(p, []).append(a)
    num_anchors = sum(bool(positives) for _, _, positives in rows)
    losses = []
    for a, cosines, positives in rows:
        if not positives:
            continue
        from_anchor = from_candidates = 0.0
        for p in positives:
            logit = scale * cosines[p]
            total = sum(math.exp(scale * cosine - logit) for cosine in cosines.values())
            from_anchor += math.log(total) / len(positives)
            total = sum(math.exp(other - logit) for other in compared[p])
            from_candidates += math.log(total) / len(matching[p])
        losses.append((a, (from_anchor + num_anchors / len(matching) * from_candidates) / 2))
    return losses


def sigmoid_contrastive(scale, bias, labels, x, candidate_labels=None, candidates=None):
    losses = []
    for a, cosines, positives in _rows(labels, x, candidate_labels, candidates):
        if cosines:
            signs = {c: 1 if c in positives else -1 for c in cosines}
            parts = [_softplus(-signs[c] * (scale * cosines[c] + bias)) for c in cosines]
            losses.append((a, sum(parts)))
    return losses
