"""What a `SiameseModel` refuses, and unusual inputs that it takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_model import (
    NUM_CLASSES,
    batches_of,
    make_data,
    make_encoder,
    make_metrics,
    make_model,
    pairs_of,
    triplets_of,
)

import keras_siamese as ks


@pytest.fixture(scope="module")
def data():
    return make_data()


class TestBadInput:
    def test_encoder(self):
        with pytest.raises(ValueError, match=r"must be a `keras.Model`. Received: 'resnet'"):
            ks.SiameseModel("resnet")
        inputs = keras.Input((8, 8, 1))
        with pytest.raises(ValueError, match=r"shape \(None, 8, 8, 2\).*embedding_head"):
            ks.SiameseModel(keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs)))

    def test_margin_out_of_reach(self):
        with pytest.raises(ValueError, match=r"unit-norm.*\[0, 2\].*margin=2.5"):
            make_model(ks.losses.TripletLoss(2.5))
        make_model(ks.losses.TripletLoss(2.5), encoder=make_encoder(normalize=False))

    def test_loss_without_a_scalar(self):
        with pytest.raises(ValueError, match='reduction="none"'):
            make_model(ks.losses.TripletLoss(reduction="none"))
        with pytest.raises(ValueError, match="loss_weights"):
            make_model(loss_weights=[2.0])

    def test_labels(self, data):
        x, y = data
        for labels in (y.astype("float32"), np.eye(NUM_CLASSES, dtype="int32")[y]):
            with pytest.raises(ValueError, match="Labels must"):
                make_model().fit(x, labels, verbose=0)
        with pytest.raises(ValueError, match="Labels are missing"):
            make_model().fit(x, verbose=0)
        with pytest.raises(ValueError, match="a tuple of 4"):
            make_model().fit((x, x, x, x), y, verbose=0)

    def test_large_ids_stay_apart(self, data):
        x, _ = data
        labels = np.array([2**24, 2**24 + 1] * 24)
        model = make_model(metrics=[ks.metrics.PairAUC()])
        options = {"batch_size": 48, "verbose": 0, "validation_data": (x, labels)}
        logs = model.fit(x, labels, **options).history
        expected = ks.evaluation.evaluate_embeddings(
            model.predict(x, verbose=0), labels % 2, metrics=[ks.metrics.PairAUC()]
        )
        assert logs["val_pair_auc"][0] == pytest.approx(expected["pair_auc"], abs=1e-6)

    def test_column_labels(self, data):
        x, y = data
        column = y[:, None]
        options = {"batch_size": 48, "verbose": 0}
        model = make_model(metrics=make_metrics())
        logs = model.fit(x, column, validation_data=(x, column), **options).history
        for name, value in model.evaluate(x, y, return_dict=True, **options).items():
            assert logs[f"val_{name}"][0] == pytest.approx(value, rel=1e-5)

    def test_nan(self, data):
        x, y = data
        x = x.copy()
        x[3] = np.nan
        with pytest.raises(ValueError, match="not finite at batch"):
            make_model().fit(x, y, batch_size=48, verbose=0)
        model = make_model(metrics=make_metrics())
        with pytest.raises(ValueError, match="NaN or infinity in 1 of"):
            model.evaluate(x, y, verbose=0)
        np.testing.assert_array_equal(
            np.isnan(model.predict(x, verbose=0)).all(axis=1), np.arange(48) == 3
        )

    @pytest.mark.filterwarnings("ignore:Your input ran out of data")
    def test_empty_data(self, data):
        nothing = batches_of(data).take(0)
        model = make_model(metrics=make_metrics())
        with pytest.raises(ValueError, match="data set is empty"):
            model.evaluate(nothing, verbose=0)
        with pytest.raises(ValueError, match="data set is empty"):
            model.fit(nothing, verbose=0)


class TestReviewed:
    """Uses that were once wrong."""

    def test_callback_list(self, data):
        seen = []
        watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
        model = make_model()
        model.fit(batches_of(data), verbose=0, callbacks=keras.callbacks.CallbackList([watch]))
        model.fit(batches_of(data), verbose=0, callbacks=watch)
        assert seen == [0, 0]

    def test_loss_in_a_list(self, data):
        model = make_model([ks.losses.TripletLoss(0.5, distance="cosine")])
        assert model.distance_function.name == "cosine"
        with pytest.raises(ValueError, match="Received: 2 losses"):
            make_model([ks.losses.TripletLoss(), ks.losses.ContrastiveLoss()])

    def test_nested_and_weighted_metrics(self, data):
        model = make_model(metrics=[[ks.metrics.RecallAtK(1)]])
        assert "recall_at_1" in model.evaluate(*data, verbose=0, return_dict=True)
        with pytest.raises(ValueError, match="no weighted form"):
            make_model(weighted_metrics=[ks.metrics.RecallAtK(1)])

    def test_same_must_say_yes_or_no(self, data):
        x, y = data
        with pytest.raises(ValueError, match="`same` must be 1 for a match"):
            make_model(ks.losses.ContrastiveLoss()).fit((x, x), y, verbose=0)

    def test_class_weight_of_triplets_with_unused_labels(self, data):
        triplets = triplets_of(data, 16)
        unused = tf.data.Dataset.from_tensor_slices((triplets, np.zeros(16, "int64"))).batch(8)
        with pytest.raises(ValueError, match="`class_weight` has no meaning for triplets"):
            make_model().fit(unused, class_weight={0: 0.0}, verbose=0)

    def test_batches_tested_while_training_are_not_collected(self, data):
        model = make_model(metrics=[ks.metrics.RecallAtK(1)])
        test = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: model.test_on_batch(*data)
        )
        logs = model.fit(batches_of(data), verbose=0, callbacks=[test]).history
        assert "recall_at_1" not in logs

    def test_several_outputs(self):
        inputs = keras.Input((6,))
        outputs = [keras.layers.Dense(2)(inputs), keras.layers.Dense(2)(inputs)]
        with pytest.raises(ValueError, match=r"one output.*Received: 2 outputs"):
            ks.SiameseModel(keras.Model(inputs, outputs))

    def test_pairs_of_dicts(self, data):
        inputs = {name: keras.Input((6,), name=name) for name in "ab"}
        outputs = keras.layers.Dense(3)(keras.layers.Add()([inputs["a"], inputs["b"]]))
        model = make_model(ks.losses.ContrastiveLoss(), encoder=keras.Model(inputs, outputs))
        pairs, same = pairs_of(data, 16)
        pairs = tuple({"a": x, "b": x} for x in pairs)
        dataset = tf.data.Dataset.from_tensor_slices((pairs, same)).batch(8)
        assert model.fit(dataset, verbose=0).history["loss"][0] > 0
