import copy
import functools

import keras
import keras_tuner as kt
import numpy as np
import pytest
import tensorflow as tf
from small_model import batches_of, make_data, make_encoder, make_model

import keras_siamese as ks
from keras_siamese.callbacks import RetrievalEvaluation

KEYS = ["retrieval_recall_at_1", "retrieval_recall_at_5", "retrieval_map_at_r"]


def fit(callbacks, model=None, epochs=5, **options):
    model = make_model() if model is None else model
    options = {"verbose": 0, **options}
    history = model.fit(batches_of(make_data()), epochs=epochs, callbacks=callbacks, **options)
    return model, history.history


@functools.cache
def some_model():
    """A model of no matter which weights, whose programs are compiled once."""
    return make_model()


def figures_of(model, evaluation):
    """What the callback says of a model as it is."""
    model.stop_training = False
    evaluation.set_model(model)
    evaluation.set_params({"epochs": 1})
    evaluation.on_epoch_end(0, logs := {})
    return logs


class Replay(RetrievalEvaluation):
    """Says given figures in place of those of the model, one for each evaluation."""

    def __init__(self, figures, **options):
        super().__init__(make_data(), metrics=[ks.metrics.RecallAtK(1)], **options)
        self.left = list(figures)

    def _evaluate(self, epoch):
        return {"recall_at_1": self.left.pop(0)}


def scalars_of(directory):
    found = []
    for file in sorted(directory.glob("events*")):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                found.append((event.step, value.tag, float(tf.make_ndarray(value.tensor))))
    return found


def test_the_figures_of_a_set_are_those_of_evaluate_embeddings():
    x, y = make_data()
    metrics = [ks.metrics.RecallAtK(1), ks.metrics.PairAUC(), ks.metrics.DistanceRatio()]
    model, history = fit([RetrievalEvaluation((x, y), metrics=metrics)], some_model(), epochs=2)
    expected = ks.evaluation.evaluate_embeddings(model.predict(x, verbose=0), y, metrics=metrics)
    for name, value in expected.items():
        assert history[f"retrieval_{name}"][-1] == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("ignore", [None, "same_class_and_group", "same_group"])
def test_the_figures_of_queries_and_gallery_are_those_of_evaluate_retrieval(ignore):
    (x, y), groups = make_data(), np.arange(48) % 3
    queries = ks.data.from_arrays(x[:20], y[:20], groups=groups[:20])
    gallery = ks.data.from_arrays(x[20:], y[20:], groups=groups[20:])
    evaluation = RetrievalEvaluation(queries, gallery, ignore=ignore)
    model, history = fit([evaluation], some_model(), epochs=1)
    embeddings = model.predict(x, verbose=0)
    groups = {"query_groups": groups[:20], "gallery_groups": groups[20:], "ignore": ignore}
    expected = ks.evaluation.evaluate_retrieval(
        *(embeddings[:20], y[:20], embeddings[20:], y[20:]), **(groups if ignore else {})
    )
    for key in KEYS:
        name = key.removeprefix("retrieval_")
        assert history[key] == [pytest.approx(expected.figures[name], abs=1e-6)]


def test_groups_are_ignored_without_a_gallery_too():
    x, y = np.float32([[0], [1], [3], [2]]), [0, 0, 0, 1]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    evaluation = RetrievalEvaluation(
        ks.data.from_arrays(x, y, groups=["a", "a", "b", "b"]),
        metrics=[ks.metrics.RecallAtK(1)],
        ignore="same_class_and_group",
    )
    # The others are all nearest to the item at 2, of another class: the nearer ones of their own
    # class are ignored, and the one at 3 shares its group with it, but not its class.
    assert figures_of(model, evaluation) == {"retrieval_recall_at_1": 0.0}


def test_data_may_be_a_source_arrays_or_batches_with_names():
    x, y = make_data()
    names = np.array(["ant", "bee", "cat", "dog"])[y]
    model = make_model()
    first, *others = (
        figures_of(model, RetrievalEvaluation(data))
        for data in ((x, y), [x, y[:, None]], ks.data.from_arrays(x, names), batches_of((x, names)))
    )
    assert list(first) == KEYS and others == [first] * 3


def test_the_distance_is_that_of_the_model_of_the_argument_or_euclidean():
    x, y = make_data()
    x = x * np.linspace(0.1, 5, 48)[:, None].astype("float32")
    identity = keras.Sequential([keras.Input((6,)), keras.layers.Identity()])
    siamese = ks.SiameseModel(identity)
    siamese.compile("sgd", ks.losses.TripletLoss(0.5, distance="cosine"))

    def recall(model, distance=None):
        return figures_of(model, RetrievalEvaluation((x, y), distance=distance))[KEYS[2]]

    cosine, euclidean = (
        ks.evaluation.evaluate_embeddings(x, y, distance=name)["map_at_r"]
        for name in ("cosine", "euclidean")
    )
    assert cosine != euclidean
    assert recall(siamese) == pytest.approx(cosine)
    assert recall(siamese, "euclidean") == pytest.approx(euclidean)
    assert recall(identity) == pytest.approx(euclidean)


def test_it_evaluates_the_first_each_nth_and_the_last_epoch(tmp_path):
    evaluation = Replay([0.1, 0.2, 0.3, 0.4], every_n_epochs=3, log_dir=tmp_path)
    _, history = fit([evaluation], some_model(), epochs=7)
    assert history["retrieval_recall_at_1"] == [0.1, 0.1, 0.2, 0.2, 0.2, 0.3, 0.4]
    steps = [(step, tag) for step, tag, _ in scalars_of(tmp_path / "retrieval")]
    assert steps == [(step, "retrieval/recall_at_1") for step in (1, 3, 6, 7)]


def test_an_epoch_that_stops_the_training_is_evaluated():
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(stop.model, "stop_training", epoch == 1)
    )
    _, history = fit([stop, Replay([0.1, 0.2], every_n_epochs=3)], some_model())
    assert history["retrieval_recall_at_1"] == [0.1, 0.2]


def test_a_resumed_training_and_a_second_fit_evaluate_their_first_epoch(tmp_path):
    evaluation = Replay([0.1, 0.2, 0.3, 0.4, 0.5], every_n_epochs=4, log_dir=tmp_path)
    fit([evaluation], some_model(), epochs=1)
    _, history = fit([evaluation], some_model(), epochs=5, initial_epoch=1)
    assert history["retrieval_recall_at_1"] == [0.2, 0.2, 0.3, 0.4]
    _, history = fit([evaluation], some_model(), epochs=1)
    assert history["retrieval_recall_at_1"] == [0.5]
    assert [step for step, *_ in scalars_of(tmp_path / "retrieval")] == [1, 2, 4, 5]
    assert [step for step, *_ in scalars_of(tmp_path / "retrieval_2")] == [1]


def test_early_stopping_reads_the_figures():
    stopping = keras.callbacks.EarlyStopping("retrieval_recall_at_1", mode="max", patience=2)
    _, history = fit([Replay([0.1, 0.5, 0.4, 0.4, 0.9]), stopping], some_model())
    assert history["retrieval_recall_at_1"] == [0.1, 0.5, 0.4, 0.4]


def test_checkpoints_are_of_the_best_epoch(tmp_path):
    checkpoint = keras.callbacks.ModelCheckpoint(
        str(tmp_path / "{epoch}_{retrieval_recall_at_1:.1f}.weights.h5"),
        monitor="retrieval_recall_at_1",
        mode="max",
        save_best_only=True,
        save_weights_only=True,
    )
    fit([Replay([0.1, 0.5, 0.4, 0.4], every_n_epochs=2), checkpoint], some_model(), epochs=6)
    assert {path.name for path in tmp_path.iterdir()} == {"1_0.1.weights.h5", "2_0.5.weights.h5"}


def test_the_learning_rate_falls_on_a_plateau():
    plateau = keras.callbacks.ReduceLROnPlateau("retrieval_recall_at_1", 0.5, 2, mode="max")
    _, history = fit([Replay([0.3, 0.2, 0.2, 0.2]), plateau], epochs=4)
    assert history["learning_rate"] == pytest.approx([0.1, 0.1, 0.1, 0.05])


def test_the_progress_bar_shows_the_figures(capsys):
    fit([Replay([0.125])], some_model(), epochs=1, verbose=2)
    assert "retrieval_recall_at_1: 0.1250" in capsys.readouterr().out


@pytest.mark.filterwarnings(
    "ignore:Skipping variable loading", "ignore::DeprecationWarning:keras_tuner"
)
def test_a_search_is_led_by_the_figures(tmp_path):
    hypermodel = ks.tuning.SiameseHyperModel(
        lambda dim: ks.encoders.mlp((6,), embedding_dim=dim, hidden_units=(8,)),
        embedding_dims=(2, 4),
    )
    tuner = kt.RandomSearch(
        hypermodel,
        kt.Objective("retrieval_recall_at_1", "max"),
        max_trials=2,
        seed=1,
        directory=tmp_path / "search",
    )
    x, y = make_data()
    evaluation = RetrievalEvaluation((x[:20], y[:20]), (x[20:], y[20:]), log_dir=tmp_path / "logs")
    tuner.search(batches_of((x, y)), epochs=2, callbacks=[evaluation], verbose=0)
    trials = tuner.oracle.get_best_trials(2)
    assert evaluation.model is None, "KerasTuner trains with copies"
    assert len(trials) == 2 and trials[0].score >= trials[1].score > 0
    model = tuner.get_best_models(1)[0]
    embeddings = model.predict(x, verbose=0)
    result = ks.evaluation.evaluate_retrieval(embeddings[:20], y[:20], embeddings[20:], y[20:])
    assert result.figures["recall_at_1"] == pytest.approx(trials[0].score)


def test_a_copy_shares_the_sets_and_not_the_figures():
    evaluation = RetrievalEvaluation(make_data(), make_data())
    fit([evaluation], some_model(), epochs=1)
    twin = copy.deepcopy(evaluation)
    assert twin._queries is evaluation._queries and twin._gallery is evaluation._gallery
    assert twin.metrics[0] is not evaluation.metrics[0] and twin.model is None
    _, history = fit([twin], some_model(), epochs=1)
    assert len(history[KEYS[0]]) == 1


@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_training_is_the_same_with_it(steps_per_execution):
    def train(callbacks):
        keras.utils.set_random_seed(3)
        encoder = make_encoder(dropout=0.5)
        model = make_model(encoder=encoder, steps_per_execution=steps_per_execution)
        return fit(callbacks, model, epochs=3, validation_data=make_data())

    (model, history), (other, other_history) = train([]), train([RetrievalEvaluation(make_data())])
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert {key: other_history[key] for key in history} == history
    assert len(other_history[KEYS[0]]) == 3


def test_items_are_embedded_as_in_inference():
    x, y = make_data()
    model = make_model(encoder=make_encoder(dropout=0.9))
    model, history = fit([RetrievalEvaluation((x, y))], model, epochs=1)
    expected = ks.evaluation.evaluate_embeddings(model.encoder(x, training=False), y)
    assert history["retrieval_map_at_r"] == [pytest.approx(expected["map_at_r"], abs=1e-6)]


def test_embeddings_that_are_not_finite_stop_the_training():
    model = make_model()
    spoil = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: (
            epoch == 1 and model.set_weights([np.nan * w for w in model.get_weights()])
        )
    )
    evaluation = RetrievalEvaluation(make_data(), name="validation")
    message = "RetrievalEvaluation 'validation' cannot evaluate epoch 2: Embeddings must be finite"
    with pytest.raises(ValueError, match=message):
        fit([spoil, evaluation], model)
    with pytest.raises(ValueError, match="cannot evaluate epoch 1: Queries must be finite"):
        figures_of(model, RetrievalEvaluation(make_data(), make_data()))


def test_two_of_one_name_are_refused():
    fit([Replay([0.1]), Replay([0.2], name="other")], some_model(), epochs=1)
    with pytest.raises(ValueError, match=r"hold \['retrieval_recall_at_1'\] already: .* `name`"):
        fit([Replay([0.1]), Replay([0.2])], some_model(), epochs=1)


def test_a_failing_disk_keeps_the_figures(tmp_path):
    (tmp_path / "file").write_text("")
    evaluation = Replay([0.1, 0.2, 0.3], log_dir=tmp_path / "file")
    with pytest.warns(UserWarning) as warned:
        _, history = fit([evaluation], some_model(), epochs=3)
    assert history["retrieval_recall_at_1"] == [0.1, 0.2, 0.3]
    assert "lost the summaries of epoch 1" in str(warned[0].message)


X, Y = make_data()
NAMES = Y.astype(str)


@pytest.mark.parametrize(
    ("message", "arguments", "options"),
    [
        ("The data set is empty", [(X[:0], Y[:0])], {}),
        ("The data set is empty", [batches_of((X, Y)).take(0)], {}),
        ("must be finite", [batches_of((X, Y)).repeat()], {}),
        ("Expected a source", [X], {}),
        ("labels of queries and gallery must be of one kind", [(X, Y), (X, NAMES)], {}),
        ("queries without one", [(X, Y), (X, Y + 9)], {}),
        ("each alone in its class", [(X, np.arange(48))], {}),
        ("needs 48 items", [(X, Y)], {"metrics": [ks.metrics.RecallAtK(48)]}),
        ("list of `RankingMetric`s", [(X, Y), (X, Y)], {"metrics": [ks.metrics.PairAUC()]}),
        ("list of `RankingMetric`s", [(X, Y)], {"metrics": [ks.metrics.PairAUC()], "ignore": "a"}),
        ("list of `EmbeddingMetric`s", [(X, Y)], {"metrics": ["recall_at_1"]}),
        ("share a name", [(X, Y)], {"metrics": [ks.metrics.RecallAtK(1)] * 2}),
        ("nothing to evaluate", [(X, Y)], {"metrics": []}),
        ("`queries` without", [(X, Y)], {"ignore": "same_group"}),
        (
            "`gallery` without",
            [ks.data.from_arrays(X, Y, groups=Y), (X, Y)],
            {"ignore": "same_group"},
        ),
        ("Unknown `ignore`", [ks.data.from_arrays(X, Y, groups=Y)], {"ignore": "group"}),
        ("`every_n_epochs` must be", [(X, Y)], {"every_n_epochs": 0}),
        ("`batch_size` must be", [(X, Y)], {"batch_size": 0}),
        ("Unknown `distance`", [(X, Y)], {"distance": "euclid"}),
    ],
)
def test_wrong_arguments_are_refused_before_any_training(message, arguments, options):
    with pytest.raises(ValueError, match=message):
        RetrievalEvaluation(*arguments, **options)


def test_a_model_of_two_outputs_is_refused():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, [keras.layers.Dense(2)(inputs), keras.layers.Dense(3)(inputs)])
    model.compile("sgd", ["mse", "mse"])
    x, y = np.zeros((8, 2), "float32"), np.repeat([0, 1], 4)
    targets = [np.zeros((8, 2)), np.zeros((8, 3))]
    with pytest.raises(ValueError, match=r"must have one output.*Received: 2 in a list"):
        model.fit(x, targets, verbose=0, callbacks=[RetrievalEvaluation((x, y))])
