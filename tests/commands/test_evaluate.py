"""The command `evaluate`: the figures of the model on the data, and files when asked for."""

import argparse
import json

import keras
import numpy as np
import pytest

from keras_siamese.commands import evaluate
from keras_siamese.data import from_arrays
from keras_siamese.evaluation.calibration import calibrate
from keras_siamese.evaluation.embeddings import evaluate_embeddings
from keras_siamese.losses import TripletLoss
from keras_siamese.model import SiameseModel


def run(*argv):
    parser = argparse.ArgumentParser()
    parsed = evaluate.add_parser(parser.add_subparsers()).parse_args([str(x) for x in argv])
    evaluate.run(parsed)


@pytest.fixture
def encoder():
    layers = [keras.Input((4, 4)), keras.layers.Flatten(), keras.layers.Dense(3)]
    return keras.Sequential(layers)


@pytest.fixture
def data(rng, tmp_path):
    labels = np.repeat(["ant", "bee", "cat"], 8)
    images = (rng.random((24, 4, 4)) + np.repeat(np.arange(3), 8)[:, None, None]) / 4
    np.savez(tmp_path / "data.npz", x=images.astype("float32"), y=labels)
    return images.astype("float32"), labels


@pytest.mark.parametrize("is_siamese", [True, False])
def test_figures_are_those_of_the_model(is_siamese, encoder, data, tmp_path, capsys):
    model = encoder
    if is_siamese:
        model = SiameseModel(encoder)
        model.compile("adam", TripletLoss(margin=0.2, distance="cosine"))
        model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    run(
        tmp_path / "model.keras",
        tmp_path / "data.npz",
        *("--json", tmp_path / "report.json", "--html", tmp_path / "page.html"),
        *("--classes", "unseen", "--batch-size", "10"),
    )
    x, y = data
    distance = "cosine" if is_siamese else "euclidean"
    expected = evaluate_embeddings(model.predict(x, verbose=0), y, distance=distance)
    found = json.loads((tmp_path / "report.json").read_text())
    for name, value in expected.items():
        assert found["figures"][name]["value"] == pytest.approx(value, abs=1e-5)
    assert found["set"]["distance"] == distance and found["set"]["seen_classes"] is False
    captured = capsys.readouterr()
    assert "24 items of 3 classes that training never saw" in captured.out
    assert "recall_at_1" in captured.out and "Embedding" in captured.err
    assert "<h1>model.keras on " in (tmp_path / "page.html").read_text()


def test_the_distance_can_be_given(encoder, data, tmp_path, capsys):
    encoder.save(tmp_path / "model.keras")
    run(tmp_path / "model.keras", tmp_path / "data.npz", "--distance", "manhattan")
    assert "manhattan distance" in capsys.readouterr().out
    with pytest.raises(ValueError, match="euclidean"):
        run(tmp_path / "model.keras", tmp_path / "data.npz", "--distance", "euclidian")


def test_a_gallery_is_searched(encoder, data, tmp_path, capsys):
    encoder.save(tmp_path / "model.keras")
    images, labels = data
    np.savez(tmp_path / "queries.npz", x=images[::4], y=labels[::4])
    run(
        tmp_path / "model.keras",
        tmp_path / "queries.npz",
        *("--gallery", tmp_path / "data.npz", "--html", tmp_path / "page.html"),
    )
    captured = capsys.readouterr()
    assert "Searched in a gallery of 24 items" in captured.out
    # Each query is in the gallery, at distance 0.
    assert "| recall_at_1 | 1.000 |" in captured.out
    assert "Nearest neighbours" in (tmp_path / "page.html").read_text()


def test_thresholds_are_chosen_on_validation_data(encoder, data, tmp_path, capsys):
    encoder.save(tmp_path / "model.keras")
    images, labels = data
    np.savez(tmp_path / "validation.npz", x=images[1::2], y=labels[1::2])
    run(
        tmp_path / "model.keras",
        tmp_path / "data.npz",
        *("--validation", tmp_path / "validation.npz", "--calibrate-fmr", "0.25"),
    )
    expected = calibrate(encoder.predict(images[1::2], verbose=0), labels[1::2], at=0.25)
    assert f"| default |     {expected.threshold:.3f} |" in capsys.readouterr().out
    with pytest.raises(ValueError, match="cannot be told from"):
        run(
            tmp_path / "model.keras",
            tmp_path / "data.npz",
            *("--validation", tmp_path / "validation.npz", "--calibrate-fmr", "0.0001"),
        )


def test_items_of_several_inputs_are_embedded(rng):
    inputs = [keras.Input((3,)), keras.Input((2,))]
    model = keras.Model(inputs, keras.layers.Concatenate()(inputs))
    x = (rng.random((5, 3), "float32"), rng.random((5, 2), "float32"))
    found = evaluate.embed(model, from_arrays(x, np.arange(5)), batch_size=2)
    np.testing.assert_allclose(found, np.concatenate(x, axis=1), rtol=1e-6)


def test_a_rate_needs_validation_data(encoder, data, tmp_path):
    encoder.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="--calibrate-fmr without --validation"):
        run(tmp_path / "model.keras", tmp_path / "data.npz", "--calibrate-fmr", "0.1")
