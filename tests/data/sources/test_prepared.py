import numpy as np
import pytest
import toy_tfds

from keras_siamese.data.sources.prepared import find_builder, open_split


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    examples = [{"place": place} for place in range(5)]
    toy_tfds.store(folder, "toys", {"place": np.int64}, {"train": examples})
    return folder


@pytest.fixture
def no_network(monkeypatch):
    """Makes the first attempt to download fail."""
    attempts = []

    def fail(builder, **arguments):
        attempts.append(builder.name)
        raise OSError("no network")

    monkeypatch.setattr(toy_tfds.tfds.core.DatasetBuilder, "download_and_prepare", fail)
    return attempts


def test_prepared_data_sets_are_found_by_name(folder, no_network):
    for name in ("toys", "toys:1.0.0", "toys:1.*.*"):
        assert find_builder(name, folder, download=True).info.full_name == "toys/1.0.0"
    assert find_builder("toys", str(folder), download=False).name == "toys"
    assert not no_network


def test_default_folder_is_that_of_tfds(folder, monkeypatch):
    monkeypatch.setattr(toy_tfds.tfds.core.constants, "DATA_DIR", str(folder))
    assert find_builder("toys", None, download=False).info.full_name == "toys/1.0.0"


def test_unknown_names_are_refused(folder):
    with pytest.raises(ValueError, match=f"none is prepared in {folder}. Did you mean 'toys'"):
        find_builder("toyz/small:1.0.0", folder, download=True)
    with pytest.raises(ValueError, match=r"Did you mean 'fashion_mnist'\?.*catalog"):
        find_builder("fashion_mnst", folder, download=True)
    with pytest.raises(ValueError, match=r"Unknown data set 'qqqqqqqq'.* in no/such/folder\."):
        find_builder("qqqqqqqq", "no/such/folder", download=True)
    (folder / "qqqqqqqq").mkdir()  # as an interruption leaves it
    with pytest.raises(ValueError, match=rf"Unknown data set 'qqqqqqqq'.* in {folder}\. Names"):
        find_builder("qqqqqqqq", folder, download=False)
    with pytest.raises(ValueError, match=r"mnist cannot be loaded at version 1\.2\.3"):
        find_builder("mnist:1.2.3", folder, download=True)
    with pytest.raises(ValueError, match="BuilderConfig small not found"):
        find_builder("mnist/small", folder, download=True)


def test_data_sets_that_are_not_there_are_not_downloaded_unasked(folder, no_network):
    with pytest.raises(ValueError, match=r"'mnist' is not prepared.* no .*mnist/3\.0\.1\."):
        find_builder("mnist", folder, download=False)
    with pytest.raises(ValueError, match="tfds build imagenet_resized/8x8`"):
        find_builder("imagenet_resized/8x8", folder, download=False)
    assert not no_network


def test_failing_downloads_say_what_to_do_by_hand(folder, no_network):
    with pytest.raises(ValueError, match=r"failed: no network .*by hand: run `tfds build mnist"):
        find_builder("mnist", folder, download=True)
    assert no_network == ["mnist"]
    with pytest.raises(ValueError, match=r"for `--manual_dir`: .*ILSVRC2012_img_train"):
        find_builder("imagenet2012", folder, download=True)


def test_records_of_a_split(folder):
    builder = find_builder("toys", folder, download=False)
    assert len(open_split(builder, "train")) == 5
    assert len(open_split(builder, "train[1:3]+train[:1]")) == 3
    assert len(open_split(builder, toy_tfds.tfds.core.ReadInstruction("train", to=2))) == 2
    first, second = toy_tfds.tfds.even_splits("train", 2)
    assert len(open_split(builder, first)) + len(open_split(builder, second)) == 5
    with pytest.raises(ValueError, match=r"'toys' has no split 'test'. Expected.*\['train'\]"):
        open_split(builder, "test")
    with pytest.raises(ValueError, match=r"'train\[:0\]' of 'toys', which is empty"):
        open_split(builder, "train[:0]")
