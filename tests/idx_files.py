"""Writes IDX files, as of MNIST, for tests."""

import numpy as np


def write_idx(path, array, opener=open):
    """Writes an array of bytes."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    with opener(path, "wb") as file:
        file.write(header + array.tobytes())
