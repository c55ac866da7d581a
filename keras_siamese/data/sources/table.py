"""Tables with a column of labels and one of texts or of image files, as sources."""

import csv
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_siamese.data.sources.arrays import ArraySource
from keras_siamese.data.sources.files import FileSource, named
from keras_siamese.data.sources.image_format import ImageFormat
from keras_siamese.data.sources.source import Source
from keras_siamese.ops.checks import check_same_length, unknown_name


def from_table(
    table: Any,
    *,
    label: str,
    text: str | None = None,
    image: str | None = None,
    group: str | None = None,
    root: str | os.PathLike[str] | None = None,
    **image_options: Any,
) -> Source:
    """A CSV file or a data frame, one item a row, as a source of texts or of images.

    Args:
        table: Path of a CSV file in UTF-8 with a header (`.tsv` files have tabs for commas), or
            columns by name: a pandas or polars `DataFrame`, or a dict of lists.
        label: Name of the column of class labels: integers or names. Where all labels of a CSV file
            are integers, they are read as such.
        text: Name of the column of texts. Give either `text` or `image`.
        image: Name of the column of paths of image files, which are read when they are asked for.
        group: Name of the column of super-classes. Defaults to `None`: there are none.
        root: Folder to which paths are relative. Defaults to that of the CSV file, or else to the
            working folder.
        **image_options: `size`, `color_mode`, `resize` and `corrupt` of `from_image_folder`.

    Returns: A `Source` of strings, shape `()`, or of float32 images in [0, 1], shape
        `(height, width, channels)`.

    Raises: ValueError: If `table` is none of these, the file cannot be read, rows differ in length,
        a column does not exist, labels, texts or paths are missing, or image files are refused by
        `from_image_folder`.

    Example:
        >>> source = from_table(
        ...     {"question": ["Where is my card?", "Is it lost?"], "intent": ["arrival", "lost"]},
        ...     text="question",
        ...     label="intent",
        ... )
        >>> source.labels.tolist()
        ['arrival', 'lost']
    """
    if (text is None) == (image is None):
        raise ValueError(
            "Give the name of a column of texts or of one of image files. "
            f"Received: text={text!r} and image={image!r}."
        )
    if text is not None and (image_options or root is not None):
        raise ValueError(
            f"A source of texts has no {', '.join(image_options) or 'root'}: leave it out, or give "
            "`image`, the name of a column of image files, in place of `text`."
        )
    _check_options(image_options)
    is_file = isinstance(table, str | os.PathLike)
    columns = _read_csv(Path(table)) if is_file else table
    if not (isinstance(columns, Mapping) or hasattr(columns, "columns")):
        raise ValueError(
            "Expected the path of a CSV file, or columns by name: a data frame or a dict of lists. "
            f"Received: an object of type {type(table).__name__}."
        )
    labels = _column(columns, "label", label)
    groups = None if group is None else _column(columns, "group", group)
    if is_file:
        labels = _as_integers(labels)
        groups = None if groups is None else _as_integers(groups)
    if text is not None:
        return ArraySource(_strings(columns, "text", text, str), labels, groups)
    if root is None:
        root = Path(table).parent if is_file else ""
    paths = [
        os.path.join(root, path) for path in _strings(columns, "image", image, (str, os.PathLike))
    ]
    corrupt = image_options.pop("corrupt", "error")
    return FileSource(paths, labels, groups, ImageFormat(**image_options), corrupt)


def _check_options(image_options: dict[str, Any]) -> None:
    """Checks that there are options of these names, for which `ImageFormat` would not say it."""
    unknown = image_options.keys() - {"size", "color_mode", "resize", "corrupt"}
    if unknown:
        raise TypeError(f"from_table() got an unexpected keyword argument {min(unknown)!r}")


def _read_csv(path: Path) -> dict[str, list[str]]:
    """Returns the columns of a CSV file.

    Raises: ValueError: If it cannot be read, has no header, or rows differ in length.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(
                file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True
            )
            # Blank lines have no fields.
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"Expected a CSV file in UTF-8. Received: {str(path)!r}, which cannot be read: {error}."
        ) from error
    if not rows:
        raise ValueError(f"Expected a CSV file with a header. Received: {str(path)!r}, empty.")
    (_, header), *rows = rows
    if len(header) == 1 and (found := re.search(r"[;\t|]", header[0])):
        raise ValueError(
            f"Expected commas between the fields of {str(path)!r} (tabs if it is named .tsv). "
            f"Received: {found[0]!r} in the header {header[0]!r}. Save it with commas, or read it "
            "otherwise and give the columns as a dict of lists."
        )
    if len(set(header)) < len(header):
        raise ValueError(f"Columns must have names of their own. Received: {header} in {path}.")
    for line, row in rows:
        if len(row) != len(header):
            raise ValueError(
                f"Expected {len(header)} fields in each row of {str(path)!r}, as in the header "
                f"{header}. Received: {len(row)} in the row that ends in line {line}. Put texts "
                'that hold commas, quotes or line ends in quotes ("...").'
            )
    return {name: [row[place] for _, row in rows] for place, name in enumerate(header)}


def _column(columns: Any, argument: str, name: str | None) -> np.ndarray:
    """Returns a column as an array of objects, shape `(num_rows,)`.

    Raises: ValueError: If there is none of this name, or values are missing.
    """
    names = list(getattr(columns, "columns", columns))
    if name not in names:
        raise unknown_name(argument, name, map(str, names))
    values = np.asarray(columns[name], object)
    missing = [row for row, value in enumerate(values) if _is_missing(value)]
    if missing:
        raise ValueError(
            f"Expected a value in each row of the column {name!r}. Received: {len(missing)} of "
            f"{len(values)} without, the rows {named(missing)} (0 is the first one "
            "below the names). Drop them."
        )
    check_same_length(**{str(name): values})
    return values


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return str(value) in ("None", "nan", "NaT", "<NA>")


def _strings(columns: Any, argument: str, name: str | None, kinds: Any) -> np.ndarray:
    values = _column(columns, argument, name)
    wrong = next((value for value in values if not isinstance(value, kinds)), None)
    if wrong is not None:
        raise ValueError(
            f"The column {name!r} must hold strings. Received: {wrong!r}, of type "
            f"{type(wrong).__name__}."
        )
    return values


def _as_integers(values: np.ndarray) -> np.ndarray:
    """Returns strings as integers if all of them are some that int64 holds, none zero-padded."""
    if all(re.fullmatch(r"0|-?[1-9][0-9]{0,17}", value) for value in values):
        return values.astype(np.int64)
    return values
