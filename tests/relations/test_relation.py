import copy

import keras
import numpy as np
import pytest
from keras import ops
from loss_harness import LABELS

from keras_siamese.losses import ContrastiveLoss, TripletLoss
from keras_siamese.miners import BatchAllMiner, BatchHardMiner, SemiHardMiner
from keras_siamese.relations import Relation, SameClass, get_relation


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class SameRemainder(Relation):
    """Items match that have the same remainder, but 0 matches nothing, not even itself."""

    def __init__(self, divisor=3):
        self.divisor = divisor

    def as_labels(self, labels):
        return ops.convert_to_tensor(labels)

    def matches(self, labels, other_labels):
        labels, other_labels = labels % self.divisor, other_labels % self.divisor
        same = labels[:, None] == other_labels[None, :]
        return ops.logical_and(same, labels[:, None] > 0)

    def get_config(self):
        return {"divisor": self.divisor}


LOSSES = [
    ContrastiveLoss,
    TripletLoss,
    lambda margin, **kwargs: TripletLoss(margin, miner=BatchHardMiner(), **kwargs),
    lambda margin, **kwargs: TripletLoss(margin, miner=BatchAllMiner(), **kwargs),
    lambda margin, **kwargs: TripletLoss(margin, miner=SemiHardMiner("all", "skip"), **kwargs),
]


@pytest.mark.parametrize("make", LOSSES)
def test_a_new_relation_is_two_methods(rng, make):
    labels, x = np.arange(12), rng.normal(size=(12, 3))
    # 0, 3, 6 and 9 match nothing: classes of their own.
    classes = np.where(labels % 3, labels % 3, 100 + labels)
    loss, plain = make(1.0, relation=SameRemainder()), make(1.0)
    value = float(plain(classes, x))
    assert float(loss(labels, x)) == pytest.approx(value, rel=1e-9)
    # The same from a second set that holds the batch.
    order = rng.permutation(12)
    second_set = {"candidates": x[order], "own": np.argsort(order)}
    result = loss.on_batch(labels, x, candidate_labels=labels[order], **second_set)
    assert float(result.value) == pytest.approx(value, rel=1e-9)


def test_the_same_class():
    relation = get_relation(None)
    assert isinstance(relation, SameClass)
    labels = relation.as_labels(np.array([[4], [5], [4]]))
    expected = [[True, False, True], [False, True, False], [True, False, True]]
    assert ops.convert_to_numpy(relation.matches(labels, labels)).tolist() == expected
    assert ops.convert_to_numpy(relation.as_classes(labels)).tolist() == [4, 5, 4]
    with pytest.raises(ValueError, match="integer class ids"):
        relation.as_labels(np.ones(3))


def test_the_same_class_by_its_matches_alone(rng):
    class Plain(SameClass):
        find_classes = Relation.find_classes

    for labels in LABELS.values():
        x = rng.normal(size=(12, 3))
        expected = float(TripletLoss(1.0)(labels, x))
        value = float(TripletLoss(1.0, relation=Plain())(labels, x))
        assert value == pytest.approx(expected, rel=1e-9)


def test_round_trip():
    loss = TripletLoss(relation=SameRemainder(5))
    for restored in (keras.losses.deserialize(keras.losses.serialize(loss)), copy.deepcopy(loss)):
        assert isinstance(restored.relation, SameRemainder)
        assert restored.relation.divisor == 5


def test_no_class_ids():
    with pytest.raises(ValueError, match=r"one class id of each item.*`SameRemainder`.*evaluate_e"):
        SameRemainder().as_classes(np.arange(3))


@pytest.mark.parametrize("identifier", ["same_class", SameClass, 3])
def test_none(identifier):
    with pytest.raises(ValueError, match="`relation` must be a relation"):
        get_relation(identifier)
