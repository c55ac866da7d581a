"""Loops that say what an index should find; they share no code with the package."""

import math


def distance(name, x, y):
    dot = sum(float(a) * float(b) for a, b in zip(x, y, strict=True))
    squared = sum((float(a) - float(b)) ** 2 for a, b in zip(x, y, strict=True))
    norms = math.sqrt(sum(float(a) ** 2 for a in x) * sum(float(b) ** 2 for b in y))
    cosine = dot / norms if norms else 0.0
    return {
        "euclidean": math.sqrt(squared),
        "squared_euclidean": squared,
        "cosine": 1 - cosine,
        "angular": math.acos(min(1.0, max(-1.0, cosine))) / math.pi,
        "inner_product": -dot,
        "manhattan": sum(abs(float(a) - float(b)) for a, b in zip(x, y, strict=True)),
    }[name]


def ranked(name, query, gallery):
    """Gives `(distance, place)` of all items, nearest first."""
    return sorted((distance(name, query, item), place) for place, item in enumerate(gallery))


def duplicates(name, gallery, threshold):
    """Gives `{place that goes: place that stays}`."""
    gone = {}
    for i in range(len(gallery)):
        if i in gone:
            continue
        for j in range(i + 1, len(gallery)):
            if j not in gone and distance(name, gallery[i], gallery[j]) <= threshold:
                gone[j] = i
    return gone


def k_reciprocal(distances, num_queries, k1, k2, weight):
    """Zhong et al. 2017 with sets and dicts; `distances` is a list of lists."""
    n = len(distances)
    d = [[value / (max(row) or 1) for value in row] for row in distances]
    rank = [sorted(range(n), key=lambda j, i=i: (j != i, d[i][j], j)) for i in range(n)]

    def reciprocal(i, k):
        return {j for j in rank[i][: k + 1] if i in rank[j][: k + 1]}

    vectors = []
    for i in range(n):
        own = reciprocal(i, k1)
        members = set(own)
        for j in own:
            other = reciprocal(j, max(1, round(k1 / 2)))
            if len(own & other) > 2 / 3 * len(other):
                members |= other
        total = sum(math.exp(-d[i][j]) for j in members)
        vectors.append({j: math.exp(-d[i][j]) / total for j in members})
    averaged = []
    for i in range(n):
        near = rank[i][:k2]
        averaged.append([sum(vectors[j].get(m, 0.0) for j in near) / len(near) for m in range(n)])
    result = []
    for q in range(num_queries):
        row = []
        for g in range(num_queries, n):
            pairs = list(zip(averaged[q], averaged[g], strict=True))
            jaccard = 1 - sum(map(min, pairs)) / sum(map(max, pairs))
            row.append((1 - weight) * jaccard + weight * d[q][g])
        result.append(row)
    return result


def expanded(query, neighbours, alpha):
    weights = [max(0.0, 1 - distance("cosine", query, item)) ** alpha for item in neighbours]
    total = [
        float(value) + sum(w * float(item[i]) for w, item in zip(weights, neighbours, strict=True))
        for i, value in enumerate(query)
    ]
    norm = math.sqrt(sum(value**2 for value in total))
    target = math.sqrt(sum(float(value) ** 2 for value in query))
    return [value * target / norm for value in total]


def voted(labels, distances, threshold, unknown):
    near = [label for label, d in zip(labels, distances, strict=True) if d <= threshold]
    if not near:
        return unknown
    return max(near, key=lambda label: (near.count(label), -near.index(label)))
