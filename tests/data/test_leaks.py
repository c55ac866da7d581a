import dataclasses
import doctest

import numpy as np
import pytest

from keras_siamese.data.leaks import find_leaks
from keras_siamese.data.sources.arrays import from_arrays


def numbers(*values, dtype="float32"):
    """Items of four equal numbers each."""
    return np.repeat(np.array(values, dtype)[:, None], 4, axis=1)


def places(copies):
    return [dataclasses.astuple(place) for place in copies]


def test_the_example():
    globs = {"np": np, "find_leaks": find_leaks}
    (example,) = doctest.DocTestFinder().find(find_leaks, globs=globs)
    result = doctest.DocTestRunner().run(example)
    assert result.attempted > 0 and result.failed == 0


def test_classes_are_named_for_each_two_parts():
    report = find_leaks(
        train=(numbers(1, 2, 3), ["cat", "dog", "fox"]),
        val=(numbers(4, 5), ["fox", "cat"]),
        test=(numbers(6, 7), ["dog", "ant"]),
    )
    assert report.classes == {("train", "val"): ["cat", "fox"], ("train", "test"): ["dog"]}
    assert report.sizes == {"train": 3, "val": 2, "test": 2}
    assert report.groups == {} and report.items == [] and report.repeats == []
    with pytest.raises(ValueError, match=r"classes in both train and val \(2\): 'cat'; 'fox'"):
        report.check()
    report.check("items", "groups")


def test_groups_are_those_of_the_sources_that_have_some():
    report = find_leaks(
        train=from_arrays(numbers(1, 2), [0, 1], groups=["Greek", "Latin"]),
        val=from_arrays(numbers(3), [2]),
        test=from_arrays(numbers(4, 5), [3, 4], groups=["Latin", "Tifinagh"]),
    )
    assert report.groups == {("train", "test"): ["Latin"]}
    report.check("classes", "items")
    with pytest.raises(ValueError, match=r"groups in both train and test \(1\): 'Latin'"):
        report.check("groups")


def test_items_are_named_with_their_places_and_labels():
    train = numbers(5, 6, 7, 8, 6, 9, 9), list("abcdbef")
    test = numbers(1, 7, 2, 6, 3, 3), list("uvwbxx")
    report = find_leaks(train=train, test=test)
    assert [places(copies) for copies in report.items] == [
        [("train", 1, "b"), ("train", 4, "b"), ("test", 3, "b")],
        [("train", 2, "c"), ("test", 1, "v")],
    ]
    # Twice in one part is no leak.
    assert [places(copies) for copies in report.repeats] == [
        [("train", 5, "e"), ("train", 6, "f")],
        [("test", 4, "x"), ("test", 5, "x")],
    ]
    assert str(report).splitlines() == [
        "Leaks between train (7 items), test (6 items):",
        "    classes in both train and test (1): 'b'",
        "    items in several parts (2, 1 with different labels): "
        "train[1] ('b') = train[4] ('b') = test[3] ('b'); train[2] ('c') = test[1] ('v')",
        "    items in one part several times (2, 1 with different labels): "
        "train[5] ('e') = train[6] ('f'); test[4] ('x') = test[5] ('x')",
    ]
    with pytest.raises(
        ValueError, match=r"disjoint(?s:.)*test\[1\] \('v'\)(?s:.)*Split anew.*`check"
    ):
        report.check("items")


def test_nothing_leaks():
    report = find_leaks(train=(numbers(1, 1), [0, 1]), test=(numbers(2), [2]))
    report.check()
    assert "items in one part several times (1" in str(report)
    report = find_leaks(train=(numbers(1), [0]), test=(numbers(2), [2]))
    assert str(report).endswith("\n    none")


def test_long_reports_are_shortened():
    x, y = numbers(*range(300)), np.arange(300)
    report = find_leaks(train=(x, y), test=(x[::-1], y[::-1]))
    assert len(report.items) == 300  # more than a batch
    assert places(report.items[290]) == [("train", 290, 290), ("test", 9, 290)]
    assert "(300): 0; 1; 2; 3; 4 and 295 more" in str(report)
    assert len(str(report)) < 500
    x = np.zeros((40, 4), "float32")
    assert len(str(find_leaks(train=(x, y[:40]), test=(x, y[:40])))) < 500


@pytest.mark.parametrize(
    "other",
    [
        numbers(1, dtype="float64"),
        numbers(1, dtype="int32"),
        numbers(1).reshape(1, 2, 2),
        np.nextafter(numbers(1), 2, dtype="float32"),
        {"a": numbers(1), "b": numbers(2)},
    ],
)
def test_the_same_item_has_the_same_bytes_dtype_and_shape(other):
    assert find_leaks(a=(numbers(1), [0]), b=(numbers(1), [1])).items
    assert not find_leaks(a=(numbers(1), [0]), b=(other, [1])).items


def test_texts_and_nests():
    texts = ["", "a", "bc", "ça", "a "]
    report = find_leaks(a=(texts, range(5)), b=(["long enough", "ça", "bc", ""], [3, 3, 9, 0]))
    found = [(first.index, second.index) for first, second in report.items]
    assert found == [(0, 3), (2, 2), (3, 1)]
    words = np.array([["a", "bc"], ["ab", "c"]])
    assert not find_leaks(a=(words[:1], [0]), b=(words[1:], [1])).items
    assert find_leaks(a=(words, [0, 1]), b=(words[1:], [1])).items
    nest = {"image": numbers(1, 2, 1), "text": np.array(["a", "b", "b"])}
    report = find_leaks(a=(nest, [0, 1, 2]), b=({key: nest[key][1:] for key in nest}, [1, 2]))
    assert [(first.index, second.index) for first, second in report.items] == [(1, 0), (2, 1)]


def test_sources_are_read_in_batches(tmp_path, rng):
    x = rng.normal(size=(700, 3))
    np.save(tmp_path / "x.npy", x)
    source = from_arrays(np.load(tmp_path / "x.npy", mmap_mode="r"), np.arange(700) // 7)
    report = find_leaks(
        train=source.subset(np.arange(0, 400)), test=source.subset(np.arange(399, 700))
    )
    assert [places(copies) for copies in report.items] == [[("train", 399, 57), ("test", 0, 57)]]
    assert report.classes == {("train", "test"): [57]}


def test_bad_input():
    part = (numbers(1), [0])
    with pytest.raises(ValueError, match=r"two parts or more, by name.*\['train'\]"):
        find_leaks(train=part)
    with pytest.raises(ValueError, match=r"`test` must be a source, or arrays.*ndarray"):
        find_leaks(train=part, test=numbers(1))
    with pytest.raises(ValueError, match="labels of all parts must be of one kind"):
        find_leaks(train=part, test=(numbers(1), ["a"]))
    with pytest.raises(ValueError, match=r"Unknown `kinds`.*'class'.*Did you mean 'classes'"):
        find_leaks(train=part, test=part).check("class")
