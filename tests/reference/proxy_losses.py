"""Float64 references of the proxy losses in loops, sharing no code with the package."""

import math

from reference import loops


def cosine(x, y):
    return 1 - loops.distance("cosine", x, y)


def cross_entropy(logits, label):
    top = max(logits)
    return top + math.log(sum(math.exp(logit - top) for logit in logits)) - logits[label]


def centers_of(proxies, label, num_classes):
    """The centers of a class: every `num_classes`-th row."""
    return [proxies[row] for row in range(label, len(proxies), num_classes)]


def normalized_softmax(x, label, proxies, *, temperature):
    return cross_entropy([cosine(x, p) / temperature for p in proxies], label)


def proxy_nca(x, label, proxies, *, temperature, denominator):
    unit_x = [value / math.hypot(*x) for value in x]
    similarities = []
    for p in proxies:
        unit_p = [value / math.hypot(*p) for value in p]
        squared = sum((a - b) ** 2 for a, b in zip(unit_x, unit_p, strict=True))
        similarities.append(math.exp(-squared / temperature))
    total = sum(s for c, s in enumerate(similarities) if denominator == "all" or c != label)
    return -math.log(similarities[label] / total)


def cos_face(x, label, proxies, *, margin, scale):
    logits = [scale * (cosine(x, p) - margin * (c == label)) for c, p in enumerate(proxies)]
    return cross_entropy(logits, label)


def _arc_face(cosines, label, margin, scale):
    logits = []
    for c, value in enumerate(cosines):
        angle = math.acos(max(-1.0, min(1.0, value)))
        if c == label and angle + margin > math.pi:
            logits.append(scale * (value - margin * math.sin(margin)))
        else:
            logits.append(scale * math.cos(angle + margin * (c == label)))
    return cross_entropy(logits, label)


def arc_face(x, label, proxies, *, margin, scale):
    return _arc_face([cosine(x, p) for p in proxies], label, margin, scale)


def sub_center_arc_face(x, label, proxies, *, num_classes, margin, scale):
    nearest = [
        max(cosine(x, center) for center in centers_of(proxies, c, num_classes))
        for c in range(num_classes)
    ]
    return _arc_face(nearest, label, margin, scale)


def soft_triple(x, label, proxies, *, num_classes, scale, gamma, margin, tau):
    logits, spread = [], 0.0
    for c in range(num_classes):
        centers = centers_of(proxies, c, num_classes)
        cosines = [cosine(x, center) for center in centers]
        shares = [math.exp(value / gamma) for value in cosines]
        similarity = sum(s * value for s, value in zip(shares, cosines, strict=True)) / sum(shares)
        logits.append(scale * (similarity - margin * (c == label)))
        k = len(centers)
        for i in range(k):
            for j in range(i):
                gap = max(0.0, 2 - 2 * cosine(centers[i], centers[j]))
                spread += math.sqrt(gap) / (num_classes * k * (k - 1))
    return cross_entropy(logits, label) + (tau or 0.0) * spread


def proxy_anchor(xs, labels, proxies, *, margin, alpha, reduction, weights):
    pulls, pushes = [], []
    for c, p in enumerate(proxies):
        pull = push = 1.0
        for x, label, weight in zip(xs, labels, weights, strict=True):
            if label == c:
                pull += weight * math.exp(-alpha * (cosine(x, p) - margin))
            else:
                push += weight * math.exp(alpha * (cosine(x, p) + margin))
        if c in labels:
            pulls.append(math.log(pull))
        pushes.append(math.log(push))
    if reduction == "sum":
        return sum(pulls) + sum(pushes)
    if reduction == "mean_nonzero":
        pulls, pushes = ([value for value in terms if value > 0] for terms in (pulls, pushes))
    return sum(sum(terms) / max(1, len(terms)) for terms in (pulls, pushes))


def outliers(labels, xs, proxies, *, num_classes, threshold_degrees):
    found = []
    for c in set(labels):
        centers = centers_of(proxies, c, num_classes)
        places = [i for i, label in enumerate(labels) if label == c]
        votes = [0] * len(centers)
        for i in places:
            cosines = [cosine(xs[i], center) for center in centers]
            votes[cosines.index(max(cosines))] += 1
        main = centers[votes.index(max(votes))]
        found += [
            i for i in places if math.degrees(math.acos(cosine(xs[i], main))) > threshold_degrees
        ]
    return sorted(found)
