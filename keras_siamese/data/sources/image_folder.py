"""A folder of image files, one folder for each class, as a source."""

import os
import warnings
from pathlib import Path

import numpy as np

from keras_siamese.data.sources.files import FileSource, named
from keras_siamese.data.sources.image_format import ImageFormat

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
_SHALLOW = "If there are no super-classes, use `depth=1`. "


def from_image_folder(
    folder: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    color_mode: str = "rgb",
    resize: str = "stretch",
    depth: int = 1,
    corrupt: str = "error",
) -> FileSource:
    """Images in `folder/class/`, one folder for each class, as a source.

    Files stay on disk; those of a batch are read, decoded and resized when it is asked for. Images
    are JPEG, PNG, GIF (the first frame), BMP (a palette is ignored) or WebP files, at any depth
    below the folder of their class, in sorted order (links to folders there are not followed).
    Other files are ignored, and so are hidden ones, hidden folders, and images that are in no
    class.

    Args:
        folder: Path of the folder.
        size: `(height, width)` to which images are brought. Defaults to `None`: they have one size.
        color_mode: `"rgb"` (the default), 3 channels, or `"grayscale"`, 1 channel. Transparency is
            ignored.
        resize: What happens to images of another aspect ratio than `size`: `"stretch"` (the
            default) changes it, `"crop"` cuts off what protrudes on two sides, `"pad"` adds black
            on two sides.
        depth: 1 (the default) for `folder/class/`, or 2 for `folder/super-class/class/`: labels are
            then `"super-class/class"`, and super-classes the `groups` of the source.
        corrupt: What happens to files that cannot be read or decoded. For `"error"` (the default)
            and `"skip"`, which leaves them out and warns, each file is decoded once by this
            function; `skipped` of the source has the paths of those left out. `"unchecked"` starts
            at once; a corrupt file, or one of another size than the first, then stops training with
            an error of TensorFlow that may not name it.

    Returns: A `Source` of float32 images in [0, 1], shape `(height, width, channels)`. Labels are
        the names of the folders.

    Raises: ValueError: If there is no such folder, it has no classes, a class has no images, files
        are corrupt and not to be skipped, sizes differ without a `size`, or an argument is out of
        its range.

    Example:
        >>> source = from_image_folder("cifar10/train", size=(32, 32))
        >>> batches = pk_batches(source, classes_per_batch=8, examples_per_class=8)
    """
    image_format = ImageFormat(size, color_mode, resize)
    if depth not in (1, 2):
        raise ValueError(
            "`depth` must be 1 (`folder/class/`) or 2 (`folder/super-class/class/`). "
            f"Received: {depth!r}."
        )
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(
            f"Expected a folder with one folder for each class. Received: {str(folder)!r}, "
            f"which {'is a file' if folder.exists() else 'does not exist'}."
        )
    parents = [folder] if depth == 1 else _subfolders(folder, "super-class")
    classes = [path for parent in parents for path in _subfolders(parent, "class", depth)]
    files = [_images(path) for path in classes]
    _check_none_empty(classes, files)
    _warn_if_deeper(classes, files)
    counts = [len(paths) for paths in files]
    names = ["/".join(path.parts[-depth:]) for path in classes]
    return FileSource(
        [path for paths in files for path in paths],
        np.repeat(names, counts),
        np.repeat([path.parent.name for path in classes], counts) if depth == 2 else None,
        image_format,
        corrupt,
    )


def _subfolders(folder: Path, kind: str, depth: int = 1) -> list[Path]:
    """Returns the folders of one folder, sorted.

    Raises: ValueError: If there are none.
    """
    found = sorted(path for path in folder.iterdir() if path.is_dir() and not _is_hidden(path.name))
    if not found:
        num_images = sum(_is_image(path.name) for path in folder.iterdir())
        raise ValueError(
            f"Expected one folder for each {kind} in {str(folder)!r}. Received: no folders, "
            f"{num_images} images. {_SHALLOW if depth == 2 else ''}Move the images of each {kind} "
            "into a folder named after it"
            + (", or use `from_table` with a column of paths." if num_images else ".")
        )
    return found


def _images(folder: Path) -> list[str]:
    """Returns the paths of the images at any depth below a folder, sorted."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        found += [os.path.join(parent, name) for name in files if _is_image(name)]
    return sorted(found)


def _is_hidden(name: str) -> bool:
    # macOS puts a folder of this name, with files that only look like images, into archives.
    return name.startswith(".") or name == "__MACOSX"


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not _is_hidden(name)


def _check_none_empty(classes: list[Path], files: list[list[str]]) -> None:
    empty = [str(path) for path, images in zip(classes, files, strict=True) if not images]
    if empty:
        raise ValueError(
            f"Expected images ({', '.join(SUFFIXES)}) in the folder of each class. Received: "
            f"{len(empty)} of {len(classes)} folders without: {named(empty)}. Delete these "
            "folders, or convert their files."
        )


def _warn_if_deeper(classes: list[Path], files: list[list[str]]) -> None:
    """Warns if no image lies in the folder of its class, for then the classes may be others."""
    parents = {os.path.dirname(path) for paths in files for path in paths}
    if parents.isdisjoint(map(str, classes)):
        warnings.warn(
            f"The folders of the {len(classes)} classes hold folders of images, no images: "
            f"{named([path.name for path in classes])}. If these are not the classes, give a "
            "folder further down, or use `depth=2` for `folder/super-class/class/`.",
            stacklevel=3,
        )
