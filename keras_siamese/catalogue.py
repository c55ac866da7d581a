"""The tables of all losses, miners and distances, made from what the package exports.

python -m keras_siamese.catalogue --write README.md
"""

import argparse
import inspect
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from keras_siamese import distances, losses, miners

BEGIN, END = "<!-- catalogue -->", "<!-- end of catalogue -->"

# What a loss takes its tuples from, by the first of its bases that stands here.
_KINDS = {
    "TripletLoss": "triplet",
    "AnchorLoss": "anchor",
    "PairLoss": "pair",
    "ProxyLoss": "proxy",
    "ViewLoss": "views",
    "TupleLoss": "tuple",
    "MetricLoss": "batch",
}
_LIBRARIES = {"pytorch-metric-learning": "PML", "TF Similarity": "TFS", "tensorflow-addons": "TFA"}
_INTRODUCTION = (
    "`pair`: each pair by itself; `anchor`: the pairs of an anchor against each other; `triplet`, "
    "`tuple`: these tuples of a batch; `proxy`: items against learned centers of the classes; "
    "`views`: two views of each item; `composition`: made of other losses. Names elsewhere: "
    + ", ".join(f"{short} = {name}" for name, short in _LIBRARIES.items())
    + ". `reduction` is `mean` where not named."
)


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the tables, or writes them into a file.

    Args:
        argv: Arguments of the command line; None: those of the process.
    """
    parser = argparse.ArgumentParser(description="Makes the tables of what there is.")
    parser.add_argument(
        "--write", metavar="FILE", help=f"replace what is between {BEGIN} and {END}"
    )
    args = parser.parse_args(argv)
    if args.write is None:
        print(make_tables())
    else:
        path = Path(args.write)
        path.write_text(replace_tables(path.read_text()))


def replace_tables(text: str) -> str:
    """Returns a text with the tables in the place between the two comments.

    Args:
        text: Holds `BEGIN` and, after it, `END`.

    Raises: ValueError: If it does not.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"No place for the tables. Expected the lines {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n{make_tables()}\n{END}{after}"


def make_tables() -> str:
    """Returns the tables of all losses, miners and distances, as Markdown."""
    return "\n\n".join(
        [
            _INTRODUCTION,
            _table(
                ("loss", "kind", "formula", "arguments", "cost", "paper", "elsewhere"),
                [_loss_row(loss) for loss in find_concrete(losses, losses.MetricLoss)],
            ),
            _table(
                ("miner", "which tuples", "arguments", "paper"),
                [_row(miner) for miner in find_concrete(miners, miners.Miner)],
            ),
            _table(
                ("distance", "definition", "arguments", "paper"),
                [_row(distance) for distance in find_concrete(distances, distances.Distance)],
            ),
        ]
    )


def find_concrete(folder: ModuleType, base: type) -> list[type]:
    """Returns the classes that a folder exports, without the abstract ones.

    Args:
        folder: A module with `__all__`.
        base: What they are subclasses of.
    """
    exported = [getattr(folder, name) for name in folder.__all__]
    return [
        thing
        for thing in exported
        if inspect.isclass(thing) and issubclass(thing, base) and not _is_abstract(thing)
    ]


def read_section(thing: type, title: str) -> str:
    """Returns a paragraph of a docstring that opens with a title, as one line without it.

    Args:
        thing: A class.
        title: Such as `"Formula"`.

    Returns: The text, or "" if there is no such paragraph.
    """
    paragraphs = inspect.cleandoc(thing.__doc__ or "").split("\n\n")
    found = (text for text in paragraphs if text.startswith(f"{title}: "))
    return " ".join(next(found, "").removeprefix(f"{title}: ").split())


def kind_of(loss: type) -> str:
    """Returns what a loss takes its tuples from.

    Args:
        loss: A subclass of `MetricLoss`.
    """
    if {"loss", "losses"} & set(inspect.signature(loss).parameters):
        return "composition"
    return next(_KINDS[base.__name__] for base in loss.__mro__ if base.__name__ in _KINDS)


def _loss_row(loss: type) -> list[str]:
    name, _, arguments, paper = _row(loss)
    formula, cost = (read_section(loss, title).rstrip(".") for title in ("Formula", "Cost"))
    cost = cost.replace("`", "")
    return [name, kind_of(loss), formula, arguments, cost, paper, _elsewhere(loss)]


def _row(thing: type) -> list[str]:
    summary = " ".join(inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0].split())
    reference, *_ = read_section(thing, "Reference").split("Deviation")
    papers = re.findall(r"\[[^\]]+\]\([^)\s]+\)", reference)
    return [f"`{thing.__name__}`", summary.rstrip("."), _arguments(thing), ", ".join(papers)]


def _elsewhere(loss: type) -> str:
    """`PML `X`, TFS `Y`` of the section `Elsewhere`, without its remarks."""
    found = []
    for part in read_section(loss, "Elsewhere").split(";"):
        names = ", ".join(re.findall(r"`[A-Z]\w+`", part))
        found += [f"{short} {names}" for name, short in _LIBRARIES.items() if name in part]
    return "; ".join(found)


def _arguments(thing: type) -> str:
    """The arguments of a class with their defaults, without those that default to nothing."""
    texts = []
    for parameter in inspect.signature(thing).parameters.values():
        default = parameter.default
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or default is None:
            continue
        if default is parameter.empty:
            texts.append(parameter.name)
        elif (parameter.name, default) != ("reduction", "mean"):
            value = f"{default:.3g}" if isinstance(default, float) else default
            texts.append(f"{parameter.name}={value}")
    return f"`{', '.join(texts)}`" if texts else ""


def _is_abstract(thing: type) -> bool:
    return any(
        getattr(getattr(thing, name, None), "__isabstractmethod__", False) for name in dir(thing)
    )


def _table(titles: Iterable[str], rows: list[list[str]]) -> str:
    lines = [list(titles), ["---"] * len(rows[0])]
    lines += [[cell.replace("|", r"\|") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
