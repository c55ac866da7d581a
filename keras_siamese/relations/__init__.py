"""Relations say, by their labels, which items match: the same class, a shared label, one branch."""

from keras_siamese.relations.relation import Relation as Relation
from keras_siamese.relations.relation import SameClass as SameClass
from keras_siamese.relations.relation import get_relation as get_relation

__all__ = ["Relation", "SameClass", "get_relation"]
