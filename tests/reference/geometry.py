"""Float64 references of geometry in plain loops, which share no code with the package."""

import itertools
import math

import numpy as np


def unit(vector):
    norm = math.sqrt(sum(float(value) ** 2 for value in vector))
    return [float(value) / norm if norm else 0.0 for value in vector]


def squared_distance(x, y):
    return sum((float(a) - float(b)) ** 2 for a, b in zip(x, y, strict=True))


def alignment(embeddings, labels):
    units = [unit(row) for row in embeddings]
    pairs = itertools.combinations(range(len(units)), 2)
    return np.mean(
        [squared_distance(units[i], units[j]) for i, j in pairs if labels[i] == labels[j]]
    )


def uniformity(embeddings):
    units = [unit(row) for row in embeddings]
    pairs = itertools.combinations(units, 2)
    return math.log(np.mean([math.exp(-2 * squared_distance(x, y)) for x, y in pairs]))


def effective_rank(embeddings):
    values = np.linalg.svd(np.asarray(embeddings, np.float64), compute_uv=False)
    shares = [value / values.sum() for value in values]
    return math.exp(-sum(share * math.log(share) for share in shares if share > 0))


def spread(embeddings):
    return np.array([np.asarray(column, np.float64).std() for column in np.transpose(embeddings)])
