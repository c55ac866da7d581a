import json

import pytest

from keras_siamese.tensorboard.bookmarks import bookmarks
from keras_siamese.tensorboard.metadata import Metadata


def views(columns, names=("label",), dim=3):
    content = bookmarks(Metadata.of(columns), names, dim)
    return [] if content is None else json.loads(content)


def test_a_view_colours_by_its_column_and_keeps_the_labels():
    columns = {"class": ["a", "b"], "id": [1, 2], "note": ["", "x"]}
    first, second = views(columns, ["class", "id", "unknown"], dim=64)
    assert (first["label"], second["label"]) == ("coloured by class", "coloured by id")
    assert first["selectedColorOptionName"] == "class"
    assert second["selectedColorOptionName"] == "id"
    for view in (first, second):
        assert view["selectedLabelOption"] == "class"
        assert view["customSelectedSearchByMetadataOption"] == "class"
    assert first["dataSetDimensions"] == [2, 64]
    # The Projector breaks without any of these.
    texts = {f"custom{side}Text" for side in ("XLeft", "XRight", "YUp", "YDown")}
    assert texts <= set(first)
    assert first["projections"] == first["selectedPoints"] == []


@pytest.mark.parametrize(
    "values,is_offered",
    [
        ([f"class {i}" for i in range(50)], True),
        ([f"class {i}" for i in range(51)], False),
        ([f"class {i}" for i in range(50)] + [None], True),
        (list(range(51)), True),
        ([*range(51), None, 1.5e-7, -2.0], True),
        ([*range(51), "x"], False),
        ([None, None], False),
    ],
)
def test_only_what_the_projector_can_colour_by_is_offered(values, is_offered):
    columns = {"label": list(range(len(values))), "kind": values}
    assert len(views(columns, ["kind"])) == is_offered
