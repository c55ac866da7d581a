import contextlib
import copy
import functools
import math

import keras
import numpy as np
import pytest
from hparams_table import read_table

import keras_siamese as ks
from keras_siamese.callbacks import HyperParameters
from keras_siamese.data.sampling.planner import PKOptions
from keras_siamese.losses import (
    ContrastiveLoss,
    CrossBatchMemory,
    Matryoshka,
    SupConLoss,
    TripletLoss,
    WeightedSum,
)

Y = np.repeat(np.arange(4), 8)
X = np.eye(4, dtype="float32")[Y] + np.linspace(0, 0.3, 32, dtype="float32")[:, None]


def make_model(loss=None, optimizer=None, metrics=(), dim=3):
    model = ks.SiameseModel(ks.encoders.mlp((4,), embedding_dim=dim, hidden_units=()))
    model.compile(optimizer or keras.optimizers.SGD(0.01), loss or TripletLoss(0.3), list(metrics))
    return model


@functools.cache
def some_model():
    """A model with a margin of 0.3, whose programs are compiled once."""
    return make_model()


def fit(model, callbacks, epochs=1, validates=True, **options):
    batches = ks.data.pk_batches(X, Y, classes_per_batch=4, examples_per_class=2, seed=0)
    data = (X, Y) if validates else None
    options = {"epochs": epochs, "validation_data": data, "verbose": 0, **options}
    return model.fit(batches, callbacks=callbacks, **options)


def play(model, table, logs):
    """What Keras calls in a training of one epoch, without the training."""
    table.set_model(model)
    table.on_train_begin()
    table.on_epoch_begin(0)
    table.on_epoch_end(0, logs)
    table.on_train_end(logs)


class Figures(keras.callbacks.Callback):
    """Adds figures of each epoch to the logs, and may stop training."""

    def __init__(self, raises=None, **by_epoch):
        super().__init__()
        self.by_epoch = by_epoch
        self.raises = raises

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.raises:
            raise KeyboardInterrupt
        logs |= {name: values[epoch] for name, values in self.by_epoch.items()}


def test_a_training_is_a_row_of_what_it_was_set_to_and_what_came_out(tmp_path):
    model = make_model(
        TripletLoss(0.3, distance="cosine", miner="batch_hard"),
        keras.optimizers.Adam(0.003),
        metrics=[ks.metrics.RecallAtK(1)],
    )
    # What later callbacks add is seen, too.
    late = Figures(retrieval_recall_at_1=[0.5, 0.75], batch_gap=[1.0, 1.0])
    callbacks = [HyperParameters(tmp_path, hparams={"augment": True}), late]
    history = fit(model, callbacks, epochs=2).history
    (row,) = read_table(tmp_path).values()
    assert row.hparams == {
        "margin": 0.3,
        "embedding_dim": 3,
        "loss": "triplet_loss",
        "miner": "batch_hard",
        "distance": "cosine",
        "optimizer": "Adam",
        "learning_rate": 0.003,
        "classes_per_batch": 4,
        "examples_per_class": 2,
        "augment": True,
    }
    assert row.metrics == pytest.approx(
        {
            "val_loss": history["val_loss"][-1],
            "val_recall_at_1": history["val_recall_at_1"][-1],
            "retrieval_recall_at_1": 0.75,
        }
    )
    assert set(row.steps.values()) == {2}
    assert row.statuses == ["STATUS_SUCCESS"]


def test_without_validation_the_loss_in_training_has_another_name_than_the_loss(tmp_path):
    history = fit(some_model(), [HyperParameters(tmp_path)], validates=False).history
    (row,) = read_table(tmp_path).values()
    assert row.metrics == pytest.approx({"train_loss": history["loss"][-1]})


def test_values_of_the_user_win(tmp_path):
    hparams = {"margin": "small", "optimizer": np.float32(2.0)}
    fit(some_model(), [HyperParameters(tmp_path, hparams=hparams)])
    (row,) = read_table(tmp_path).values()
    assert (row.hparams["margin"], row.hparams["optimizer"]) == ("small", 2.0)


def test_chosen_figures_alone_and_one_that_is_missing_is_said(tmp_path):
    table = HyperParameters(tmp_path, metrics=["loss", "val_los"])
    with pytest.warns(UserWarning, match=r"lost the figure 'val_los': the logs hold .*'val_loss'"):
        history = fit(some_model(), [table]).history
    (row,) = read_table(tmp_path).values()
    assert row.metrics == pytest.approx({"train_loss": history["loss"][-1]})


@pytest.mark.parametrize(("mode", "best"), [("max", 2), ("min", 3)])
def test_the_best_epoch_counts_where_it_is_known(tmp_path, mode, best):
    figures = {"score": [math.nan, 0.5, 0.75, 0.25, 0.5], "number": [1, 2, 3, 4, 5]}
    table = HyperParameters(tmp_path, monitor="score", mode=mode)
    fit(some_model(), [table, Figures(**figures)], 5)
    (row,) = read_table(tmp_path).values()
    assert row.metrics["score"] == figures["score"][best]
    assert row.metrics["number"] == best + 1
    assert row.steps["number"] == best + 1
    assert row.statuses == ["STATUS_SUCCESS"]


def test_where_the_last_epoch_is_not_validated_the_one_before_counts(tmp_path):
    history = fit(some_model(), [HyperParameters(tmp_path)], 3, validation_freq=2).history
    (row,) = read_table(tmp_path).values()
    assert row.metrics == pytest.approx({"val_loss": history["val_loss"][-1]})


def test_of_a_figure_that_is_not_there_no_epoch_is_the_best(tmp_path):
    table = HyperParameters(tmp_path, monitor="val_recall")
    with pytest.warns(UserWarning, match="lost the figure 'val_recall'"):
        fit(some_model(), [table, Figures(number=[1, 2])], 2)
    (row,) = read_table(tmp_path).values()
    assert row.metrics["number"] == 2


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (SupConLoss(), ("sup_con_loss", None, "none", "cosine")),
        (TripletLoss("soft"), ("triplet_loss", None, "semi_hard", "euclidean")),
        (
            WeightedSum([ContrastiveLoss(0.5), SupConLoss()]),
            ("contrastive_loss + sup_con_loss", 0.5, "none", "euclidean + cosine"),
        ),
        (
            WeightedSum([ContrastiveLoss(0.5), TripletLoss(0.2)]),
            ("contrastive_loss + triplet_loss", None, "semi_hard", "euclidean"),
        ),
        (
            Matryoshka(TripletLoss(0.2), dims=(3, 2)),
            ("matryoshka(triplet_loss)", 0.2, "semi_hard", "euclidean"),
        ),
        (
            CrossBatchMemory(TripletLoss(0.2, miner="batch_hard"), memory_size=16),
            ("cross_batch_memory(triplet_loss)", 0.2, "batch_hard", "euclidean"),
        ),
    ],
    ids=lambda value: value.name if isinstance(value, keras.losses.Loss) else "",
)
def test_losses_of_all_makes_have_the_same_columns(tmp_path, loss, expected):
    model = make_model(loss)
    parts = {f"val_{name}": 0.5 for name in model.loss.part_names}
    play(model, HyperParameters(tmp_path), {"loss": 1.0, "val_loss": 1.5} | parts)
    (row,) = read_table(tmp_path).values()
    found = tuple(row.hparams.get(name) for name in ("loss", "margin", "miner", "distance"))
    assert found == expected
    assert row.metrics == {"val_loss": 1.5}


def test_a_range_of_examples_is_its_middle_and_other_batches_have_none(tmp_path):
    model, table = make_model(), HyperParameters(tmp_path)
    play(model, table, {})
    model._pk_options = PKOptions(classes_per_batch=4, examples_per_class=(2, 5))
    play(model, table, {})
    plain, ranged = read_table(tmp_path).values()
    assert ranged.hparams["classes_per_batch"] == 4
    assert ranged.hparams["examples_per_class"] == 3.5
    assert set(ranged.hparams) - set(plain.hparams) == {"classes_per_batch", "examples_per_class"}


def test_of_an_encoder_that_hides_it_the_embedding_dim_is_known_in_time(tmp_path):
    class Encoder(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(5)

        def call(self, inputs):
            return self.dense(inputs)

    model = ks.SiameseModel(Encoder())
    model.compile("sgd", TripletLoss(0.3))
    fit(model, [HyperParameters(tmp_path)])
    (row,) = read_table(tmp_path).values()
    assert row.hparams["embedding_dim"] == 5


def test_each_fit_and_each_callback_is_a_row_and_a_copy_is_as_good(tmp_path):
    table = HyperParameters(tmp_path, hparams={"seed": 1}, monitor="val_loss", mode="min")
    for margin in (0.1, 0.2):
        play(make_model(TripletLoss(margin)), table, {"val_loss": margin})
    play(make_model(TripletLoss(0.4)), copy.deepcopy(table), {"val_loss": 0.4})
    rows = read_table(tmp_path)
    assert list(rows) == ["hparams", "hparams_2", "hparams_3"]
    assert [row.hparams["margin"] for row in rows.values()] == [0.1, 0.2, 0.4]
    assert [row.metrics["val_loss"] for row in rows.values()] == pytest.approx([0.1, 0.2, 0.4])
    assert all(row.hparams["seed"] == 1 for row in rows.values())
    assert all(row.statuses == ["STATUS_SUCCESS"] for row in rows.values())


def test_a_training_cut_short_is_no_success_and_ends_when_it_goes_on(tmp_path):
    figures = {"number": [1, 2, 3]}
    with pytest.raises(KeyboardInterrupt):
        fit(some_model(), [HyperParameters(tmp_path), Figures(raises=1, **figures)], 3)
    (row,) = read_table(tmp_path).values()
    assert row.statuses == ["STATUS_UNKNOWN"]
    assert row.hparams["margin"] == 0.3 and row.metrics == {}
    fit(some_model(), [HyperParameters(tmp_path), Figures(**figures)], 3, initial_epoch=1)
    (row,) = read_table(tmp_path).values()
    assert row.statuses == ["STATUS_SUCCESS"]
    assert row.metrics["number"] == 3 and row.steps["number"] == 3


@pytest.mark.parametrize("epochs_of_the_other", [1, 3])
def test_a_training_that_goes_on_is_not_the_other_one_that_came_between(
    tmp_path, epochs_of_the_other
):
    for seed, raises, epochs in ((1, 2, 4), (2, None, epochs_of_the_other)):
        callbacks = [HyperParameters(tmp_path, hparams={"seed": seed})]
        callbacks.append(Figures(raises=raises, number=[10 * seed, 10 * seed, 10 * seed]))
        with contextlib.suppress(KeyboardInterrupt):
            fit(some_model(), callbacks, epochs)
    model = some_model()
    model.optimizer.learning_rate = 0.001  # As ReduceLROnPlateau may have made it.
    late = Figures(number=[0, 0, 7, 8])
    fit(model, [HyperParameters(tmp_path, hparams={"seed": 1}), late], 4, initial_epoch=2)
    model.optimizer.learning_rate = 0.01
    figures = {row.hparams["seed"]: row.metrics["number"] for row in read_table(tmp_path).values()}
    assert figures == {1: 8, 2: 20}


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_training_that_is_said_to_have_failed(tmp_path, epochs):
    table = HyperParameters(tmp_path, hparams={"searched": 2})
    with pytest.raises(KeyboardInterrupt):
        fit(some_model(), [table, Figures(raises=epochs, number=[1, 2])], 3)
    table.on_train_failure()
    (row,) = read_table(tmp_path).values()
    assert row.statuses == ["STATUS_FAILURE"]
    assert row.hparams["searched"] == 2 and row.metrics == {}


def test_figures_that_are_not_finite_are_a_failure(tmp_path):
    fit(some_model(), [HyperParameters(tmp_path), Figures(score=[math.nan], number=[1])])
    (row,) = read_table(tmp_path).values()
    assert row.statuses == ["STATUS_FAILURE"]
    assert "score" not in row.metrics and row.metrics["number"] == 1


def test_training_goes_on_without_a_disk(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning) as warned:
        fit(some_model(), [HyperParameters(tmp_path / "file")], epochs=2)
    first, last = (str(w.message) for w in warned if w.category is UserWarning)
    assert first.startswith("HyperParameters lost the summaries of epoch 1: ")
    assert last.startswith("HyperParameters could not write 2 times: ")


def test_a_disk_that_comes_back_gets_all_of_it(tmp_path):
    (tmp_path / "hparams").write_text("")
    free = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: (tmp_path / "hparams").unlink()
    )
    with pytest.warns(UserWarning, match="lost the summaries of epoch 1"):
        fit(some_model(), [HyperParameters(tmp_path), free])
    (row,) = read_table(tmp_path).values()
    assert row.hparams["margin"] == 0.3 and "val_loss" in row.metrics


def test_without_a_directory_nothing_is_written_and_an_empty_fit_is_no_row(tmp_path):
    fit(some_model(), [HyperParameters(None)])
    fit(some_model(), [HyperParameters(tmp_path)], epochs=0)
    assert not list(tmp_path.iterdir())


def test_of_other_models_there_are_the_values_of_the_user(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"no SiameseModel .* Received: Sequential. Name them"):
        model.fit(X, X, verbose=0, callbacks=[HyperParameters(tmp_path)])
    model.fit(X, X, verbose=0, callbacks=[HyperParameters(tmp_path, hparams={"units": 4})])
    (row,) = read_table(tmp_path).values()
    assert row.hparams == {"units": 4}
    assert set(row.metrics) == {"train_loss"}


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"Received: 'margin': None. Leave it out"):
        HyperParameters("logs", hparams={"margin": None})
    with pytest.raises(ValueError, match=r"`metrics` must be a list of names. Received: 'loss'"):
        HyperParameters("logs", metrics="loss")
    with pytest.raises(ValueError, match="mode"):
        HyperParameters("logs", mode="auto")
    with pytest.raises(ValueError, match="below `log_dir`"):
        HyperParameters("logs", name="../other")
