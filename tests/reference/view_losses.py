"""Float64 references of the losses of two views, item by item and dimension by dimension."""

import math


def _column(x, i):
    return [float(row[i]) for row in x]


def _deviations(values):
    mean = math.fsum(values) / len(values)
    return [value - mean for value in values]


def _correlation(values, others):
    values, others = _deviations(values), _deviations(others)
    norms = math.hypot(*values) * math.hypot(*others)
    product = math.fsum(a * b for a, b in zip(values, others, strict=True))
    return product / norms if norms > 0 else 0.0


def barlow_twins(x1, x2, redundancy_weight):
    total = 0.0
    for i in range(len(x1[0])):
        for j in range(len(x2[0])):
            correlation = _correlation(_column(x1, i), _column(x2, j))
            if i == j:
                total += (1 - correlation) ** 2
            else:
                total += redundancy_weight * correlation**2
    return total


def _covariance(values, others):
    products = [a * b for a, b in zip(_deviations(values), _deviations(others), strict=True)]
    return math.fsum(products) / max(1, len(values) - 1)


def vicreg(x1, x2, invariance_weight, variance_weight, covariance_weight, epsilon):
    num_items, dim = len(x1), len(x1[0])
    invariance = variance = covariance = 0.0
    for b in range(num_items):
        for i in range(dim):
            invariance += (float(x1[b][i]) - float(x2[b][i])) ** 2 / (num_items * dim)
    for x in (x1, x2):
        for i in range(dim):
            spread = _covariance(_column(x, i), _column(x, i))
            variance += max(0.0, 1 - math.sqrt(spread + epsilon)) / dim
            for j in range(dim):
                if i != j:
                    covariance += _covariance(_column(x, i), _column(x, j)) ** 2 / dim
    return (
        invariance_weight * invariance + variance_weight * variance + covariance_weight * covariance
    )


def _matrix_product(x, kernel):
    return [
        [
            math.fsum(float(a) * float(row[j]) for a, row in zip(item, kernel, strict=True))
            for j in range(len(kernel[0]))
        ]
        for item in x
    ]


def _predict(x, weights, training, epsilon):
    """The predictor; its weights in the order in which Keras gives them."""
    kernel, gamma, beta, moving_mean, moving_variance, last_kernel, last_bias = weights
    hidden = _matrix_product(x, kernel)
    for j in range(len(gamma)):
        column = _column(hidden, j)
        mean, variance = float(moving_mean[j]), float(moving_variance[j])
        if training:
            mean = math.fsum(column) / len(column)
            variance = math.fsum((value - mean) ** 2 for value in column) / len(column)
        for row, value in zip(hidden, column, strict=True):
            normal = (value - mean) / math.sqrt(variance + epsilon)
            row[j] = max(0.0, float(gamma[j]) * normal + float(beta[j]))
    return [
        [value + float(bias) for value, bias in zip(row, last_bias, strict=True)]
        for row in _matrix_product(hidden, last_kernel)
    ]


def _cosine(a, b):
    norms = math.hypot(*a) * math.hypot(*b)
    product = math.fsum(float(u) * float(v) for u, v in zip(a, b, strict=True))
    return product / norms if norms > 0 else 0.0


def sim_siam(x1, x2, weights, training, targets=None, epsilon=1e-5):
    """The loss of each item; `targets` are what is predicted, by default the views themselves."""
    target1, target2 = (x1, x2) if targets is None else targets
    predicted1 = _predict(x1, weights, training, epsilon)
    predicted2 = _predict(x2, weights, training, epsilon)
    return [
        -(_cosine(predicted1[b], target2[b]) + _cosine(predicted2[b], target1[b])) / 2
        for b in range(len(x1))
    ]
