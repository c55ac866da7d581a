"""Archives of images, unpacked once, for the examples."""

import zipfile
from pathlib import Path


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpacks a zip file into a folder, unless that is there; returns the folder.

    Raises: ValueError: If there is no such zip file.
    """
    if folder.exists():
        return folder
    if not zipfile.is_zipfile(archive):
        raise ValueError(f"Expected a zip file. Received: {archive}. Give its folder as `--data`.")
    # Under another name until it is whole.
    part = folder.with_name(f"{folder.name}.part")
    with zipfile.ZipFile(archive) as file:
        file.extractall(part)
    return part.rename(folder)
