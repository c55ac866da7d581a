import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
import toy_tfds

from keras_siamese.data.labels import encode_labels
from keras_siamese.data.sampling.pk import pk_batches
from keras_siamese.data.sources.tfds import from_tfds


@pytest.fixture(scope="module", params=["tfrecord", "array_record"])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    toy_tfds.store_toys(folder, request.param)
    return folder


def source_of(folder, split="train", x=("image", "place"), label="label", **arguments):
    return from_tfds("toys", split, x=x, label=label, data_dir=folder, **arguments)


def test_items_are_those_that_were_stored(folder):
    source = source_of(folder, x=["image", "word", "place", "point"], group="alphabet")
    assert len(list((folder / "toys" / "1.0.0").glob("toys-train*"))) == 3
    x, labels = source.arrays()
    places = x["place"]
    assert sorted(places.tolist()) == list(range(80))
    assert list(x) == ["image", "word", "place", "point"]
    assert x["image"].dtype == np.float32
    np.testing.assert_allclose(x["image"], toy_tfds.IMAGES[places] / 255, rtol=1e-6)
    assert [word.decode() for word in x["word"]] == [toy_tfds.WORDS[place] for place in places]
    np.testing.assert_array_equal(x["point"], np.stack([places, -places], axis=1))
    np.testing.assert_array_equal(labels, toy_tfds.LABELS[places])
    np.testing.assert_array_equal(source.class_ids, toy_tfds.LABELS[places])
    assert source.groups.tolist() == ["αβγ"[label % 3] for label in labels]


def test_one_feature_is_no_dict_and_names_become_ids(folder):
    source = source_of(folder, x="image", label="word")
    assert source.labels[0].startswith("wörd ")
    np.testing.assert_array_equal(source.class_ids, encode_labels(source.labels)[0])
    spec, ids = source.batches(7).element_spec
    assert spec == tf.TensorSpec((None, 6, 5, 1), tf.float32)
    assert ids.dtype == tf.int64


def test_splits_are_those_of_tfds(folder):
    builder = toy_tfds.tfds.builder("toys", data_dir=folder)

    def items(split):
        if folder.name.startswith("array_record"):
            return builder.as_data_source(split=split)
        return builder.as_dataset(split=split).as_numpy_iterator()

    for split in ("train[:30]", "train[37%:]", "test+train[-5:]", "train[10:20]+train[:3]", "all"):
        expected = {int(item["place"]) for item in items(split)}
        x, _ = source_of(folder, split).arrays()
        assert len(x["place"]) == len(expected)
        assert set(x["place"].tolist()) == expected


def test_pk_batches_over_all_shards(folder):
    source = source_of(folder)
    batches = pk_batches(
        source, classes_per_batch=3, examples_per_class=2, steps_per_epoch=40, seed=0
    )
    assert batches.element_spec[0]["image"] == tf.TensorSpec((6, 6, 5, 1), tf.float32)
    seen = set()
    for x, labels in batches.as_numpy_iterator():
        np.testing.assert_array_equal(labels, toy_tfds.LABELS[x["place"]])
        np.testing.assert_allclose(x["image"], toy_tfds.IMAGES[x["place"]] / 255, rtol=1e-6)
        seen |= set(x["place"].tolist())
    assert len(seen) > 70


def test_iterator_checkpoint_continues_its_epoch(folder, tmp_path):
    batches = pk_batches(source_of(folder), classes_per_batch=3, examples_per_class=2, seed=0)
    iterator = iter(batches)
    next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / "iterator")
    rest = [x["place"].numpy().tolist() for x, _ in iterator]
    assert len(rest) > 5
    resumed = iter(batches)
    tf.train.Checkpoint(iterator=resumed).restore(path).assert_consumed()
    assert [x["place"].numpy().tolist() for x, _ in resumed] == rest


def test_subset_of_a_source(folder):
    source = source_of(folder, x="place")
    whole, _ = source.arrays()
    part, labels = source.subset([70, 2, 41]).arrays()
    assert part.tolist() == whole[[70, 2, 41]].tolist()
    assert labels.tolist() == source.labels[[70, 2, 41]].tolist()


def test_images_get_size_and_channels(folder):
    source = source_of(folder, x="image", size=(3, 4), color_mode="rgb", resize="crop")
    images = source.fetch(tf.constant([5, 6], tf.int64))
    assert images.shape == (2, 3, 4, 3)
    assert 0 < float(tf.reduce_min(images)) < float(tf.reduce_max(images)) < 1


def test_data_sets_that_do_not_say_what_the_label_is(tmp_path):
    features = {key: toy_tfds.FEATURES[key] for key in ("image", "label")}
    examples = [{key: toy_tfds.example(place)[key] for key in features} for place in range(4)]
    toy_tfds.store(tmp_path, "bare", features, {"train": examples})
    with pytest.raises(ValueError, match=r"Give `x` and `label`.*\['image', 'label'\]"):
        from_tfds("bare", data_dir=tmp_path)
    with pytest.raises(ValueError, match="x='image', label=None"):
        from_tfds("bare", x="image", data_dir=tmp_path)


def test_data_sets_that_tfds_has_a_builder_for(tmp_path):
    features = {
        "image": toy_tfds.tfds.features.Image(shape=(28, 28, 1), encoding_format="png"),
        "label": toy_tfds.tfds.features.ClassLabel(num_classes=10),
    }
    examples = [{"image": np.full((28, 28, 1), 20 * n, np.uint8), "label": n} for n in range(10)]
    version = str(toy_tfds.tfds.builder_cls("mnist").VERSION)
    toy_tfds.store(tmp_path, "mnist", features, {"train": examples}, version=version)
    images, labels = from_tfds("mnist", data_dir=tmp_path).arrays()
    assert sorted(labels.tolist()) == list(range(10))
    np.testing.assert_allclose(images[:, 5, 5, 0], 20 * labels / 255, rtol=1e-6)


def test_only_what_is_asked_for_is_decoded(tmp_path):
    features = {"image": toy_tfds.FEATURES["image"], "label": np.int64}
    whole = [{"image": toy_tfds.IMAGES[place], "label": place % 2} for place in range(4)]
    broken = [{"image": b"no image", "label": label} for label in (2, 3)]
    toy_tfds.store(tmp_path, "mixed", features, {"train": whole + broken})
    source = from_tfds("mixed", x="image", label="label", data_dir=tmp_path)
    assert sorted(source.labels.tolist()) == [0, 0, 1, 1, 2, 3]
    batches = pk_batches(
        source.subset(source.labels < 2), classes_per_batch=2, examples_per_class=2
    )
    assert len(list(batches.repeat(5))) == 5
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
        source.arrays()


def test_images_of_several_sizes_need_a_size(tmp_path):
    features = {"image": toy_tfds.tfds.features.Image(), "label": np.int64}
    examples = [
        {"image": np.full((side, 4, 3), side, np.uint8), "label": side} for side in (2, 3, 4)
    ]
    toy_tfds.store(tmp_path, "sizes", features, {"train": examples})
    arguments = {"x": "image", "label": "label", "data_dir": tmp_path}
    with pytest.raises(ValueError, match=r"\(None, None, 3\).*`size=\(height, width\)`"):
        from_tfds("sizes", **arguments)
    images, labels = from_tfds("sizes", size=(3, 3), **arguments).arrays()
    assert images.shape == (3, 3, 3, 3)
    np.testing.assert_allclose(images[:, 1, 1, 0], labels / 255, rtol=1e-6)


def test_images_that_are_no_bytes_come_as_tfds_decodes_them(tmp_path):
    image = np.linspace(-5, 5, 6, dtype=np.float32).reshape(2, 3, 1)
    features = {
        "image": toy_tfds.tfds.features.Image(shape=(2, 3, 1), dtype=np.float32),
        "label": np.int64,
    }
    toy_tfds.store(tmp_path, "floats", features, {"train": [{"image": image, "label": 1}]})
    images, _ = from_tfds("floats", x="image", label="label", data_dir=tmp_path).arrays()
    np.testing.assert_array_equal(images[0], image)


def test_items_without_labels_are_refused(tmp_path):
    features = {"place": np.int64, "label": toy_tfds.FEATURES["label"]}
    examples = [{"place": 0, "label": 3}, {"place": 1, "label": -1}]
    toy_tfds.store(tmp_path, "contest", features, {"train": examples})
    with pytest.raises(ValueError, match=r"1 of 2 items have no label \(-1 in feature 'label'\)"):
        from_tfds("contest", x="place", label="label", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "tran"}, r"no split 'tran'. Expected one of \['train', 'test'\]"),
        ({"split": "train["}, r"no split 'train\['"),
        ({"split": "all[:50%]"}, "no split"),
        ({"split": ["train"]}, "no split"),
        ({"split": "train[:0]"}, r"'train\[:0\]' of 'toys', which is empty"),
        ({"split": "train[5:3]"}, "empty"),
        ({"x": "imgae"}, "Unknown `x`.*Did you mean 'image'"),
        ({"label": "lable"}, "Unknown `label`.*Did you mean 'label'"),
        ({"group": "alfabet"}, "Unknown `group`.*Did you mean 'alphabet'"),
        ({"x": ["image", "tags"]}, r"feature 'tags', which is .*None"),
        ({"label": "tags"}, "one integer or one string.*'tags'"),
        ({"label": "weight"}, "one integer or one string.*'weight'"),
        ({"group": "image"}, "one integer or one string.*'image'"),
        ({"color_mode": "gray"}, "Did you mean 'grayscale'"),
    ],
)
def test_bad_arguments_are_refused(folder, arguments, message):
    with pytest.raises(ValueError, match=message):
        source_of(folder, **arguments)


def test_damaged_files_are_refused(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    shard = sorted((copy / "toys" / "1.0.0").glob("toys-train*"))[1]
    os.truncate(shard, shard.stat().st_size - 5)
    with pytest.raises(ValueError, match="damaged"):
        source_of(copy)
    shard.unlink()
    with pytest.raises(ValueError, match=f"1 of 3 files are not on this machine.*{shard.name}"):
        source_of(copy)
