"""Losses on embeddings, called as `loss(labels, embeddings)` in any Keras model."""

from keras_siamese.losses.angular import AngularLoss as AngularLoss
from keras_siamese.losses.arc_face import ArcFaceLoss as ArcFaceLoss
from keras_siamese.losses.barlow_twins import BarlowTwinsLoss as BarlowTwinsLoss
from keras_siamese.losses.circle import CircleLoss as CircleLoss
from keras_siamese.losses.contrastive import ContrastiveLoss as ContrastiveLoss
from keras_siamese.losses.cos_face import CosFaceLoss as CosFaceLoss
from keras_siamese.losses.cross_batch_memory import CrossBatchMemory as CrossBatchMemory
from keras_siamese.losses.fast_ap import FastAPLoss as FastAPLoss
from keras_siamese.losses.lifted_structure import (
    GeneralizedLiftedStructureLoss as GeneralizedLiftedStructureLoss,
)
from keras_siamese.losses.lifted_structure import LiftedStructureLoss as LiftedStructureLoss
from keras_siamese.losses.margin import MarginLoss as MarginLoss
from keras_siamese.losses.matryoshka import Matryoshka as Matryoshka
from keras_siamese.losses.metric_loss import LossResult as LossResult
from keras_siamese.losses.metric_loss import MetricLoss as MetricLoss
from keras_siamese.losses.multi_similarity import MultiSimilarityLoss as MultiSimilarityLoss
from keras_siamese.losses.n_pairs import NPairsLoss as NPairsLoss
from keras_siamese.losses.nca import NCALoss as NCALoss
from keras_siamese.losses.normalized_softmax import NormalizedSoftmaxLoss as NormalizedSoftmaxLoss
from keras_siamese.losses.nt_xent import NTXentLoss as NTXentLoss
from keras_siamese.losses.pair_loss import AnchorLoss as AnchorLoss
from keras_siamese.losses.pair_loss import PairLoss as PairLoss
from keras_siamese.losses.proxy_anchor import ProxyAnchorLoss as ProxyAnchorLoss
from keras_siamese.losses.proxy_loss import ProxyLoss as ProxyLoss
from keras_siamese.losses.proxy_loss import ProxySoftmaxLoss as ProxySoftmaxLoss
from keras_siamese.losses.proxy_nca import ProxyNCALoss as ProxyNCALoss
from keras_siamese.losses.rank_loss import RankLoss as RankLoss
from keras_siamese.losses.ranked_list import RankedListLoss as RankedListLoss
from keras_siamese.losses.recall_at_k_surrogate import (
    RecallAtKSurrogateLoss as RecallAtKSurrogateLoss,
)
from keras_siamese.losses.sigmoid_contrastive import (
    SigmoidContrastiveLoss as SigmoidContrastiveLoss,
)
from keras_siamese.losses.sim_siam import SimSiamLoss as SimSiamLoss
from keras_siamese.losses.smooth_ap import SmoothAPLoss as SmoothAPLoss
from keras_siamese.losses.snr_contrastive import SNRContrastiveLoss as SNRContrastiveLoss
from keras_siamese.losses.soft_triple import SoftTripleLoss as SoftTripleLoss
from keras_siamese.losses.sub_center_arc_face import SubCenterArcFaceLoss as SubCenterArcFaceLoss
from keras_siamese.losses.sup_con import SupConLoss as SupConLoss
from keras_siamese.losses.symmetric_contrastive import (
    SymmetricContrastiveLoss as SymmetricContrastiveLoss,
)
from keras_siamese.losses.triplet import TripletLoss as TripletLoss
from keras_siamese.losses.triplet import TripletSemiHardLoss as TripletSemiHardLoss
from keras_siamese.losses.tuple_loss import TupleLoss as TupleLoss
from keras_siamese.losses.tuple_loss import TupleLosses as TupleLosses
from keras_siamese.losses.tuple_loss import losses_of as losses_of
from keras_siamese.losses.tuplet_margin import TupletMarginLoss as TupletMarginLoss
from keras_siamese.losses.two_tower import TwoTowerLoss as TwoTowerLoss
from keras_siamese.losses.vicreg import VICRegLoss as VICRegLoss
from keras_siamese.losses.view_loss import ViewLoss as ViewLoss
from keras_siamese.losses.weighted_sum import WeightedSum as WeightedSum
from keras_siamese.losses.zero_mean import ZeroMeanRegularizer as ZeroMeanRegularizer

__all__ = [
    "AnchorLoss",
    "AngularLoss",
    "ArcFaceLoss",
    "BarlowTwinsLoss",
    "CircleLoss",
    "ContrastiveLoss",
    "CosFaceLoss",
    "CrossBatchMemory",
    "FastAPLoss",
    "GeneralizedLiftedStructureLoss",
    "LiftedStructureLoss",
    "LossResult",
    "MarginLoss",
    "Matryoshka",
    "MetricLoss",
    "MultiSimilarityLoss",
    "NCALoss",
    "NPairsLoss",
    "NTXentLoss",
    "NormalizedSoftmaxLoss",
    "PairLoss",
    "ProxyAnchorLoss",
    "ProxyLoss",
    "ProxyNCALoss",
    "ProxySoftmaxLoss",
    "RankLoss",
    "RankedListLoss",
    "RecallAtKSurrogateLoss",
    "SNRContrastiveLoss",
    "SigmoidContrastiveLoss",
    "SimSiamLoss",
    "SmoothAPLoss",
    "SoftTripleLoss",
    "SubCenterArcFaceLoss",
    "SupConLoss",
    "SymmetricContrastiveLoss",
    "TripletLoss",
    "TripletSemiHardLoss",
    "TupleLoss",
    "TupleLosses",
    "TupletMarginLoss",
    "TwoTowerLoss",
    "VICRegLoss",
    "ViewLoss",
    "WeightedSum",
    "ZeroMeanRegularizer",
    "losses_of",
]
