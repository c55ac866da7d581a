import keras_tuner as kt
import numpy as np
import pytest

import keras_siamese as ks

# KerasTuner calls what Python has renamed.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")


def make_hypermodel(**kwargs):
    def encoder(embedding_dim):
        return ks.encoders.mlp((4,), embedding_dim=embedding_dim, hidden_units=())

    return ks.tuning.SiameseHyperModel(encoder, **kwargs)


def search(hypermodel, directory, trials):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 8)
    x = (np.eye(4)[labels] + 0.3 * rng.normal(size=(32, 4))).astype("float32")
    tuner = kt.RandomSearch(
        hypermodel, hypermodel.objective, max_trials=trials, seed=1, directory=directory,
        project_name="search",
    )  # fmt: skip
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
