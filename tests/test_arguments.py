import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_siamese as ks
from keras_siamese.arguments import as_texts, bind_data, check_loss, check_metrics
from keras_siamese.losses import CrossBatchMemory, Matryoshka, TripletLoss, WeightedSum


@pytest.fixture
def encoder():
    return ks.encoders.mlp((2,), embedding_dim=2, hidden_units=())


@pytest.fixture
def without_norm():
    inputs = keras.Input((2,))
    return keras.Model(inputs, keras.layers.Dense(2)(inputs))


class TestLoss:
    @pytest.mark.parametrize("form", [lambda x: [x], lambda x: (x,), lambda x: {"output": x}])
    def test_one_in_a_structure(self, encoder, form):
        loss = TripletLoss()
        assert check_loss(form(loss), None, encoder) is loss

    def test_several(self, encoder):
        with pytest.raises(ValueError, match=r"Received: 2 losses.*WeightedSum"):
            check_loss([TripletLoss(), TripletLoss()], None, encoder)

    def test_others_of_keras(self, encoder):
        for loss in (None, "mse", keras.losses.MeanSquaredError()):
            assert check_loss(loss, None, encoder) is loss

    def test_loss_weights(self, encoder):
        with pytest.raises(ValueError, match="`loss_weights` has no meaning"):
            check_loss(TripletLoss(), [1.0], encoder)
        assert check_loss("mse", [1.0], encoder) == "mse"

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda loss: loss,
            lambda loss: WeightedSum([TripletLoss(reduction=loss.reduction), loss]),
            lambda loss: CrossBatchMemory(loss, 8),
            lambda loss: Matryoshka(loss, (2, 1)),
        ],
        ids=["plain", "sum", "memory", "prefixes"],
    )
    def test_scalars_and_margins_of_what_is_inside(self, encoder, without_norm, wrap):
        with pytest.raises(ValueError, match='Received: `reduction="none"`'):
            check_loss(wrap(TripletLoss(reduction="none")), None, encoder)
        wide = wrap(TripletLoss(2.5))
        with pytest.raises(ValueError, match=r"`margin` is out of reach.*unit-norm"):
            check_loss(wide, None, encoder)
        if not isinstance(wide, Matryoshka):
            assert check_loss(wide, None, without_norm) is wide


def test_metrics_over_whole_sets():
    metric = ks.metrics.RecallAtK(1)
    check_metrics([[metric], "mse"], None)
    assert metric.computed_by_model
    with pytest.raises(ValueError, match="no weighted form"):
        check_metrics(None, [ks.metrics.RecallAtK(1)])


class TestData:
    X = np.ones((3, 2))

    @staticmethod
    def fit(x=None, y=None, batch_size=None, sample_weight=None, class_weight=None):
        """Has the arguments that are looked at."""

    def bind(self, encoder, *args, **kwargs):
        return bind_data(self.fit, args, kwargs, encoder).arguments

    def test_by_place_and_by_name(self, encoder):
        arguments = self.bind(encoder, self.X, [1, 2, 3], batch_size=8)
        assert list(arguments) == ["x", "y", "batch_size"]
        with pytest.raises(TypeError, match="unexpected"):
            self.bind(encoder, self.X, epoch=3)

    def test_sources_to_evaluate_become_batches(self, encoder):
        source = ks.data.from_arrays(np.zeros((3, 2)), [1, 2, 3])

        def evaluate(x=None, y=None, batch_size=None, validation_data=None, **others):
            """Has the arguments that are looked at, of `fit` too."""

        def sizes(dataset):
            return [len(y) for _, y in dataset]

        assert sizes(bind_data(evaluate, (source,), {}, encoder).arguments["x"]) == [3]
        call = bind_data(evaluate, (), {"x": source, "batch_size": 2}, encoder)
        assert sizes(call.arguments["x"]) == [2, 1]
        call = bind_data(evaluate, (), {"validation_data": source}, encoder)
        assert sizes(call.arguments["validation_data"]) == [3]

    def test_endless_data_need_steps(self, encoder):
        endless = tf.data.Dataset.from_tensors((self.X, np.arange(3))).repeat()
        model = ks.SiameseModel(encoder)
        model.compile("sgd", TripletLoss(0.2))
        for call, steps in [
            (lambda: model.fit(endless, verbose=0), "steps_per_epoch"),
            (lambda: model.fit(endless.take(1), validation_data=endless), "validation_steps"),
            (lambda: model.evaluate(endless), "steps"),
            (lambda: model.predict(endless), "steps"),
        ]:
            with pytest.raises(ValueError, match=f"never ends. Expected `{steps}`"):
                call()
        assert model.predict(endless, steps=2, verbose=0).shape == (6, 2)

    def test_items_and_labels_are_no_views(self, encoder):
        message = r"Received: .* shapes \(3, 2\) and \(3,\)\. If .* `\*test`"
        with pytest.raises(ValueError, match=message):
            self.bind(encoder, (self.X, np.arange(3)))
        assert "x" in self.bind(encoder, (self.X, self.X))
        assert "x" in self.bind(encoder, ({"a": self.X}, {"a": self.X}))

    def test_sources_to_embed(self, encoder):
        x = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
        model = ks.SiameseModel(encoder)
        embeddings = model.predict(x, verbose=0)
        source = ks.data.from_arrays(x, list("abcde"))
        np.testing.assert_allclose(model.predict(source, verbose=0), embeddings, atol=1e-6)
        np.testing.assert_allclose(model.predict(source, 2, verbose=0), embeddings, atol=1e-6)

    def test_a_source_to_fit(self, encoder):
        source = ks.data.from_arrays(np.zeros((3, 2)), [1, 2, 3])
        with pytest.raises(ValueError, match=r"a source as `x`. Use .*pk_batches\(source"):
            self.bind(encoder, source)

    def test_same_of_pairs(self, encoder):
        assert "y" in self.bind(encoder, (self.X, self.X), np.array([0, 1, 1]))
        with pytest.raises(ValueError, match="`same` must be 1 for a match"):
            self.bind(encoder, (self.X, self.X), np.array([0, 1, 2]))
        # Class ids of labelled items may be anything.
        assert "y" in self.bind(encoder, self.X, np.array([0, 1, 2]))

    def test_strings_become_tensors(self, encoder):
        texts = ["Stra\u00dfe", "", "b"]
        arguments = self.bind(encoder, texts, np.array(texts))
        for tensor in (arguments["x"], arguments["y"]):
            assert [one.decode() for one in tensor.numpy()] == texts

    def test_weights_of_triplets_are_kept(self, encoder):
        triplets, weights = (self.X, self.X, self.X), np.array([1.0, 2.0, 3.0])
        arguments = self.bind(encoder, triplets, sample_weight=weights)
        assert arguments["y"].tolist() == [0, 0, 0]
        assert "y" not in self.bind(encoder, triplets)

    def test_weights_of_pairs_without_same(self, encoder):
        with pytest.raises(ValueError, match=r"Weights of \(x1, x2\) without labels"):
            self.bind(encoder, (self.X, self.X), sample_weight=np.ones(3))

    def test_class_weight_without_classes(self, encoder):
        with pytest.raises(ValueError, match="`class_weight` has no meaning"):
            self.bind(encoder, (self.X, self.X, self.X), class_weight={0: 1.0})


@pytest.mark.parametrize(
    "form",
    [
        list,
        np.array,
        tf.constant,
        lambda texts: [one.encode() for one in texts],
        lambda texts: np.array([one.encode() for one in texts]),
        lambda texts: np.array(texts, object),
        lambda texts: np.array([one.encode() for one in texts], object),
        lambda texts: np.array(texts, np.dtypes.StringDType()),
    ],
)
def test_strings_in_any_form(form):
    texts = ["Stra\u00dfe", "", "a longer one"]
    (x, nested), numbers = as_texts(((form(texts), {"a": form(texts)}), np.arange(3)))
    for tensor in (x, nested["a"]):
        assert tensor.dtype == tf.string
        assert [one.decode() for one in tensor.numpy()] == texts
    np.testing.assert_array_equal(numbers, np.arange(3))


@pytest.mark.parametrize("x", [None, [], [1, 2], np.array([None, "a"]), tf.data.Dataset.range(3)])
def test_what_holds_no_strings_alone_is_left_alone(x):
    result = as_texts(x)
    assert result is x or result == x
