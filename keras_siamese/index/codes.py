"""Small codes of vectors, among which an approximate index looks for candidates."""

from typing import Any

import numpy as np

from keras_siamese.ops.checks import check_choice

CODES = ("float32", "float16", "int8", "binary")


class Coder:
    """Turns vectors into codes whose squared Euclidean distances have about the right order.

    `int8` has one scale for all vectors, the greatest entry of the first ones that it sees, and
    clips later entries that are greater. `binary` keeps the signs about the mean of the first ones;
    codes are compared by the number of signs that differ.

    Bytes for each vector of size D: 4 D, 2 D, D, and D / 8 rounded up.

    Args:
        codes: `"float32"`, `"float16"`, `"int8"` or `"binary"`.
        normalize: Whether only directions count.
    """

    def __init__(self, codes: str, normalize: bool) -> None:
        self.codes = check_choice("codes", codes, CODES)
        self.normalize = normalize
        self._scale: float | None = None
        self._mean: np.ndarray | None = None

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """Returns the codes of vectors, float32, shape `(num_vectors, embedding_dim)`.

        Returns: Shape `(num_vectors, embedding_dim)`; of `binary`, 8 signs to a byte.
        """
        if self.normalize:
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = vectors / np.where(norms == 0, 1, norms)
        if self.codes == "binary":
            if self._mean is None:
                self._mean = vectors.mean(axis=0)
            return np.packbits(vectors > self._mean, axis=1)
        if self.codes == "int8":
            if self._scale is None:
                self._scale = float(np.abs(vectors).max()) or 1.0
            return np.clip(np.rint(vectors * (127 / self._scale)), -127, 127).astype(np.int8)
        limit = np.finfo(self.codes).max
        return np.clip(vectors, -limit, limit).astype(self.codes, copy=False)

    def get_config(self) -> dict[str, Any]:
        """What was taken from the first vectors."""
        mean = None if self._mean is None else self._mean.tolist()
        return {"scale": self._scale, "mean": mean}

    def set_config(self, config: dict[str, Any], embedding_dim: int) -> None:
        """Takes up what `get_config` gave.

        Raises: ValueError: If it is something else.
        """
        scale, mean = config.get("scale"), config.get("mean")
        try:
            self._scale = None if scale is None else float(scale)
            self._mean = None if mean is None else np.array(mean, np.float32)
        except (TypeError, ValueError, OverflowError):
            raise ValueError("The codes of the graph have no scale and mean.") from None
        needs = {"int8": self._scale, "binary": self._mean}.get(self.codes, True)
        is_right = needs is not None and (self._scale is None or 0 < self._scale < np.inf)
        if not is_right or (self._mean is not None and self._mean.shape != (embedding_dim,)):
            raise ValueError("The codes of the graph have no scale and mean.")
