"""Rows of items: pictures with captions, or, of texts, the lines of a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from keras_siamese.evaluation.plots.board import LINE_SPACING, Board
from keras_siamese.evaluation.plots.items import Items
from keras_siamese.evaluation.plots.style import Style
from keras_siamese.evaluation.plots.text import fit_text

RIGHT, WRONG = "✓", "✗"
_SIDE, _GAP, _GROUP_GAP = 0.95, 0.12, 0.3
_LINE, _HEADING = LINE_SPACING * 8 / 72, 0.28
_TABLE_WIDTH, _NARROW = 9.0, 1.0


@dataclass(frozen=True)
class Cell:
    """An item in a row.

    Attributes:
        place: Which item.
        caption: What is said of it, lines.
        is_right: Whether it is a match where one is wanted; None where there is none to be.
    """

    place: int
    caption: tuple[str, ...] = ()
    is_right: bool | None = None

    @property
    def mark(self) -> str:
        """A tick, a cross, or nothing."""
        return "" if self.is_right is None else RIGHT if self.is_right else WRONG


@dataclass(frozen=True)
class Group:
    """Items that stand together, in one row.

    Attributes:
        cells: The items.
        heading: Above this row and all that follow without a heading.
    """

    cells: tuple[Cell, ...]
    heading: str = ""


def draw_rows(
    rows: Sequence[Sequence[Group]], items: Sequence[Items], style: Style, title: str | None = None
) -> Figure:
    """Draws rows of groups of items.

    Args:
        rows: Groups side by side, in rows.
        items: The items that places stand for: of the first cell of each group, and of the others.
        style: The colours.
        title: Over everything.
    """
    if all(shown.kind == "pictures" for shown in items):
        return _draw_pictures(rows, items, style, title)
    return _draw_table(rows, items, style, title)


def _draw_pictures(
    rows: Sequence[Sequence[Group]], items: Sequence[Items], style: Style, title: str | None
) -> Figure:
    num_lines = max(len(cell.caption) for row in rows for group in row for cell in group.cells)
    row_height = _SIDE + _LINE * num_lines + _GAP + 0.06
    width = max(
        sum(len(group.cells) * (_SIDE + _GAP) + _GROUP_GAP for group in row) for row in rows
    )
    width = max(width - _GROUP_GAP - _GAP, 3.0)
    num_headings = sum(bool(row and row[0].heading) for row in rows)
    board = Board(style, width, len(rows) * row_height + num_headings * _HEADING, title)
    top = 0.0
    for row in rows:
        if row and row[0].heading:
            heading = fit_text(row[0].heading, width, size=10, bold=True, max_lines=1)
            board.text(heading, 0, top + 0.04, size=10, bold=True)
            top += _HEADING
        left = 0.0
        for group in row:
            for number, cell in enumerate(group.cells):
                picture = items[min(number, len(items) - 1)].pictures([cell.place])[0]
                color = {None: None, True: style.right, False: style.wrong}[cell.is_right]
                board.picture(
                    picture, left, top, _SIDE, color=color, is_dashed=cell.is_right is False
                )
                _write_caption(board, cell, left + _SIDE / 2, top + _SIDE + 0.05, style)
                left += _SIDE + _GAP
            left += _GROUP_GAP
        top += row_height
    return board.figure


def _write_caption(board: Board, cell: Cell, middle: float, top: float, style: Style) -> None:
    for number, line in enumerate(cell.caption):
        mark = f"{cell.mark} " if number == 0 and cell.mark else ""
        text = fit_text(mark + line, _SIDE + _GAP / 2, max_lines=1)
        color = style.text if number == 0 else style.muted
        board.text(text, middle, top + number * _LINE, color=color, align="center")


def _draw_table(
    rows: Sequence[Sequence[Group]], items: Sequence[Items], style: Style, title: str | None
) -> Figure:
    """Draws one line for each item: a mark, the caption, and the text."""
    lines: list[tuple[str, Cell | None, str]] = []  # heading or cell with its text
    for row in rows:
        if row and row[0].heading:
            lines.append((row[0].heading, None, ""))
        for group in row:
            for number, shown in enumerate(group.cells):
                text = items[min(number, len(items) - 1)].texts([shown.place])[0]
                lines.append(("", shown, text))
            lines.append(("", None, ""))
    num_columns = max(len(cell.caption) for _, cell, _ in lines if cell is not None)
    text_left = 0.25 + num_columns * (_NARROW + _GAP)
    texts = [fit_text(text, _TABLE_WIDTH - text_left) for _, _, text in lines]
    heights = [
        _HEADING if heading else 0.1 if cell is None else _LINE * (text.count("\n") + 1) + 0.05
        for (heading, cell, _), text in zip(lines, texts, strict=True)
    ]
    board = Board(style, _TABLE_WIDTH, sum(heights), title)
    top = 0.0
    for (heading, cell, _), text, height in zip(lines, texts, heights, strict=True):
        if heading:
            heading = fit_text(heading, _TABLE_WIDTH, size=10, bold=True, max_lines=1)
            board.text(heading, 0, top + 0.04, size=10, bold=True)
        elif cell is None:
            board.line(top + 0.03, 0, _TABLE_WIDTH)
        else:
            color = {None: style.text, True: style.right, False: style.wrong}[cell.is_right]
            board.text(cell.mark, 0, top, color=color, bold=True)
            for number, line in enumerate(cell.caption):
                left = 0.25 + number * (_NARROW + _GAP)
                board.text(fit_text(line, _NARROW, max_lines=1), left, top)
            board.text(text, text_left, top)
        top += height
    return board.figure
