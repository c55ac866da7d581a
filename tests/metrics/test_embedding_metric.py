import copy

import keras
import numpy as np
import pytest
import tensorflow as tf
from loss_harness import BACKEND, compiled_only, tensorflow_only

from keras_siamese import distances, metrics
from keras_siamese.metrics import EmbeddingMetric, MAPAtR, MeanPositiveDistance, PairAUC, RecallAtK

_BASES = (EmbeddingMetric, metrics.RankingMetric, metrics.PairMetric, metrics.SpaceMetric)
_EVERY_METRIC = [
    exported
    for exported in (getattr(metrics, name) for name in metrics.__all__)
    if issubclass(exported, EmbeddingMetric) and exported not in _BASES
]
# Geometry and clusters are figures of the vectors, whatever distance compares them.
_WITH_DISTANCE = [
    metric
    for metric in _EVERY_METRIC
    if metric is metrics.Silhouette or not issubclass(metric, metrics.SpaceMetric)
]
# Four items have too few pairs for the rates by default.
_ARGUMENTS = {metrics.TrueAcceptRate: {"far": 0.25}, metrics.FalseNonMatchRate: {"fmr": 0.25}}
_LABELS = np.array([0, 0, 1, 1])
_EMBEDDINGS = np.array([[0.0, 3.0], [1.0, 1.0], [3.0, -1.0], [9.0, 5.0]], np.float32)


def _model(*arguments, **compile_arguments):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile(*arguments, **compile_arguments)
    return model


@pytest.mark.parametrize("metric_class", _EVERY_METRIC)
def test_streams_resets_and_keeps_no_variables(metric_class):
    metric = metric_class(**_ARGUMENTS.get(metric_class, {}))
    metric.update_state(_LABELS[:3, None], _EMBEDDINGS[:3])
    metric.update_state(_LABELS[3:], keras.ops.convert_to_tensor(_EMBEDDINGS[3:]))
    value = float(metric.result())
    assert value == float(metric.result())
    assert metric.variables == []
    metric.reset_state()
    with pytest.raises(ValueError, match="nothing to evaluate"):
        metric.result()
    metric.update_state(_LABELS, _EMBEDDINGS)
    assert float(metric.result()) == value
    assert isinstance(metric, EmbeddingMetric)


@pytest.mark.parametrize("metric_class", _WITH_DISTANCE)
def test_deepcopy_keeps_the_state_and_shares_none(metric_class):
    metric = metric_class(distance="cosine", **_ARGUMENTS.get(metric_class, {}))
    metric.update_state(_LABELS, _EMBEDDINGS)
    duplicate = copy.deepcopy(metric)
    value = float(metric.result())
    metric.reset_state()
    assert float(duplicate.result()) == value
    assert not duplicate.computed_by_model
    metric.computed_by_model = True
    assert copy.deepcopy([metric])[0].computed_by_model


@pytest.mark.parametrize("metric_class", _WITH_DISTANCE)
def test_config_round_trip(metric_class):
    metric = metric_class(distance="angular", name="other", dtype="float64")
    loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert type(loaded) is metric_class
    assert loaded.name == "other"
    assert loaded.dtype == "float64"
    assert isinstance(loaded.distance, distances.Angular)
    assert metric_class.from_config(metric_class().get_config()).distance is None


@pytest.mark.parametrize(
    ("metric_class", "name", "direction"),
    [
        (metrics.RecallAtK, "recall_at_1", "up"),
        (metrics.TrueRecallAtK, "true_recall_at_1", "up"),
        (metrics.PrecisionAtK, "precision_at_1", "up"),
        (metrics.RPrecision, "r_precision", "up"),
        (metrics.MAPAtK, "map_at_1", "up"),
        (metrics.MeanReciprocalRank, "mean_reciprocal_rank", "up"),
        (metrics.NDCGAtK, "ndcg_at_1", "up"),
        (metrics.MAPAtR, "map_at_r", "up"),
        (metrics.PairAUC, "pair_auc", "up"),
        (metrics.MeanPositiveDistance, "mean_positive_distance", "down"),
        (metrics.MeanNegativeDistance, "mean_negative_distance", "up"),
        (metrics.DistanceRatio, "distance_ratio", "up"),
    ],
)
def test_keras_callbacks_find_the_direction_by_name(metric_class, name, direction):
    metric = metric_class()
    assert metric.name == name
    metric.computed_by_model = True
    model = _model(loss="mse", optimizer="sgd", metrics=[metric])
    model.evaluate(_EMBEDDINGS, _EMBEDDINGS, verbose=0)
    callback = keras.callbacks.EarlyStopping("val_" + name)
    callback.set_model(model)
    callback._set_monitor_op()
    assert callback.monitor_op is (keras.ops.greater if direction == "up" else keras.ops.less)


def test_dtype_of_the_result():
    metric = RecallAtK(1, dtype="float64")
    metric.update_state([0, 0, 0, 1], _EMBEDDINGS)
    assert keras.backend.standardize_dtype(metric.result().dtype) == "float64"
    assert metric.result().shape == ()


def test_unknown_distance():
    with pytest.raises(ValueError, match="Did you mean 'euclidean'"):
        PairAUC(distance="euclidian")


def test_weights_are_refused():
    for owned in (False, True):
        metric = MAPAtR()
        metric.computed_by_model = owned
        with pytest.raises(ValueError, match="`map_at_r` has no weighted form"):
            metric.update_state(_LABELS, _EMBEDDINGS, sample_weight=np.ones(4))


@compiled_only
@pytest.mark.parametrize("compile_arguments", [{}, {"jit_compile": True}])
def test_in_another_model_it_says_what_to_use(compile_arguments):
    model = _model(
        loss=lambda y, e: keras.ops.sum(e),
        optimizer="sgd",
        metrics=[RecallAtK(1)],
        **compile_arguments,
    )
    with pytest.raises(ValueError, match=r"(?s)SiameseModel.*evaluate_embeddings"):
        model.evaluate(_EMBEDDINGS, _LABELS, verbose=0)


@pytest.mark.skipif(BACKEND == "jax", reason="Keras on JAX traces the step all the same")
def test_in_another_model_that_runs_eagerly_it_is_exact():
    model = _model(
        loss=lambda y, e: keras.ops.sum(e),
        optimizer="sgd",
        metrics=[MeanPositiveDistance()],
        run_eagerly=True,
    )
    logs = model.evaluate(_EMBEDDINGS, _LABELS, batch_size=3, verbose=0, return_dict=True)
    first, second = np.diff(model.predict(_EMBEDDINGS, verbose=0), axis=0)[::2]
    expected = (np.linalg.norm(first) + np.linalg.norm(second)) / 2
    assert logs["mean_positive_distance"] == pytest.approx(expected)


@tensorflow_only
@pytest.mark.parametrize("jit_compile", [False, True])
def test_inside_a_function_it_says_what_to_use(jit_compile):
    metric = PairAUC()
    step = tf.function(lambda y, e: metric.update_state(y, e), jit_compile=jit_compile)
    with pytest.raises(ValueError, match=r"(?s)SiameseModel.*evaluate_embeddings"):
        step(tf.constant(_LABELS), tf.constant(_EMBEDDINGS))


@pytest.mark.parametrize(
    "compile_arguments",
    [
        {},
        {"run_eagerly": True},
        pytest.param({"jit_compile": True}, marks=compiled_only),
        pytest.param({"steps_per_execution": 2}, marks=compiled_only),
    ],
)
def test_owned_by_a_model_it_stands_back(compile_arguments):
    metric = RecallAtK(1)
    metric.computed_by_model = True
    model = _model(loss="mse", optimizer="sgd", metrics=[metric], **compile_arguments)
    logs = model.evaluate(_EMBEDDINGS, _EMBEDDINGS, batch_size=2, verbose=0, return_dict=True)
    assert np.isnan(logs["recall_at_1"])
    assert metric._collection.is_empty
    assert keras.ops.is_tensor(metric.result())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving
def test_saved_with_a_model(tmp_path):
    metric = RecallAtK(3, distance="cosine")
    metric.computed_by_model = True
    model = _model(loss="mse", optimizer="sgd", metrics=[metric])
    model.evaluate(_EMBEDDINGS, _EMBEDDINGS, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    (loaded_metric,) = loaded._compile_metrics._user_metrics
    assert loaded_metric.k == 3
    assert loaded_metric.name == "recall_at_3"
    assert isinstance(loaded_metric.distance, distances.Cosine)


def test_a_new_metric_is_a_small_class():
    class NumPairs(metrics.PairMetric):
        """Number of unordered pairs."""

        default_name = "num_pairs"
        _direction = "up"

        def of_pairs(self, pairs):
            return pairs.num_positives + pairs.num_negatives

    metric = NumPairs()
    metric.update_state(_LABELS, _EMBEDDINGS)
    assert float(metric.result()) == 6


def test_deepcopy_keeps_what_the_distance_learned():
    distance = distances.Mahalanobis()
    distance.build(1)
    distance.trainable_variables[0].assign([[2.0]])
    metric = copy.deepcopy(metrics.MeanPositiveDistance(distance))
    metric.update_state([0, 0], [[0.0], [1.0]])
    assert float(metric.result()) == 2
