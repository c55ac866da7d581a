import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_siamese.data.sampling.pk import pk_batches
from keras_siamese.data.sources.table import from_table

TEXTS = ["Where is my card?", 'She said "no", twice', "zwei\nZeilen ü", "  x", "y", "z"]
LABELS = ["arrival", "refusal", "arrival", "refusal", "other", "other"]


@pytest.fixture
def csv_file(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(
        'text,category\nWhere is my card?,arrival\n"She said ""no"", twice",refusal\n'
        '"zwei\nZeilen ü",arrival\n  x,refusal\n\ny,other\nz,other\n',
        encoding="utf-8",
    )
    return path


def texts_of(source):
    return source.arrays()[0].tolist()


def test_csv_file_of_texts(csv_file):
    source = from_table(csv_file, text="text", label="category")
    assert texts_of(source) == TEXTS
    assert source.labels.tolist() == LABELS
    assert source.batches(4).element_spec[0] == tf.TensorSpec((None,), tf.string)
    batches = pk_batches(source, classes_per_batch=3, examples_per_class=2, seed=0)
    texts, class_ids = next(batches.as_numpy_iterator())
    names = [LABELS[TEXTS.index(text.decode())] for text in texts]
    assert names == [["arrival", "other", "refusal"][place] for place in class_ids]


def test_byte_order_mark_and_tabs(tmp_path):
    path = tmp_path / "train.TSV"
    path.write_text("\ufefftext\tcategory\r\na, b\tc\r\nd\te\r\n", encoding="utf-8")
    source = from_table(str(path), text="text", label="category")
    assert texts_of(source) == ["a, b", "d"]


class Frame:
    """What data frames of pandas and polars share: `columns`, and columns by name."""

    def __init__(self, **columns):
        self._columns = columns
        self.columns = list(columns)

    def __iter__(self):
        return iter(self._columns.values())

    def __getitem__(self, name):
        return self._columns[name]


@pytest.mark.parametrize("kind", [dict, Frame])
def test_columns_by_name(kind):
    table = kind(
        text=np.array(["a", "b", "c"], object),
        label=np.array([3, 2**40, 3]),
        group=["x", "y", "x"],
    )
    source = from_table(table, text="text", label="label", group="group")
    assert texts_of(source) == ["a", "b", "c"]
    assert source.class_ids.tolist() == [3, 2**40, 3]
    assert source.groups.tolist() == ["x", "y", "x"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["10", "-9", "0"], [10, -9, 0]),
        (["10", "9", "a"], ["10", "9", "a"]),
        (["007", "7", "8"], ["007", "7", "8"]),
        (["1.0", "2.0", "1e3"], ["1.0", "2.0", "1e3"]),
        (["1" * 18, "1", "2"], [int("1" * 18), 1, 2]),
        (["1" * 19, "1", "2"], ["1" * 19, "1", "2"]),
    ],
)
def test_labels_of_a_csv_file_that_are_integers(tmp_path, labels, expected):
    path = tmp_path / "train.csv"
    path.write_text("text,label\n" + "".join(f"x,{label}\n" for label in labels))
    assert from_table(path, text="text", label="label").labels.tolist() == expected
    # The strings of other tables are meant to be strings.
    table = {"text": ["x"] * 3, "label": labels}
    assert from_table(table, text="text", label="label").labels.tolist() == labels


@pytest.fixture
def images(tmp_path):
    for name, level in (("a/0.png", 0), ("a/1.png", 100), ("2.png", 200)):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (5, 4), level).save(tmp_path / "images" / name)
    return tmp_path / "images"


def levels_of(source):
    return (source.arrays()[0][:, 0, 0, 0] * 255).round().tolist()


def test_csv_file_of_images(images):
    rows = "file,id,writer\n2.png,8,x\na/1.png,7,y\n"
    (images / "labels.csv").write_text(rows)
    source = from_table(images / "labels.csv", image="file", label="id", group="writer")
    assert levels_of(source) == [200, 100]
    assert source.class_ids.tolist() == [8, 7]
    assert source.groups.tolist() == ["x", "y"]
    (images.parent / "labels.csv").write_text(rows)
    options = {"root": images, "size": (2, 2), "color_mode": "grayscale", "resize": "crop"}
    source = from_table(images.parent / "labels.csv", image="file", label="id", **options)
    assert levels_of(source) == [200, 100]
    assert source.batches().element_spec[0].shape == (None, 2, 2, 1)


def test_paths_of_a_frame(images, monkeypatch):
    table = {"file": ["images/a/0.png", str(images / "2.png")], "id": [1, 0]}
    monkeypatch.chdir(images.parent)
    assert levels_of(from_table(table, image="file", label="id")) == [0, 200]
    table["file"][0] = "a/missing.png"
    with pytest.raises(ValueError, match=r"1 of 2 files .*missing\.png"):
        from_table(table, image="file", label="id", root=images)
    with pytest.warns(UserWarning, match=r"missing\.png"):
        source = from_table(table, image="file", label="id", root=images, corrupt="skip")
    assert levels_of(source) == [200]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"text,label\n", "data set is empty"),
        (b"text,label\na,b\nc\n", r"Expected 2 fields .*Received: 1 in .* line 3"),
        (b'text,label\n"a\nb",c\nd,e,f\n', r"Received: 3 in .* line 4"),
        (b"text,label,text\na,b,c\n", "names of their own"),
        (b'text,label\n"a,b\n', "cannot be read: unexpected end of data"),
        ("text,label\nzwölf,b\n".encode("latin-1"), "cannot be read: 'utf-8' codec"),
        (b"text,label\na,b\nc,\nd,e\nf,  \n", r"2 of 4 without, the rows 1, 3 \("),
        (b"text,label\na,b\n,c\n", "column 'text'.*1 of 2 without, the rows 1"),
        (b"text;label\na;b\n", r"Expected commas .*Received: ';' in the header 'text;label'"),
        (b"text\tlabel\na\tb\n", r"tabs if it is named \.tsv\). Received: '\\t' in the header"),
    ],
)
def test_bad_files_are_refused(tmp_path, content, message):
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        from_table(path, text="text", label="label")


def test_file_that_cannot_be_opened_is_refused(tmp_path):
    for path in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(ValueError, match=r"cannot be read: \[Errno"):
            from_table(path, text="text", label="label")


class NA:
    """The missing value of pandas, which cannot be compared."""

    def __eq__(self, other):
        raise TypeError

    def __repr__(self):
        return "<NA>"


@pytest.mark.parametrize("missing", [None, float("nan"), np.datetime64("NaT"), NA(), "", " "])
def test_missing_values_are_refused(missing):
    for column in ("text", "label", "group"):
        table = {name: ["nan", "None", "x"] for name in ("text", "label", "group")}
        table[column][1] = missing
        with pytest.raises(ValueError, match=f"column '{column}'. Received: 1 of 3 without.* 1 "):
            from_table(table, text="text", label="label", group="group")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": "txt"}, "Unknown `text`.*Received: 'txt'. Did you mean 'text'"),
        ({"text": "text", "label": "labels"}, "Unknown `label`.*Did you mean 'label'"),
        ({"text": "text", "group": "alphabet"}, "Unknown `group`"),
        ({}, "text=None and image=None"),
        ({"text": "text", "image": "text"}, "text='text' and image='text'"),
        ({"text": "text", "size": (3, 3)}, "texts has no size"),
        ({"text": "text", "root": "."}, "texts has no root"),
        ({"text": "number"}, "'number' must hold strings. Received: 1, of type int"),
        ({"text": "short"}, "as many labels"),
        ({"text": "text", "label": 0}, r"Unknown `label`.*Received: 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    table = {"text": ["a", "b"], "label": ["c", "d"], "number": [1, 2], "short": ["a"]}
    with pytest.raises(ValueError, match=message):
        from_table(table, **({"label": "label"} | arguments))


@pytest.mark.data
def test_banking77():
    path = Path(os.environ.get("KERAS_SIAMESE_DATA", "")) / "banking77" / "train.csv"
    if not path.is_file():
        pytest.skip("KERAS_SIAMESE_DATA names no folder with banking77/train.csv")
    source = from_table(path, text="text", label="category")
    assert len(source) == 10_003
    assert len(set(source.labels)) == 77
    batches = pk_batches(source, classes_per_batch=16, examples_per_class=4, seed=0)
    texts, labels = next(batches.as_numpy_iterator())
    assert texts.shape == labels.shape == (64,)
    assert all(text.decode() for text in texts)


@pytest.mark.parametrize("table", [None, [{"text": "a", "label": "b"}], np.zeros((2, 2))])
def test_what_has_no_columns_by_name_is_refused(table):
    with pytest.raises(ValueError, match=f"a data frame or a dict.*{type(table).__name__}"):
        from_table(table, text="text", label="label")


def test_columns_may_be_named_by_numbers():
    source = from_table({0: ["a", "b"], 1: ["c", "d"]}, text=0, label=1)
    assert source.labels.tolist() == ["c", "d"]


def test_image_options_that_do_not_exist_are_named():
    with pytest.raises(TypeError, match=r"from_table\(\) got an unexpected .*'sizes'"):
        from_table({"file": ["a.png"], "label": ["c"]}, image="file", label="label", sizes=(2, 2))


def test_paths_may_be_path_objects(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (3, 2)).save(path)
    source = from_table({"file": [path], "label": ["c"]}, image="file", label="label")
    assert source.paths.tolist() == [str(path)]
