"""Query expansion: a query moves towards what it found."""

import numpy as np

from keras_siamese.ops.checks import check_count


def expand_queries(
    queries: np.ndarray, neighbours: np.ndarray, alpha: float | None = 3.0
) -> np.ndarray:
    """Averages each query with its nearest neighbours.

    A neighbour's weight is `max(cos(query, neighbour), 0) ** alpha`; the query's own is 1. The
    average is scaled to the norm of the query.

    Args:
        queries: Shape `(num_queries, embedding_dim)`.
        neighbours: Embeddings of the nearest items, shape `(num_queries, n, embedding_dim)`.
        alpha: Exponent; 0 or None gives all neighbours the weight 1. Defaults to 3.

    Returns: Shape `(num_queries, embedding_dim)`, float32.

    Raises: ValueError: If `alpha` is negative or there are no neighbours.

    Reference: [Chum et al., 2007](https://doi.org/10.1109/ICCV.2007.4408891) for equal weights,
        [Radenovic et al., 2018](https://arxiv.org/abs/1711.02512), section 3.4, for `alpha`.
    """
    queries, neighbours = np.asarray(queries, np.float64), np.asarray(neighbours, np.float64)
    check_count("num_neighbours", neighbours.shape[1])
    if alpha is not None and not 0 <= alpha < np.inf:
        raise ValueError(
            f"`alpha` must be a finite number from 0 on, or None. Received: {alpha!r}."
        )
    norms = _norms(queries)
    weights = np.ones(neighbours.shape[:2])
    if alpha:
        products = np.einsum("qd,qnd->qn", queries, neighbours)
        cosines = products / _nonzero(norms * _norms(neighbours)[..., 0])
        weights = np.maximum(cosines, 0) ** alpha
    expanded = queries + np.einsum("qn,qnd->qd", weights, neighbours)
    return (expanded * (norms / _nonzero(_norms(expanded)))).astype(np.float32)


def _norms(x: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x, axis=-1, keepdims=True)


def _nonzero(x: np.ndarray) -> np.ndarray:
    return np.where(x == 0, 1, x)
