"""Files that are either whole or not there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    r"""Gives a temporary path; what is written there appears at `path` only if all went well.

    Args:
        path: The final path of one file. Its folder is created if need be.

    Yields: A path in the same folder, with the same suffixes, to write to. An exception, or the end
        of the process, leaves whatever stood at `path` before.

    Example:
        >>> with atomic_path("logs/labels.tsv") as temporary:
        ...     temporary.write_text("a\nb\n")
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
        temporary = Path(folder) / path.name
        yield temporary
        os.replace(temporary, path)
