"""Plain tables of figures, for a terminal and a README alike."""

from collections.abc import Collection, Mapping

from keras_siamese.ops.checks import check_choice


def format_table(rows: Mapping[str, Mapping[str, float]], *, percent: Collection[str] = ()) -> str:
    """Returns figures as an aligned Markdown table.

    Args:
        rows: Title of each row -> its figures, column title -> number. Columns stand in the order
            in which they first appear; a row without one of them gets a dash there.
        percent: Titles of the columns to show in percent, with one decimal; all others have three.

    Returns: The table, without a newline at its end.

    Raises: ValueError: If there are no figures, or `percent` names no column.

    Example:
        >>> print(format_table({"pixels": {"recall@1": 0.9}, "trained": {"recall@1": 0.987}}))
        |         | recall@1 |
        | ------- | -------: |
        | pixels  |    0.900 |
        | trained |    0.987 |
    """
    columns = list(dict.fromkeys(column for figures in rows.values() for column in figures))
    if not columns:
        raise ValueError(
            "The table is empty. Expected {row title: {column title: number}}. "
            f"Received: {rows!r}."
        )
    for column in percent:
        check_choice("percent", column, columns)

    def cell(figures: Mapping[str, float], column: str) -> str:
        if column not in figures:
            return "-"
        return f"{figures[column]:.1%}" if column in percent else f"{figures[column]:.3f}"

    cells = [["", *columns]]
    cells += [
        [title, *(cell(figures, column) for column in columns)] for title, figures in rows.items()
    ]
    cells = [[text.replace("|", r"\|") for text in line] for line in cells]
    widths = [max(3, *map(len, texts)) for texts in zip(*cells, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [cells[0], rule, *cells[1:]]
    return "\n".join(
        "| " + " | ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) + " |"
        for line in lines
    )
