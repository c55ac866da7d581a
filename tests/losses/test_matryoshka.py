import keras
import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import LABELS, tensorflow_only
from reference import composition, loops

import keras_siamese as ks
from keras_siamese.losses import ContrastiveLoss, Matryoshka, TripletLoss, WeightedSum
from keras_siamese.ops.numerics import l2_normalize


class TestBattery(LossBattery):
    settings = {
        "default": Matryoshka(ContrastiveLoss(1.5), (4, 3, 2), [1.0, 0.5, 2.0]),
        "one": Matryoshka(ContrastiveLoss(1.5, "cosine"), (3,)),
    }
    # All at the same place on each sphere.
    constant_when_collapsed = {"default": 96 / 132 * 3.5 * 1.125, "one": 96 / 132 * 1.125}
    rotation_invariant = False
    scale_invariant = True

    def expected(self, loss, labels, x, *others, weights=None):
        candidate_labels, candidates = others or (None, None)
        total = 0.0
        for factor, dim in zip(loss.weights, loss.dims, strict=True):
            sets = [
                None if items is None else np.array(composition.prefixes(items, dim, True))
                for items in (x, candidates)
            ]
            distances = loops.distances(loss.loss.distance.name, *sets)
            losses = loops.contrastive_losses(
                distances, labels, candidate_labels, margin=loss.loss.margin
            )
            total = total + factor * np.asarray(
                loops.reduce(losses, loss.loss.reduction, len(labels), weights=weights)
            )
        return total

    def with_reduction(self, loss, reduction):
        inner = ContrastiveLoss.from_config({**loss.loss.get_config(), "reduction": reduction})
        return Matryoshka(inner, loss.dims, loss.weights)


def test_golden():
    # (3, 0) and (3, 4), a match. As they are: 4^2 / 2 whole, 0 of the first coordinates.
    x = np.array([[3.0, 0.0], [3.0, 4.0]])
    result = Matryoshka(ContrastiveLoss(), (2, 1), [1, 5], normalize=False).on_batch([0, 0], x)
    assert float(result.value) == 8.0
    # Normalised: (1, 0) and (0.6, 0.8), (0.4^2 + 0.8^2) / 2.
    result = Matryoshka(ContrastiveLoss(), (1, 2), [5, 1]).on_batch([0, 0], x)
    assert float(result.value) == pytest.approx(0.4)
    assert {name: float(part) for name, part in result.parts.items()} == pytest.approx(
        {"contrastive_loss_2": 0.4, "contrastive_loss_1": 0.0}
    )


@pytest.mark.parametrize("normalize", [True, False])
def test_the_whole_alone_is_the_plain_loss(rng, normalize):
    labels, x = LABELS["ragged"], rng.normal(size=(12, 5))
    value = float(Matryoshka(TripletLoss(0.5), (5,), normalize=normalize)(labels, x))
    whole = l2_normalize(ops.convert_to_tensor(x)) if normalize else x
    assert value == pytest.approx(float(TripletLoss(0.5)(labels, whole)), rel=1e-9)


def test_other_kinds_of_batch(rng):
    a, p, n = (rng.normal(size=(5, 4)) for _ in range(3))
    part, loss = ContrastiveLoss(1.5), Matryoshka(ContrastiveLoss(1.5), (4, 2), [1.0, 3.0])

    def prefix(x, dim):
        return np.array(composition.prefixes(x, dim, True))

    for method, sets, others in (
        ("on_pairs", (a, p), (np.array([1, 0, 0, 1, 0]),)),
        ("on_triplets", (a, p, n), ()),
        ("on_views", (a, p), ()),
    ):
        expected = sum(
            factor * float(getattr(part, method)(*(prefix(x, dim) for x in sets), *others).value)
            for factor, dim in ((1.0, 4), (3.0, 2))
        )
        result = getattr(loss, method)(*sets, *others)
        assert float(result.value) == pytest.approx(expected, rel=1e-6)


def test_bad_arguments(rng):
    for dims in ((), (4, 4)):
        with pytest.raises(ValueError, match="`dims` must be different sizes"):
            Matryoshka(TripletLoss(), dims)
    with pytest.raises(ValueError, match="`dims` must be an integer of at least 1"):
        Matryoshka(TripletLoss(), (4, 0))
    with pytest.raises(ValueError, match="2 weights for 3 parts"):
        Matryoshka(TripletLoss(), weights=[1, 2])
    with pytest.raises(ValueError, match=r"prefix is larger.*dims=\[8, 2\].*of size 4"):
        Matryoshka(TripletLoss(), (8, 2))(LABELS["pairs"], rng.normal(size=(12, 4)))
    with pytest.raises(ValueError, match=r"is learned.*Put 4 among `dims`"):
        Matryoshka(TripletLoss(0.2, "mahalanobis"), (3, 2)).build(4)


def test_margins_are_those_of_unit_vectors():
    # Distances are at most 2 between normalised prefixes, whatever the encoder gives.
    with pytest.raises(ValueError, match="out of reach"):
        Matryoshka(TripletLoss(2.5)).check_margin(unit_norm=False)
    Matryoshka(TripletLoss(2.5), normalize=False).check_margin(unit_norm=True)


def test_inside_a_sum(rng):
    labels, x = LABELS["ragged"], rng.normal(size=(12, 4))
    inner = Matryoshka(TripletLoss(0.5), (4, 2))
    result = WeightedSum([inner, ContrastiveLoss()]).on_batch(labels, x)
    assert set(result.parts) == {"matryoshka", "contrastive_loss"}
    assert float(result.parts["matryoshka"]) == pytest.approx(float(inner(labels, x)))


@tensorflow_only
def test_in_a_model(rng, tmp_path):
    x, y = rng.normal(size=(32, 6)).astype("float32"), np.tile(np.repeat(np.arange(4), 4), 2)
    model = ks.SiameseModel(ks.encoders.mlp((6,), embedding_dim=4, hidden_units=(8,)))
    loss = Matryoshka(TripletLoss(0.5, "mahalanobis"), (2, 4))
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=[ks.metrics.RecallAtK(1)])
    logs = model.fit(x, y, epochs=5, batch_size=32, verbose=0, validation_data=(x, y)).history
    assert {"triplet_loss_2", "triplet_loss_4", "val_triplet_loss_2"} <= set(logs)
    parts = logs["triplet_loss_2"][-1] + logs["triplet_loss_4"][-1]
    assert logs["loss"][-1] == pytest.approx(parts, rel=1e-5)
    assert logs["loss"][-1] < logs["loss"][0]
    # A matrix for each size, and that of the whole compares items.
    assert [weight.shape for weight in loss.trainable_variables] == [(2, 2), (4, 4)]
    embeddings = model.predict(x, verbose=0)
    matrix = ops.convert_to_numpy(loss.trainable_variables[1])
    expected = np.linalg.norm((embeddings[:8] - embeddings[8:16]) @ matrix.T, axis=1)
    assert model.distance(x[:8], x[8:16]) == pytest.approx(expected, rel=1e-3)
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    assert restored.evaluate(x, y, verbose=0, return_dict=True) == pytest.approx(results, rel=1e-5)
