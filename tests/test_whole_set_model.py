import keras
import pytest
from small_model import expected_figures, make_data, make_encoder, make_metrics, make_model

import keras_siamese as ks


@pytest.fixture(scope="module")
def data():
    return make_data()


@pytest.mark.parametrize(
    ("batch_size", "steps_per_execution"), [(1, 3), (7, 1), (7, 3), (48, 3), (100, 1)]
)
def test_whole_set_figures_do_not_depend_on_batches(data, batch_size, steps_per_execution):
    model = make_model(metrics=make_metrics(), steps_per_execution=steps_per_execution)
    logs = model.evaluate(*data, batch_size=batch_size, verbose=0, return_dict=True)
    assert set(logs) == {"loss", *(metric.name for metric in make_metrics())}
    for name, value in expected_figures(model, *data).items():
        assert logs[name] == pytest.approx(value, abs=1e-6)


def test_list_has_one_value_a_metric(data):
    model = make_model(metrics=make_metrics())
    logs = model.evaluate(*data, verbose=0, return_dict=True)
    values = model.evaluate(*data, verbose=0)
    assert len(values) == 6
    assert values[1] == logs["recall_at_1"]


def test_callbacks_see_whole_set_figures(data):
    seen = {}

    class Watch(keras.callbacks.Callback):
        def on_test_end(self, logs=None):
            seen.update(logs)

    make_model(metrics=make_metrics()).evaluate(*data, verbose=0, callbacks=[Watch()])
    assert "map_at_r" in seen


def test_uses_the_distance_of_the_loss(data):
    x, y = data
    encoder = make_encoder(normalize=False)
    loss = ks.losses.TripletLoss(0.5, distance="manhattan")
    model = make_model(loss, [ks.metrics.MeanPositiveDistance()], encoder=encoder)
    expected = ks.evaluation.evaluate_embeddings(
        model.predict(x, verbose=0), y, metrics=[ks.metrics.MeanPositiveDistance()],
        distance="manhattan",
    )  # fmt: skip
    assert model.evaluate(x, y, verbose=0)[1] == pytest.approx(
        expected["mean_positive_distance"], rel=1e-5
    )


def test_compile_again_with_other_metrics(data):
    model = make_model(metrics=[ks.metrics.RecallAtK(1)])
    model.evaluate(*data, verbose=0)
    model.compile("sgd", ks.losses.TripletLoss(0.5), metrics=[ks.metrics.PairAUC()])
    assert set(model.evaluate(*data, verbose=0, return_dict=True)) == {"loss", "pair_auc"}
