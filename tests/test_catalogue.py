from pathlib import Path
from types import SimpleNamespace

import pytest

from keras_siamese import catalogue, distances, losses, miners

LOSSES = catalogue.find_concrete(losses, losses.MetricLoss)


class PairExample(losses.PairLoss):
    """Sum of `|x|`.

    Nothing else.

    Formula: `|x| +
        y`.

    Cost: `O(B^2 D)` time.

    Reference: [Someone, 2001](https://example.org/1), equation 2, after
        [Another, 2000](https://example.org/2). Deviation: none of
        [Third, 1999](https://example.org/3).

    Elsewhere: pytorch-metric-learning `OneLoss` (with `margin=0`), `OtherLoss`; tensorflow-addons
        `ThirdLoss`.
    """

    def __init__(
        self, num_classes, margin=1 / 9, distance="cosine", k=(1, 2), miner=None, **kwargs
    ):
        super().__init__(**kwargs)

    def pair_losses(self, x, positive, negative):
        return x


def test_row_of_a_loss():
    folder = SimpleNamespace(__all__=["Loss", "PairLoss", "losses_of"], Loss=PairExample)
    folder.PairLoss, folder.losses_of = losses.PairLoss, losses.losses_of
    assert catalogue.find_concrete(folder, losses.MetricLoss) == [PairExample]
    assert catalogue._loss_row(PairExample) == [
        "`PairExample`",
        "pair",
        "`|x| + y`",
        "`num_classes, margin=0.111, distance=cosine, k=(1, 2)`",
        "O(B^2 D) time",
        "[Someone, 2001](https://example.org/1), [Another, 2000](https://example.org/2)",
        "PML `OneLoss`, `OtherLoss`; TFA `ThirdLoss`",
    ]
    assert catalogue._table(["a"], [["`|x|`"]]) == "| a |\n| --- |\n| `\\|x\\|` |"


def test_kinds():
    class Composition(losses.MetricLoss):
        def __init__(self, losses, **kwargs):
            super().__init__(**kwargs)

    kinds = {
        losses.ContrastiveLoss: "pair",
        losses.AnchorLoss: "anchor",
        losses.TripletSemiHardLoss: "triplet",
        losses.TupleLoss: "tuple",
        Composition: "composition",
    }
    assert {loss: catalogue.kind_of(loss) for loss in kinds} == kinds


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_every_loss_has_the_sections(loss):
    _, kind, formula, _, cost, _, elsewhere = catalogue._loss_row(loss)
    if kind == "composition":
        assert formula and cost
    else:
        assert formula.startswith("`") and cost.startswith("O(")
    assert len(formula) <= 140, "too long for a cell"
    section = catalogue.read_section(loss, "Elsewhere")
    assert bool(section) == bool(elsewhere), "names no known library"


def test_everything_is_in_the_tables():
    tables = catalogue.make_tables()
    others = catalogue.find_concrete(miners, miners.Miner)
    others += catalogue.find_concrete(distances, distances.Distance)
    for thing in [*LOSSES, *others]:
        assert f"\n| `{thing.__name__}` | " in tables
    assert "`TupleLoss`" not in tables and "`TripletMiner`" not in tables


def test_write(tmp_path, capsys):
    path = tmp_path / "README.md"
    path.write_text(f"before\n\n{catalogue.BEGIN}\nold\n{catalogue.END}\n\nafter\n")
    catalogue.main(["--write", str(path)])
    tables = catalogue.make_tables()
    expected = f"before\n\n{catalogue.BEGIN}\n{tables}\n{catalogue.END}\n\nafter\n"
    assert path.read_text() == expected
    catalogue.main(["--write", str(path)])
    assert path.read_text() == expected
    catalogue.main([])
    assert capsys.readouterr().out == tables + "\n"
    with pytest.raises(ValueError, match="No place for the tables"):
        catalogue.replace_tables(f"{catalogue.END} {catalogue.BEGIN}")


def test_the_readme_holds_the_tables():
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    assert catalogue.replace_tables(readme) == readme, "run: python -m keras_siamese.catalogue"
