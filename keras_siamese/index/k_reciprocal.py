"""Re-ranking by k-reciprocal neighbours: items that are among each other's nearest."""

import numpy as np

from keras_siamese.ops.checks import check_count


def k_reciprocal_distances(
    distances: np.ndarray,
    num_queries: int,
    *,
    k1: int = 20,
    k2: int = 6,
    original_weight: float = 0.3,
) -> np.ndarray:
    """Distances from queries to a gallery by how alike their neighbourhoods are.

    An item's set R holds those of its k1 nearest that count it among their own k1 nearest; R grows
    by the half-sized set of a member of which more than two thirds are in R. An item becomes the
    vector of weights `exp(-d)` of its set, sum 1, averaged over its k2 nearest (itself included);
    the Jaccard distance of two such vectors, `1 - sum of minima / sum of maxima`, is mixed with the
    original distance. Distances are first divided by the greatest one of their row.

    Time and memory grow with the square of queries and gallery together.

    Args:
        distances: Among all queries, followed by all items of the gallery: shape
            `(num_queries + num_gallery, num_queries + num_gallery)`. The paper has squared
            Euclidean ones.
        num_queries: How many of the rows are queries.
        k1: Size of the neighbourhoods. Defaults to 20.
        k2: Neighbours that vectors are averaged over; 1 for none. Defaults to 6.
        original_weight: Weight of the original distance, 0 to 1, called lambda in the paper.
            Defaults to 0.3.

    Returns: Shape `(num_queries, num_gallery)`, float32.

    Raises: ValueError: If the matrix is not square or not finite, or an argument is out of range.

    Reference: [Zhong et al., 2017](https://arxiv.org/abs/1701.08398), section 3. Deviation: the
        division by the greatest distance of each row, which the authors' program has.
    """
    check_count("k1", k1)
    check_count("k2", k2)
    if not 0 <= original_weight <= 1:
        raise ValueError(f"`original_weight` must be from 0 to 1. Received: {original_weight!r}.")
    distances = np.asarray(distances, np.float32)
    if distances.ndim != 2 or distances.shape[0] != distances.shape[1]:
        raise ValueError(
            "`distances` must be square, of queries and gallery together. "
            f"Received: shape {distances.shape}."
        )
    if check_count("num_queries", num_queries, least=0) > len(distances):
        raise ValueError(
            f"`num_queries` must be at most {len(distances)}, the rows of `distances`. "
            f"Received: {num_queries}."
        )
    if not np.isfinite(distances).all():
        raise ValueError("`distances` must be finite. Received: NaN or infinity in it.")
    greatest = distances.max(axis=1, keepdims=True, initial=0)
    distances = distances / np.where(greatest == 0, 1, greatest)
    ranking = _nearest(distances, max(k1 + 1, k2))
    large = _reciprocal(ranking, k1)
    small = _reciprocal(ranking, max(1, round(k1 / 2)))
    weights = np.zeros_like(distances)
    for item, own in enumerate(large):
        members = _expanded(own, small)
        values = np.exp(-distances[item, members])
        weights[item, members] = values / values.sum()
    if k2 > 1:
        weights = np.stack([weights[nearest[:k2]].mean(axis=0) for nearest in ranking])
    return _mixed(weights, distances, num_queries, original_weight)


def _nearest(distances: np.ndarray, count: int) -> np.ndarray:
    """Returns the nearest items of each, itself first, of equal distances the first one."""
    ranked = distances.copy()
    np.fill_diagonal(ranked, -1)
    return np.argsort(ranked, axis=1, kind="stable")[:, :count]


def _reciprocal(ranking: np.ndarray, k: int) -> list[np.ndarray]:
    """Returns, for each item, those of its k nearest that have it among theirs, and itself."""
    nearest = ranking[:, : k + 1]
    is_near = np.zeros((len(nearest), len(nearest)), bool)
    np.put_along_axis(is_near, nearest, True, axis=1)
    return [near[is_near[near, item]] for item, near in enumerate(nearest)]


def _expanded(own: np.ndarray, small: list[np.ndarray]) -> np.ndarray:
    members = [own]
    for item in own:
        if 3 * np.isin(small[item], own).sum() > 2 * len(small[item]):
            members.append(small[item])
    return np.unique(np.concatenate(members))


def _mixed(
    weights: np.ndarray, distances: np.ndarray, num_queries: int, original_weight: float
) -> np.ndarray:
    mixed = np.empty((num_queries, len(weights) - num_queries), np.float32)
    gallery = weights[num_queries:]
    for query in range(num_queries):
        # Of vectors of sum 1, the minima and the maxima add up to 2.
        members = np.flatnonzero(weights[query])
        minima = np.minimum(weights[query, members], gallery[:, members]).sum(axis=1)
        jaccard = 1 - minima / (2 - minima)
        original = distances[query, num_queries:]
        mixed[query] = (1 - original_weight) * jaccard + original_weight * original
    return mixed
