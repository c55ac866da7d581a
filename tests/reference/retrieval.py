"""Retrieval figures in plain loops over every order of tied items."""

import itertools
import math

import numpy as np


def rankings(distances, labels, gallery_labels=None, groups=None, gallery_groups=None, rule=None):
    """For each query: the relevances of all its ranked items in each order of ties, and R.

    `distances` is (Q, N); without `gallery_labels`, the queries are the gallery.
    """
    is_self = gallery_labels is None
    gallery_labels = labels if is_self else gallery_labels
    gallery_groups = groups if gallery_groups is None else gallery_groups
    for query in range(len(labels)):
        kept = []
        for item in range(len(gallery_labels)):
            same_class = labels[query] == gallery_labels[item]
            if rule is None:
                if is_self and item == query:
                    continue
            else:
                same_group = groups[query] == gallery_groups[item]
                if same_group and (same_class or rule == "same_group"):
                    continue
            kept.append((float(distances[query][item]), bool(same_class)))
        num_relevant = sum(relevant for _, relevant in kept)
        tied = [
            [relevant for d, relevant in kept if d == distance]
            for distance in sorted({d for d, _ in kept})
        ]
        orders = itertools.product(*(set(itertools.permutations(flags)) for flags in tied))
        yield [[flag for part in order for flag in part] for order in orders], num_relevant


def figure_of(name, flags, num_relevant, k):
    """The figure of one query for one order of the items."""
    hits = sum(flags[:k])
    if name == "recall":
        return float(hits > 0)
    if name == "true_recall":
        return hits / num_relevant
    if name == "precision":
        return hits / k
    if name == "r_precision":
        return sum(flags[:num_relevant]) / num_relevant
    if name == "map_at_r":
        return _precisions(flags, num_relevant) / num_relevant
    if name == "map":
        return _precisions(flags, k) / min(k, num_relevant)
    if name == "mean_reciprocal_rank":
        return 1 / (1 + flags.index(True))
    assert name == "ndcg"
    ideal = sum(1 / math.log2(2 + i) for i in range(min(k, num_relevant)))
    return sum(1 / math.log2(2 + i) for i in range(k) if flags[i]) / ideal


def per_query(name, distances, labels, k=None, **others):
    """Mean of the figure over all orders of ties; NaN for queries without a relevant item."""
    values = []
    for orders, num_relevant in rankings(distances, labels, **others):
        if not num_relevant:
            values.append(math.nan)
            continue
        values.append(np.mean([figure_of(name, flags, num_relevant, k) for flags in orders]))
    return np.array(values)


def _precisions(flags, depth):
    return sum(sum(flags[: i + 1]) / (i + 1) for i in range(depth) if flags[i])
