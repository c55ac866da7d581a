import keras
import keras_tuner as kt
import numpy as np
import pytest
from hparams_table import read_table

import keras_siamese as ks
from keras_siamese.callbacks.log_callback import LogCallback

# KerasTuner calls what Python has renamed.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")


def make_hypermodel(kind=ks.tuning.SiameseHyperModel, **kwargs):
    def encoder(embedding_dim):
        return ks.encoders.mlp((4,), embedding_dim=embedding_dim, hidden_units=())

    return kind(encoder, **kwargs)


def make_items():
    labels = np.repeat(np.arange(4), 8)
    noise = np.random.default_rng(0).normal(size=(32, 4))
    return (np.eye(4)[labels] + 0.3 * noise).astype("float32"), labels


def make_tuner(kind, hypermodel, directory, **options):
    return kind(
        hypermodel, hypermodel.objective, seed=1, directory=directory, project_name="search",
        **options,
    )  # fmt: skip


def search(hypermodel, directory, trials):
    x, labels = make_items()
    tuner = make_tuner(kt.RandomSearch, hypermodel, directory, max_trials=trials)
    batches = ks.data.pk_batches(x, labels, classes_per_batch=4, examples_per_class=2, seed=0)
    tuner.search(batches, epochs=1, verbose=0, validation_data=(x, labels))
    return tuner, (x, labels)


def test_search_scores_by_exact_recall_and_goes_on_where_it_stopped(tmp_path):
    hypermodel = make_hypermodel(margins=(0.1, 0.4), embedding_dims=(2, 3))
    first, _ = search(hypermodel, tmp_path, trials=2)
    second, _ = search(hypermodel, tmp_path, trials=3)
    trials = second.oracle.trials
    assert len(trials) == 3
    for trial_id, trial in first.oracle.trials.items():
        assert trials[trial_id].score == trial.score
        assert trials[trial_id].hyperparameters.values == trial.hyperparameters.values
    for trial in trials.values():
        values = trial.hyperparameters.values
        assert 0.1 <= values["margin"] <= 0.4
        assert values["embedding_dim"] in (2, 3)
    best = second.oracle.get_best_trials()[0]
    model = hypermodel.build(best.hyperparameters)
    assert model.loss.margin == best.hyperparameters.get("margin")
    assert model.encoder.output_shape == (None, best.hyperparameters.get("embedding_dim"))
    assert best.score == max(trial.score for trial in trials.values())


def test_loss_and_metrics_are_the_users(tmp_path):
    hypermodel = make_hypermodel(
        loss=lambda margin: ks.losses.ContrastiveLoss(margin),
        metrics=lambda: [ks.metrics.MAPAtR(), ks.metrics.RecallAtK(1)],
    )
    model = hypermodel.build(kt.HyperParameters())
    assert isinstance(model.loss, ks.losses.ContrastiveLoss)
    names = [metric.name for metric in model._compile_metrics._user_metrics]
    assert names == ["map_at_r", "recall_at_1"]


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"\(least, greatest\). Received: \(0.5, 0.1\)"):
        make_hypermodel(margins=(0.5, 0.1))
    with pytest.raises(ValueError, match="`margins` must be a finite number above 0"):
        make_hypermodel(margins=(0, 0.1))
    with pytest.raises(ValueError, match="at least one size"):
        make_hypermodel(embedding_dims=())
    hypermodel = make_hypermodel(margins=(2.5, 3.0))
    with pytest.raises(ValueError, match="out of reach"):
        hypermodel.build(kt.HyperParameters())


class Notes(LogCallback):
    """Writes the loss of each epoch."""

    def on_epoch_end(self, epoch, logs=None):
        self.write_summaries(epoch, scalars={"note": logs["loss"]})


class WiderSearch(ks.tuning.SiameseHyperModel):
    """Searches the learning rate and P, too."""

    def build(self, hp):
        model = super().build(hp)
        model.optimizer.learning_rate = hp.Float("learning_rate", 1e-3, 1e-2)
        return model

    def fit(self, hp, model, x, y, **kwargs):
        p = hp.Int("classes_per_batch", 3, 4)
        batches = ks.data.pk_batches(x, y, classes_per_batch=p, examples_per_class=2, seed=0)
        return super().fit(hp, model, batches, **kwargs)


def tables_of(tuner):
    return {f"trial {i} of search": trial for i, trial in tuner.oracle.trials.items()}


def test_each_trial_is_a_row_of_all_that_is_searched_and_its_score(tmp_path):
    logs, executions = tmp_path / "logs", 2
    hypermodel = make_hypermodel(WiderSearch, margins=(0.1, 0.4), embedding_dims=(2, 3))
    callbacks = [
        ks.callbacks.HyperParameters(logs, hparams={"seed": 1}),
        Notes(logs, "notes"),
        keras.callbacks.TensorBoard(logs, write_graph=False),
        # The first epoch is the best one, by which KerasTuner scores a trial.
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(val_recall_at_1=0.75 - epoch / 2)
        ),
    ]
    tuner = make_tuner(
        kt.RandomSearch, hypermodel, tmp_path, max_trials=2, executions_per_trial=executions
    )
    x, y = make_items()
    tuner.search(x, y, epochs=2, verbose=0, validation_data=(x, y), callbacks=callbacks)
    table, trials = read_table(logs), tables_of(tuner)
    assert list(table) == list(trials) and len(trials) == 2
    for name, trial in trials.items():
        row = table[name]
        assert row.statuses == ["STATUS_SUCCESS"] * executions
        assert row.metrics["val_recall_at_1"] == trial.score == 0.75
        values = trial.hyperparameters.values
        assert set(values) == {"margin", "embedding_dim", "learning_rate", "classes_per_batch"}
        for searched, value in {**values, "seed": 1, "loss": "triplet_loss"}.items():
            assert row.hparams[searched] == value
        for execution in range(executions):
            place = logs / trial.trial_id / f"execution{execution}"
            assert {run.name for run in place.iterdir() if run.is_dir()} == {
                "hparams", "notes", "train", "validation",
            }  # fmt: skip
    assert callbacks[0].log_dir == logs and callbacks[0].hparams == {"seed": 1}


def test_of_the_values_of_hyperband_the_epochs_are_a_column(tmp_path):
    tuner = make_tuner(kt.Hyperband, make_hypermodel(), tmp_path)
    trial = kt.engine.trial.Trial(kt.HyperParameters(), trial_id="0007")
    hp = trial.hyperparameters
    model = tuner.hypermodel.build(hp)
    hp.values |= {"tuner/epochs": 2, "tuner/bracket": 1, "tuner/trial_id": "0003"}
    callbacks = [ks.callbacks.HyperParameters(tmp_path / "logs"), keras.callbacks.Callback()]
    callbacks[1].trial, callbacks[1].tuner = trial, tuner
    x, y = make_items()
    tuner.hypermodel.fit(hp, model, x, y, validation_data=(x, y), verbose=0, callbacks=callbacks)
    ((name, row),) = read_table(tmp_path / "logs").items()
    assert name == "trial 0007 of search"
    assert row.hparams["tuner/epochs"] == 2
    assert {"margin", "embedding_dim"} < set(row.hparams)
    assert not {"tuner/bracket", "tuner/trial_id"} & set(row.hparams)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_trial_that_is_tried_again_has_figures_of_the_second_time_alone(tmp_path, error):
    """Whether it failed or the whole search was cut short and goes on."""
    logs = tmp_path / "logs"
    x, y = make_items()

    class FailsAtFirst(ks.tuning.SiameseHyperModel):
        fails = True

        def fit(self, hp, model, *args, callbacks, **kwargs):
            if FailsAtFirst.fails:
                callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=self.fail))
            return super().fit(hp, model, *args, callbacks=callbacks, **kwargs)

        def fail(self, epoch, logs):
            FailsAtFirst.fails = False
            raise error

    def search():
        hypermodel = make_hypermodel(FailsAtFirst)
        tuner = make_tuner(
            kt.RandomSearch, hypermodel, tmp_path, max_trials=1, max_retries_per_trial=1
        )
        batches = ks.data.pk_batches(x, y, classes_per_batch=4, examples_per_class=2, seed=0)
        callbacks = [ks.callbacks.HyperParameters(logs), Notes(logs, "notes")]
        tuner.search(batches, verbose=0, validation_data=(x, y), callbacks=callbacks)
        return tuner

    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            search()
    tuner = search()
    (row,) = read_table(logs).values()
    (trial,) = tables_of(tuner).values()
    first = "STATUS_FAILURE" if error is RuntimeError else "STATUS_UNKNOWN"
    assert row.statuses == [first, "STATUS_SUCCESS"]
    assert row.metrics["val_recall_at_1"] == pytest.approx(trial.score)
    # Other logs of the two are apart as well.
    assert sorted(run.parent.name for run in logs.glob("*/*/notes")) == ["execution0", "execution1"]


def test_outside_of_a_search_logs_go_where_they_are_sent(tmp_path):
    hypermodel, hp = make_hypermodel(), kt.HyperParameters()
    x, y = make_items()
    model = hypermodel.build(hp)
    hypermodel.fit(hp, model, x, y, verbose=0)
    hypermodel.fit(hp, model, x, y, verbose=0, callbacks=[Notes(tmp_path, "notes")])
    assert [run.name for run in tmp_path.iterdir()] == ["notes"]
