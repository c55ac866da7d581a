"""Texts that fit: broken into lines, or cut, by how long they really are."""

from typing import Any

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

_FINE = 720  # Dots in an inch, so many that none is rounded noticeably.
_LONGEST_TEXT = 1000  # No more of a text is looked at.
_RENDERER = RendererAgg(1, 1, _FINE)
MAX_LABEL_LENGTH = 28


def shorten(text: Any, length: int = MAX_LABEL_LENGTH) -> str:
    """Returns a label as text of at most `length` characters, in one line, `$` being itself."""
    line = " ".join(str(text).split())
    return as_plain(line if len(line) <= length else line[: length - 1] + "…")


def as_plain(text: str) -> str:
    """Returns a text for matplotlib in which `$` is itself and begins no formula."""
    return text.replace("$", r"\$")


def fit_text(
    text: str, width: float, *, size: float = 8, bold: bool = False, max_lines: int = 2
) -> str:
    """Returns a text broken into lines that fit, the last one cut with an ellipsis if need be.

    Args:
        text: Any text; line ends and tabs become spaces.
        width: In inches.
        size: In points.
        bold: Whether in bold type.
        max_lines: Lines there may be.
    """
    font = FontProperties(size=size, weight="bold" if bold else "normal")
    words = text[:_LONGEST_TEXT].split()
    lines: list[str] = []
    while words and len(lines) < max_lines:
        line = words.pop(0)
        while words and _width(f"{line} {words[0]}", font) <= width:
            line += f" {words.pop(0)}"
        is_last = len(lines) == max_lines - 1
        if _width(line, font) > width or (is_last and words):
            line = _cut(line, width, font)
        lines.append(line)
    return "\n".join(lines)


def _cut(line: str, width: float, font: FontProperties) -> str:
    while line and _width(f"{line}…", font) > width:
        line = line[:-1]
    return f"{line.rstrip()}…"


def _width(text: str, font: FontProperties) -> float:
    """Returns how long a line is, in inches, and a little more: other scales round otherwise."""
    return 1.04 * _RENDERER.get_text_width_height_descent(text, font, ismath=False)[0] / _FINE
