import keras
import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import LABELS, tensorflow_only
from reference import loops

import keras_siamese as ks
from keras_siamese.losses import ContrastiveLoss, TripletLoss, WeightedSum
from keras_siamese.miners import BatchHardMiner, SemiHardMiner
from keras_siamese.relations import SameBranch, SameClass, SharedLabel

# Places 0, 0.6, -0.8, as in the tests of the contrastive loss: 0.4 over 6 pairs. Triplets: anchor 0
# has its positive at 0.6 and its negative at 0.8, anchor 1 at 0.6 and 1.4; at margin 0.5 that is
# 0.3 and 0.
PLACES, CLASSES = np.array([[0.0], [0.6], [-0.8]]), np.array([0, 0, 1])


class TestBattery(LossBattery):
    settings = {
        "two": WeightedSum([ContrastiveLoss(3.0), ContrastiveLoss(0.7, "cosine")], [1.0, 2.5]),
        "one": WeightedSum([ContrastiveLoss(3.0)]),
    }
    constant_when_collapsed = {
        "two": 96 / 132 * (4.5 + 2.5 * 0.245),
        "one": 96 / 132 * 4.5,
    }

    def expected(self, loss, labels, x, *others, weights=None):
        candidate_labels, candidates = others or (None, None)
        total = 0.0
        for factor, part in zip(loss.weights, loss.losses, strict=True):
            distances = loops.distances(part.distance.name, np.asarray(x, "float64"), candidates)
            losses = loops.contrastive_losses(
                distances, labels, candidate_labels, margin=part.margin
            )
            total = total + factor * np.asarray(
                loops.reduce(losses, part.reduction, len(labels), weights=weights)
            )
        return total

    def with_reduction(self, loss, reduction):
        parts = [
            ContrastiveLoss.from_config({**part.get_config(), "reduction": reduction})
            for part in loss.losses
        ]
        return WeightedSum(parts, loss.weights)


def test_golden():
    loss = WeightedSum([ContrastiveLoss(1.0), TripletLoss(0.5)], [1.0, 2.0])
    result = loss.on_batch(CLASSES, PLACES)
    # 0.4 / 6 + 2 * (0.3 + 0) / 2
    assert float(result.value) == pytest.approx(0.4 / 6 + 0.3)
    assert {name: float(part) for name, part in result.parts.items()} == pytest.approx(
        {"contrastive_loss": 0.4 / 6, "triplet_loss": 0.15}
    )
    # 4 of 6 pairs and 1 of 2 triplets cost something.
    assert int(result.num_tuples) == 8
    assert float(result.active_fraction) == pytest.approx(5 / 8)


def test_other_kinds_of_batch(rng):
    a, p, n = (rng.normal(size=(5, 3)) for _ in range(3))
    weights = rng.uniform(size=5)
    parts = [ContrastiveLoss(2.0), ContrastiveLoss(0.5)]
    loss = WeightedSum(parts, [1.0, 3.0])
    same = np.array([1, 0, 0, 1, 0])
    for method, inputs in (
        ("on_pairs", (a, p, same, weights)),
        ("on_triplets", (a, p, n, weights)),
        ("on_views", (a, p, weights)),
        ("on_views", (a, p)),
    ):
        result = getattr(loss, method)(*inputs)
        first, second = (getattr(part, method)(*inputs) for part in parts)
        expected = float(first.value) + 3 * float(second.value)
        assert float(result.value) == pytest.approx(expected, rel=1e-12)
        assert int(result.num_tuples) == 2 * int(first.num_tuples)
        assert set(result.parts) == {"contrastive_loss", "contrastive_loss_2"}


def test_no_tuples_at_all():
    result = WeightedSum([TripletLoss(), TripletLoss()]).on_batch([1, 1], PLACES[:2])
    assert [float(x) for x in result[:3]] == [0.0, 0.0, 0.0]


def test_names_are_unique():
    names = ["a", "b", "a", "a_2", "a"]
    loss = WeightedSum([TripletLoss(name=name) for name in names])
    assert loss.part_names == ["a", "b", "a_2", "a_2_2", "a_3"]


def test_bad_arguments():
    with pytest.raises(ValueError, match="`losses` is empty"):
        WeightedSum([])
    with pytest.raises(ValueError, match=r"Expected a loss.*Received: 'triplet'"):
        WeightedSum(["triplet"])
    with pytest.raises(ValueError, match="2 weights for 1 parts"):
        WeightedSum([TripletLoss()], [1, 2])
    with pytest.raises(ValueError, match=r"`weights` must be a finite number above 0.*-1"):
        WeightedSum([TripletLoss()], [-1])
    with pytest.raises(ValueError, match=r"All or none.*\['none', 'mean'\]"):
        WeightedSum([TripletLoss(reduction="none"), TripletLoss()])
    with pytest.raises(ValueError, match="`margin` is out of reach"):
        WeightedSum([ContrastiveLoss(), TripletLoss(2.5)]).check_margin(unit_norm=True)


@tensorflow_only
class TestInAModel:
    @pytest.fixture
    def data(self):
        rng = np.random.default_rng(3)
        return rng.normal(size=(32, 6)).astype("float32"), np.tile(np.repeat(np.arange(4), 4), 2)

    def model(self, loss, rate=0.0, **options):
        keras.utils.set_random_seed(2)
        model = ks.SiameseModel(ks.encoders.mlp((6,), embedding_dim=4, hidden_units=(8,)))
        model.compile(keras.optimizers.SGD(rate), loss, **options)
        return model

    def loss(self):
        parts = [TripletLoss(0.5, "cosine"), ContrastiveLoss(name="pairs")]
        return WeightedSum(parts, [1.0, 0.25])

    @pytest.mark.parametrize("options", [{"run_eagerly": True}, {"jit_compile": True}], ids=str)
    def test_parts_are_logged_in_other_ways_to_run(self, data, options):
        x, y = data
        model = self.model(self.loss(), **options)
        logs = model.fit(x, y, batch_size=32, shuffle=False, verbose=0).history
        embeddings = model.predict(x, verbose=0)
        for name, part in (
            ("triplet_loss", TripletLoss(0.5, "cosine")),
            ("pairs", ContrastiveLoss()),
        ):
            assert logs[name][0] == pytest.approx(float(part(y, embeddings)), rel=1e-4)

    def test_parts_are_logged(self, data, tmp_path):
        x, y = data
        model = self.model(self.loss())
        logs = model.fit(x, y, batch_size=16, shuffle=False, verbose=0, validation_data=data)
        embeddings = model.predict(x, verbose=0)
        parts = {
            "triplet_loss": TripletLoss(0.5, "cosine"),
            "pairs": ContrastiveLoss(),
        }
        expected = {
            name: np.mean([float(part(y[i : i + 16], embeddings[i : i + 16])) for i in (0, 16)])
            for name, part in parts.items()
        }
        expected["loss"] = expected["triplet_loss"] + 0.25 * expected["pairs"]
        for name, value in expected.items():
            assert logs.history[name][0] == pytest.approx(value, rel=1e-4)
        # In evaluation there is one batch of 32.
        whole = {name: float(part(y, embeddings)) for name, part in parts.items()}
        results = model.evaluate(x, y, batch_size=32, verbose=0, return_dict=True)
        for name, value in whole.items():
            assert results[name] == pytest.approx(value, rel=1e-4)
            assert f"val_{name}" in logs.history
        assert model.distance_function.name == "cosine"
        model.save(tmp_path / "model.keras")
        restored = keras.saving.load_model(tmp_path / "model.keras")
        again = restored.evaluate(x, y, batch_size=32, verbose=0, return_dict=True)
        assert again == pytest.approx(results, rel=1e-5)

    def test_parts_of_another_loss_are_gone(self, data):
        model = self.model(self.loss())
        model.fit(*data, verbose=0)
        model.compile("sgd", TripletLoss(0.5))
        assert set(model.evaluate(*data, verbose=0, return_dict=True)) == {"loss"}

    def test_a_learned_distance_that_two_losses_share(self):
        distance = ks.distances.Mahalanobis()
        loss = WeightedSum([TripletLoss(0.5, distance), ContrastiveLoss(1.0, distance)])
        with pytest.raises(ValueError, match=r"share an object with weights.*Give each its own"):
            self.model(loss)

    def test_embedding_regularizer(self, data):
        x, y = data
        plain = self.model(TripletLoss(0.5)).evaluate(x, y, batch_size=32, verbose=0)
        # Rows of norm 1: 0.3 * 32 over 32.
        for loss in (
            TripletLoss(0.5, embedding_regularizer=keras.regularizers.L2(0.3)),
            WeightedSum([TripletLoss(0.5, embedding_regularizer=keras.regularizers.L2(0.3))]),
        ):
            model = self.model(loss)
            logs = model.fit(x, y, batch_size=32, shuffle=False, verbose=0).history
            assert logs["loss"][0] == pytest.approx(plain + 0.3, rel=1e-4)

    def test_class_weight(self, data):
        x, y = data
        class_weight = {0: 0.0, 1: 1.0, 2: 2.0, 3: 0.5}
        model = self.model(self.loss())
        logs = model.fit(
            x, y, batch_size=32, shuffle=False, verbose=0, class_weight=class_weight
        ).history
        weights = np.array([class_weight[label] for label in y])
        expected = float(self.loss()(y, model.predict(x, verbose=0), weights))
        assert logs["loss"][0] == pytest.approx(expected, rel=1e-4)

    def test_class_weight_of_several_labels(self, data):
        x, y = data
        labels = keras.utils.to_categorical(y, 4).astype("int32")
        with pytest.raises(ValueError, match="nor for items of several labels"):
            self.model(TripletLoss(0.5, relation=SharedLabel())).fit(
                x, labels, batch_size=32, verbose=0, class_weight={0: 2.0, 1: 1.0, 2: 1.0, 3: 1.0}
            )

    def test_hierarchy(self, data):
        x, fine = data
        y = np.stack([fine // 2, fine % 2], axis=1)  # Fine ids are used again in each branch.
        losses = [TripletLoss(0.5, relation=SameBranch(level)) for level in (0, 1)]
        model = self.model(WeightedSum(losses, [0.5, 1.0]))
        logs = model.fit(x, y, batch_size=32, shuffle=False, verbose=0).history
        embeddings = model.predict(x, verbose=0)
        coarse, exact = (
            float(TripletLoss(0.5)(labels, embeddings)) for labels in (fine // 2, fine)
        )
        assert logs["triplet_loss"][0] == pytest.approx(coarse, rel=1e-4)
        assert logs["triplet_loss_2"][0] == pytest.approx(exact, rel=1e-4)
        assert logs["loss"][0] == pytest.approx(0.5 * coarse + exact, rel=1e-4)
        # The running figures go by the first relation.
        figures = ks.metrics.batch_figures.labelled_figures
        expected = figures(
            fine // 2, ops.convert_to_tensor(embeddings), losses[0].distance, SameClass()
        )
        name = "batch_positive_distance"
        assert logs[name][0] == pytest.approx(float(expected[name][0]), rel=1e-4)

    @pytest.mark.parametrize("miner", [SemiHardMiner(), BatchHardMiner()])
    def test_several_labels_of_an_item(self, data, miner):
        x, fine = data
        y = np.eye(4, dtype="int32")[fine]
        y[:, 3] = 0  # Items of class 3 have no label, and match nothing.
        loss = TripletLoss(0.5, miner=miner, relation=SharedLabel())
        model = self.model(loss, rate=0.1)
        singletons = np.where(fine == 3, 100 + np.arange(32), fine)
        expected = float(TripletLoss(0.5, miner=miner)(singletons, model.predict(x, verbose=0)))
        logs = model.fit(x, y, batch_size=32, epochs=8, shuffle=False, verbose=0).history
        assert logs["loss"][0] == pytest.approx(expected, rel=1e-4)
        assert logs["loss"][-1] < logs["loss"][0]
        assert model.evaluate(x, y, batch_size=32, verbose=0) > 0

    def test_metrics_need_classes(self, data):
        x, fine = data
        loss = TripletLoss(0.5, relation=SharedLabel())
        model = self.model(loss, metrics=[ks.metrics.RecallAtK(1)])
        y = np.eye(4, dtype="int32")[fine]
        with pytest.raises(ValueError, match=r"one class id of each item.*`SharedLabel`"):
            model.evaluate(x, y, verbose=0)


def test_epochs_reach_the_parts():
    class Told(TripletLoss):
        def set_epoch(self, epoch):
            self.epoch = epoch
            return epoch == 2

    parts = [Told(), Told()]
    loss = WeightedSum(parts)
    assert [loss.set_epoch(epoch) for epoch in (1, 2)] == [False, True]
    assert [part.epoch for part in parts] == [2, 2]


def test_labels_of_each_relation(rng):
    labels = LABELS["ragged"]
    x = rng.normal(size=(12, 3))
    table = np.stack([labels, labels], axis=1)
    loss = WeightedSum([ContrastiveLoss(2.0, relation=SameBranch(1))])
    expected = float(ContrastiveLoss(2.0)(labels, x))
    assert float(loss(table, x)) == pytest.approx(expected, rel=1e-9)


def test_triplets_that_are_counted_beside_pairs_that_are_listed():
    # The counted ones are int64, the listed ones int32.
    losses = [TripletLoss(0.5, miner="batch_all"), ContrastiveLoss()]
    result = WeightedSum(losses).on_batch(CLASSES, PLACES)
    assert int(result.num_tuples) == 2 + 6
    expected = sum(float(loss(CLASSES, PLACES)) for loss in losses)
    assert float(result.value) == pytest.approx(expected)
