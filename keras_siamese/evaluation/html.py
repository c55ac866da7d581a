"""Pages of figures, plots, pictures and texts that are one HTML file each and ask for no other."""

import base64
import io
import os
from collections.abc import Callable, Mapping, Sequence
from html import escape
from string import Template

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from keras_siamese.evaluation.plots.items import Items
from keras_siamese.evaluation.plots.rows import Cell, Group
from keras_siamese.evaluation.plots.style import STYLES, Style
from keras_siamese.files import atomic_path

_LONGEST_TEXT = 500
# Dots for an inch of a plot: in the file, for sharp screens, and of the page.
_FILE_DPI, _PAGE_DPI = 160, 100
# No script runs, whatever stands in a label, and nothing is fetched.
_PAGE = Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { $light }
@media (prefers-color-scheme: dark) { :root { $dark } }
body { background: var(--background); color: var(--text); margin: 0 auto; max-width: 76rem;
  padding: 1.5rem; font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; padding-bottom: .2rem;
  border-bottom: 1px solid var(--grid); }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
p { margin: .4rem 0; max-width: 50rem; }
.note { color: var(--muted); }
table { border-collapse: collapse; margin: .6rem 0; }
th, td { padding: .25rem .8rem .25rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--grid); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
td.name { min-width: 3rem; max-width: 12rem; overflow-wrap: break-word; }
td.text { overflow-wrap: anywhere; }
div.table { overflow-x: auto; }
.plots { display: flex; flex-wrap: wrap; gap: 1.2rem; align-items: flex-start; }
.plots img { max-width: 100%; height: auto; }
.rows { display: flex; flex-wrap: wrap; gap: .6rem 1.6rem; }
.group { display: flex; flex-wrap: wrap; gap: .5rem; }
.wide .group { flex-basis: 100%; }
figure.cell { margin: 0; width: 6.2rem; text-align: center; font-size: .8rem; }
figure.cell img { width: 100%; height: 6.2rem; object-fit: contain; box-sizing: border-box;
  border: 3px solid transparent; }
.small img { image-rendering: pixelated; }
figure.right img { border: 3px solid var(--right); }
figure.wrong img { border: 3px dashed var(--wrong); }
.right b { color: var(--right); } .wrong b { color: var(--wrong); }
figcaption span { display: block; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
tr.last td { border-bottom: 2px solid var(--muted); }
</style>
</head>
<body>
$body
</body>
</html>
"""
)


class Page:
    """A page that is put together from top to bottom. All texts are escaped.

    Args:
        title: Its title.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._body = [f"<h1>{escape(title)}</h1>"]

    def add_heading(self, text: str, level: int = 2) -> None:
        """Adds a heading, of level 2 or 3."""
        self._body.append(f"<h{level}>{escape(text)}</h{level}>")

    def add_text(self, text: str, *, is_note: bool = False) -> None:
        """Adds a paragraph."""
        kind = "note" if is_note else "text"
        self._body.append(f'<p class="{kind}">{escape(text)}</p>')

    def add_table(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Adds a table.

        Args:
            titles: Of the columns, of which all but the first hold numbers.
            rows: The cells.
        """
        lines = [_row(titles, "th"), *(_row(row, "td") for row in rows)]
        self._body.append(f'<div class="table"><table>{"".join(lines)}</table></div>')

    def add_plots(self, plots: Mapping[str, Callable[[Style], Figure]]) -> None:
        """Adds plots side by side, each on light and on dark, of which the browser shows one.

        Args:
            plots: What is to be read in place of a plot -> draws it in a style.
        """
        pictures = []
        for text, draw in plots.items():
            light, dark = (_png_of_figure(draw(STYLES[name])) for name in ("light", "dark"))
            width, height = _shown_size(light)
            pictures.append(
                f'<picture><source media="(prefers-color-scheme: dark)" srcset="{_url(dark)}">'
                f'<img src="{_url(light)}" alt="{escape(text)}" width="{width}" '
                f'height="{height}"></picture>'
            )
        self._body.append(f'<div class="plots">{"".join(pictures)}</div>')

    def add_rows(
        self, rows: Sequence[Sequence[Group]], items: Sequence[Items], *, is_wide: bool = False
    ) -> None:
        """Adds groups of items: as pictures, or, of texts, as a table.

        Args:
            rows: Groups, in rows that may be broken. See `draw_rows`.
            items: What they are of, as for `draw_rows`.
            is_wide: Whether each group has lines of its own.
        """
        groups = [group for row in rows for group in row]
        if not all(shown.kind == "pictures" for shown in items):
            self._body.append(_text_table(groups, items))
            return
        parts = []
        for group in groups:
            cells = [
                _picture_cell(cell, items[min(number, len(items) - 1)])
                for number, cell in enumerate(group.cells)
            ]
            parts.append(f'<div class="group">{"".join(cells)}</div>')
        kind = "rows wide" if is_wide else "rows"
        self._body.append(f'<div class="{kind}">{"".join(parts)}</div>')

    def render(self) -> str:
        """Returns the page as HTML."""
        colors = {name: _css(style) for name, style in STYLES.items()}
        return _PAGE.substitute(title=escape(self._title), body="\n".join(self._body), **colors)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the page to a file, which is there as a whole or not at all."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.render(), encoding="utf-8")


def _row(cells: Sequence[str], tag: str) -> str:
    kinds = ["name"] + ["number"] * (len(cells) - 1)
    parts = [
        f'<{tag} class="{kind}">{escape(cell)}</{tag}>'
        for kind, cell in zip(kinds, cells, strict=True)
    ]
    return f"<tr>{''.join(parts)}</tr>"


def _picture_cell(cell: Cell, items: Items) -> str:
    picture = items.pictures([cell.place])[0]
    captions = list(cell.caption) or [""]
    spans = [f"<span><b>{cell.mark}</b> {escape(captions[0])}</span>"]
    spans += [f'<span title="{escape(line)}">{escape(line)}</span>' for line in captions[1:]]
    small = " small" if max(picture.shape[:2]) < 100 else ""
    return (
        f'<figure class="cell {_verdict(cell)}{small}">'
        f'<img src="{_url(_png(picture))}" alt="{escape(items.texts([cell.place])[0])}">'
        f"<figcaption>{''.join(spans)}</figcaption></figure>"
    )


def _text_table(groups: Sequence[Group], items: Sequence[Items]) -> str:
    lines = []
    for group in groups:
        for number, cell in enumerate(group.cells):
            text = items[min(number, len(items) - 1)].texts([cell.place])[0]
            text = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
            kind = f"{_verdict(cell)}{' last' if number == len(group.cells) - 1 else ''}"
            cells = [f"<td><b>{cell.mark}</b></td>"]
            cells += [f'<td class="name">{escape(line)}</td>' for line in cell.caption]
            cells.append(f'<td class="text">{escape(text)}</td>')
            lines.append(f'<tr class="{kind}">{"".join(cells)}</tr>')
    return f'<div class="table"><table>{"".join(lines)}</table></div>'


def _verdict(cell: Cell) -> str:
    return {None: "neutral", True: "right", False: "wrong"}[cell.is_right]


def _css(style: Style) -> str:
    names = ("background", "text", "muted", "grid", "right", "wrong")
    return " ".join(f"--{name}: {getattr(style, name)};" for name in names)


def _png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return file.getvalue()


def _png_of_figure(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_FILE_DPI)
    return file.getvalue()


def _shown_size(png: bytes) -> tuple[int, int]:
    """Returns the width and height of a plot on the page."""
    with Image.open(io.BytesIO(png)) as image:
        width, height = (round(length * _PAGE_DPI / _FILE_DPI) for length in image.size)
    return width, height


def _url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
