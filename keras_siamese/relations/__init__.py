"""Relations say, by their labels, which items match: the same class, a shared label, one branch."""

from keras_siamese.relations.relation import Relation as Relation
from keras_siamese.relations.relation import SameClass as SameClass
from keras_siamese.relations.relation import get_relation as get_relation
from keras_siamese.relations.same_branch import SameBranch as SameBranch
from keras_siamese.relations.shared_label import SharedLabel as SharedLabel

__all__ = ["Relation", "SameBranch", "SameClass", "SharedLabel", "get_relation"]
