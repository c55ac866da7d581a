import copy
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_model import batches_of, make_data, make_encoder, make_model, pairs_of, triplets_of
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import keras_siamese as ks
from keras_siamese.callbacks.training_diagnostics import (
    TrainingDiagnostics,
    _margin_of,
    _step_to_look_at,
)

SPACE = {
    "batch_embedding_norm",
    "batch_embedding_norm_deviation",
    "batch_effective_rank",
    "batch_gradient_norm",
}
HARD = {"batch_hard_share", "batch_hardest_share"}
SHARES = HARD | {"batch_semi_hard_share", "batch_easy_share"}


@pytest.fixture(scope="module")
def data():
    return make_data()


def fit(model, *data, callback=None, **options):
    callback = callback or TrainingDiagnostics()
    return model.fit(*data, verbose=0, callbacks=[callback], **options).history


def eager_model(**options):
    """A model that is not compiled, which takes longer than a few steps of it."""
    return make_model(run_eagerly=True, **options)


def new_figures(logs):
    return set(logs) - {"loss", *ks.metrics.BatchFigures.NAMES}


def shares_by_loops(embeddings, y, margin):
    """Shares of hard, semi-hard and easy triplets, and of anchors with a hard one."""
    d = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=2)
    counts, hardest = np.zeros(3), []
    for a in range(len(y)):
        gaps = [
            d[a, n] - d[a, p]
            for p, n in itertools.product(range(len(y)), repeat=2)
            if p != a and y[p] == y[a] and y[n] != y[a]
        ]
        for gap in gaps:
            counts[0 if gap <= 0 else 1 if gap < margin else 2] += 1
        if gaps:
            hardest.append(min(gaps) <= 0)
    return [*counts / counts.sum(), np.mean(hardest)]


def test_figures_are_those_of_the_batch(data):
    x, y = data
    encoder = make_encoder(normalize=False)
    margin = 0.5
    model = make_model(
        ks.losses.TripletLoss(margin), encoder=encoder, optimizer=keras.optimizers.SGD(0.0)
    )
    logs = fit(model, batches_of(data, 48))
    embeddings = model.predict(x, verbose=0)
    norms = np.linalg.norm(embeddings, axis=1)
    hard, semi_hard, easy, hardest = shares_by_loops(embeddings, y, margin)
    assert min(hard, semi_hard, easy) > 0.05
    values = np.linalg.svd(embeddings, compute_uv=False)
    values /= values.sum()
    expected = {
        "batch_hard_share": hard,
        "batch_semi_hard_share": semi_hard,
        "batch_easy_share": easy,
        "batch_hardest_share": hardest,
        "batch_embedding_norm": norms.mean(),
        "batch_embedding_norm_deviation": norms.std(),
        "batch_effective_rank": np.exp(-np.sum(values * np.log(values))),
    }
    for name, value in expected.items():
        assert logs[name][0] == pytest.approx(value, rel=1e-4), name
    assert new_figures(logs) == SPACE | SHARES
    wide = ks.SiameseModel(ks.encoders.mlp((6,), 64, hidden_units=()))  # more than a batch has
    wide.compile(keras.optimizers.SGD(0.0), ks.losses.TripletLoss(0.5))
    values = np.linalg.svd(wide.predict(x[:8], verbose=0), compute_uv=False)
    values = values[values > 1e-6] / values.sum()
    assert fit(wide, x[:8], y[:8])["batch_effective_rank"][0] == pytest.approx(
        np.exp(-np.sum(values * np.log(values))), rel=1e-3
    )


def test_ties(data):
    # Four items at 0, 1 (class 0) and 1, 2 (class 1). Anchor 0: positive at 1, negatives at 1 and
    # 2, a tie that is hard and one that is a margin further, so easy. Anchor 2 (at 1): positive at
    # 1; negatives at 1 and 0, both hard. By symmetry the others too: 6 of 8 hard, 2 easy.
    x, y = np.array([[0.0], [1.0], [1.0], [2.0]], "float32"), np.array([0, 0, 1, 1])
    inputs = keras.Input((1,))
    line = keras.layers.Dense(1, kernel_initializer="ones")(inputs)
    model = make_model(
        ks.losses.TripletLoss(1.0), encoder=keras.Model(inputs, line),
        optimizer=keras.optimizers.SGD(0.0), run_eagerly=True,
    )  # fmt: skip
    logs = fit(model, x, y, shuffle=False)
    assert logs["batch_hard_share"] == [0.75]
    assert logs["batch_easy_share"] == [0.25]
    assert logs["batch_semi_hard_share"] == [0.0]
    assert logs["batch_hardest_share"] == [1.0]


def test_each_kind_of_batch(data):
    x, _ = data
    pairs = fit(make_model(ks.losses.ContrastiveLoss()), *pairs_of(data, 30))
    assert new_figures(pairs) == SPACE
    model = make_model(optimizer=keras.optimizers.SGD(0.0))
    triplets = triplets_of(data, 30)
    logs = fit(model, triplets, batch_size=30)
    assert new_figures(logs) == SPACE | SHARES
    anchor, positive, negative = (model.predict(part, verbose=0) for part in triplets)
    d_ap, d_an = (np.linalg.norm(anchor - other, axis=1) for other in (positive, negative))
    assert logs["batch_hard_share"][0] == pytest.approx(np.mean(d_an <= d_ap))
    assert logs["batch_easy_share"][0] == pytest.approx(np.mean(d_an >= d_ap + 0.5))
    views = tf.data.Dataset.from_tensor_slices(((x, x + 0.1),)).batch(16)
    assert new_figures(fit(make_model(ks.losses.NTXentLoss()), views)) == SPACE | HARD
    labels = np.stack([data[1] < 2, data[1] > 0], axis=1).astype(int)
    loss = ks.losses.TripletLoss(0.5, relation=ks.relations.SharedLabel())
    assert new_figures(fit(make_model(loss), x, labels)) == SPACE | SHARES
    assert new_figures(fit(make_model(), x, data[1][:, None])) == SPACE | SHARES


class Square(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_pred), axis=-1)


@pytest.mark.parametrize("loss", [
    Square(), ks.losses.ProxyAnchorLoss(4), ks.losses.TripletLoss("soft"),
    ks.losses.TripletLoss(0.5, distance="mahalanobis"),
], ids=lambda loss: loss.name)  # fmt: skip
def test_any_loss(data, loss):
    logs = fit(make_model(loss), *data, epochs=2)
    with_margin = isinstance(loss, ks.losses.TripletLoss) and loss.margin is not None
    assert new_figures(logs) == SPACE | (SHARES if with_margin else HARD)
    assert np.isfinite([logs[name] for name in new_figures(logs)]).all()


def test_the_margin_of_a_loss():
    triplet, proxy = ks.losses.TripletLoss(0.3), ks.losses.ProxyAnchorLoss(4)
    euclidean, cosine = map(ks.distances.get, ("euclidean", "cosine"))
    assert _margin_of(triplet, euclidean) == 0.3
    assert _margin_of(ks.losses.WeightedSum([proxy, triplet]), euclidean) == 0.3
    assert _margin_of(ks.losses.WeightedSum([proxy, triplet]), cosine) is None
    assert _margin_of(ks.losses.TripletLoss("soft"), euclidean) is None
    assert _margin_of(proxy, cosine) is None and _margin_of("mse", euclidean) is None


@pytest.mark.parametrize("options", [
    {"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 4}, "float16",
    "accumulate",
], ids=str)  # fmt: skip
def test_every_mode(data, options):
    keras.config.set_dtype_policy("mixed_float16" if options == "float16" else "float32")
    try:
        encoder = make_encoder()
    finally:
        keras.config.set_dtype_policy("float32")
    steps = 2 if options == "accumulate" else None
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=steps)
    options = {} if isinstance(options, str) else options
    model = make_model(encoder=encoder, optimizer=optimizer, **options)
    logs = fit(model, batches_of(data, 7), epochs=2)
    assert new_figures(logs) == SPACE | SHARES
    assert all(len(logs[name]) == 2 for name in SPACE | SHARES)
    assert np.isfinite([logs[name] for name in new_figures(logs)]).all()


@pytest.mark.parametrize(("num_steps", "num_looks", "expected"), [
    (10, 4, [3, 5, 8, 10]), (4, 4, [1, 2, 3, 4]), (2, 4, [1, 2]), (100, 1, [100]),
    (None, 4, [1, 2, 4, 8, 16, 32, 64]),
])  # fmt: skip
def test_steps_that_are_looked_at(num_steps, num_looks, expected):
    looks, due = [], _step_to_look_at(0, num_looks, num_steps)
    for step in range(1, (num_steps or 100) + 1):
        if step >= due:
            looks.append(step)
            due = _step_to_look_at(step, num_looks, num_steps)
    assert looks == expected


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_an_epoch_of_unknown_length(data):
    batches = batches_of(data, 4).filter(lambda x, y: True)
    assert batches.cardinality() == tf.data.UNKNOWN_CARDINALITY
    callback = TrainingDiagnostics(batches_per_epoch=3)
    looks = []
    count = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: looks.append((callback._num_steps, len(callback._batches)))
    )
    logs = make_model().fit(batches, epochs=2, verbose=0, callbacks=[callback, count]).history
    assert len(logs["batch_effective_rank"]) == 2
    assert looks == [(12, 3), (12, 3)]


def read(directory):
    return EventAccumulator(str(directory), size_guidance={"tensors": 0}).Reload()


def test_what_is_in_the_run(data, tmp_path):
    callback = TrainingDiagnostics(tmp_path, every_n_epochs=2)
    model = eager_model()
    logs = fit(model, *data, callback=callback, epochs=4, validation_data=data)
    run = read(tmp_path / "diagnostics")
    histograms = {"distances/positive", "distances/negative", "embedding_norms"}
    scalars = {name for name in logs if not name.startswith("val_")}
    assert {"loss", "batch_active_fraction", "batch_spread"} <= scalars
    tags = {name: name.replace("batch_", "batch/") for name in scalars}
    assert set(run.Tags()["tensors"]) == histograms | set(tags.values())
    for name, tag in tags.items():
        written = [(e.step, float(tf.make_ndarray(e.tensor_proto))) for e in run.Tensors(tag)]
        assert written == [(2, pytest.approx(logs[name][1])), (4, pytest.approx(logs[name][3]))]
    norms = tf.make_ndarray(run.Tensors("embedding_norms")[0].tensor_proto)
    assert norms[:, 2].sum() == 48  # left, right, number
    callback.log_dir = tmp_path / "other"
    fit(model, *data, callback=callback, epochs=2)
    assert len(read(tmp_path / "other" / "diagnostics").Tensors("loss")) == 1


def test_a_second_and_a_resumed_fit(data, tmp_path):
    model, callback = eager_model(), TrainingDiagnostics(tmp_path)
    fit(model, *data, callback=callback, epochs=2)
    logs = fit(model, *data, callback=callback, epochs=3, initial_epoch=2)
    assert new_figures(logs) == SPACE | SHARES
    assert [e.step for e in read(tmp_path / "diagnostics").Tensors("loss")] == [1, 2, 3]


def test_a_copy_made_while_training(data):
    callback, copies = TrainingDiagnostics(), []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: copies.append(copy.deepcopy(callback))
    )
    model = eager_model()
    model.fit(*data, verbose=0, callbacks=[callback, note])
    assert new_figures(fit(model, *data, callback=copies[0])) == SPACE | SHARES


def test_other_models_are_refused(data):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"`keras_siamese\.SiameseModel`\. Received: <Sequential"):
        fit(model, *data)
    with pytest.raises(ValueError, match="batches_per_epoch"):
        TrainingDiagnostics(batches_per_epoch=0)


def test_a_collapse_to_a_line_is_named_once_a_fit(data):
    x, _ = data
    y = np.random.default_rng(0).integers(0, 4, len(x))  # which nothing in the items tells
    inputs = keras.Input((6,))
    line = keras.layers.Dense(16, use_bias=False)(keras.layers.Dense(1)(inputs))
    for _ in range(2):
        model = eager_model(encoder=keras.Model(inputs, line), loss=ks.losses.TripletLoss("soft"))
        with pytest.warns(UserWarning, match="collapsed to a line") as warned:
            fit(model, x, y, epochs=6)
        (message,) = (str(warning.message) for warning in warned)
        assert "effective rank is 1 in epoch 3, since epoch 1" in message
        assert "Lower the learning rate" in message and "batch" in message


@pytest.mark.parametrize("loss", [
    ks.losses.TripletLoss(0.2, miner="batch_hard"), ks.losses.TripletLoss("soft"),
    ks.losses.ContrastiveLoss(), ks.losses.NTXentLoss(),
], ids=lambda loss: loss.name)  # fmt: skip
@pytest.mark.parametrize("num_classes", [2, 10])
def test_no_alarm_in_a_healthy_training(loss, num_classes):
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x, y = (x[y < num_classes] / 16).astype("float32"), y[y < num_classes]
    batches = ks.data.pk_batches(x, y, classes_per_batch=2, examples_per_class=16, seed=0)
    model = ks.SiameseModel(ks.encoders.mlp((64,), 32, hidden_units=(64,)))
    model.compile(keras.optimizers.Adam(1e-3), loss)
    logs = fit(model, batches, epochs=8)  # Any warning is an error.
    assert logs["loss"][-1] < logs["loss"][0]


def test_few_items_are_no_line(data):
    (x1, x2), _ = pairs_of(data, 12)
    same = np.arange(12) % 2  # which nothing in the items tells
    encoder = ks.encoders.mlp((6,), 8, hidden_units=())
    model = make_model(ks.losses.ContrastiveLoss(), encoder=encoder)
    logs = fit(model, (x1, x2), same, batch_size=1, epochs=3)  # Any warning is an error.
    assert max(logs["batch_effective_rank"]) <= 2
