"""What `losses.py` measures: each loss as it is here and in pytorch-metric-learning."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from keras_siamese import losses, miners

DIM = 128
MEMORY = 4  # the cross-batch memory holds so many batches

# A loss of the peer as a function of (embeddings, labels), and the weights that it trains.
Peer = tuple[Callable[[Any, Any], Any], list[Any]]


def of_labels(loss: losses.MetricLoss, labels: Any, x: Any) -> Any:
    """The loss of a labelled batch."""
    return loss(labels, x)


def of_training(loss: losses.MetricLoss, labels: Any, x: Any) -> Any:
    """The loss of a labelled batch that is remembered."""
    return loss.on_batch(labels, x, training=True).value


def of_views(loss: losses.MetricLoss, labels: Any, x: Any) -> Any:
    """The loss of two views, the halves of the batch."""
    half = x.shape[0] // 2
    return loss.on_views(x[:half], x[half:], training=True).value


class Case(NamedTuple):
    """A loss, ours and the peer's.

    Attributes:
        ours: Makes our loss, for a number of classes.
        peer: Makes the peer's, of its package and the number of classes; None: it has none.
        differs: Why the two values are not equal; None: they are.
        call: The value of our loss, for labels and embeddings.
    """

    ours: Callable[[int], losses.MetricLoss]
    peer: Callable[[Any, int], Peer] | None = None
    differs: str | None = None
    call: Callable[[losses.MetricLoss, Any, Any], Any] = of_labels


def peer(name: str, miner: tuple[str, dict[str, Any]] | None = None, **arguments: Any) -> Callable:
    """A loss of the peer, over all tuples or what one of its miners gives."""

    def make(package: Any, num_classes: int) -> Peer:
        loss = getattr(package.losses, name)(**arguments)
        if miner is None:
            return loss, list(loss.parameters())
        mine = getattr(package.miners, miner[0])(**miner[1])
        return lambda x, y: loss(x, y, mine(x, y)), list(loss.parameters())

    return make


def peer_proxies(name: str, **arguments: Any) -> Callable:
    """A loss of the peer with weights for each class."""

    def make(package: Any, num_classes: int) -> Peer:
        make_loss = getattr(package.losses, name)
        loss = make_loss(num_classes=num_classes, embedding_size=DIM, **arguments)
        return loss, list(loss.parameters())

    return make


def peer_memory(package: Any, num_classes: int) -> Peer:
    """The peer's contrastive loss with its memory."""
    size = MEMORY * 4 * num_classes
    loss = package.losses.CrossBatchMemory(package.losses.ContrastiveLoss(), DIM, size)
    return loss, []


def peer_views(package: Any, num_classes: int) -> Peer:
    """The peer's NT-Xent on two views."""
    loss = package.losses.SelfSupervisedLoss(package.losses.NTXentLoss(temperature=0.1))
    half = 2 * num_classes
    return lambda x, y: loss(x[:half], x[half:]), []


def peer_vicreg(package: Any, num_classes: int) -> Peer:
    """The peer's VICReg."""
    loss = package.losses.VICRegLoss()
    half = 2 * num_classes
    return lambda x, y: loss(x[:half], ref_emb=x[half:]), []


def triplet(name: str, **arguments: Any) -> Callable[[int], losses.MetricLoss]:
    """Our triplet loss on what a miner finds, reduced as the peer does."""

    def make(num_classes: int) -> losses.MetricLoss:
        miner = getattr(miners, name)(**arguments)
        return losses.TripletLoss(0.2, miner=miner, reduction="mean_nonzero")

    return make


# Names of the mined ones say by which miner. The peer gets our arguments where its defaults differ.
CASES = {
    "Triplet, semi-hard": Case(
        triplet("SemiHardMiner", fallback="skip"),
        peer(
            "TripletMarginLoss",
            ("TripletMarginMiner", {"type_of_triplets": "semihard"}),
            margin=0.2,
        ),
        differs="the nearest semi-hard negative; the peer takes all",
    ),
    "Triplet, all semi-hard": Case(
        triplet("SemiHardMiner", negative="all", fallback="skip"),
        peer(
            "TripletMarginLoss",
            ("TripletMarginMiner", {"type_of_triplets": "semihard"}),
            margin=0.2,
        ),
    ),
    "Triplet, batch-hard": Case(
        triplet("BatchHardMiner"),
        peer("TripletMarginLoss", ("BatchHardMiner", {}), margin=0.2),
    ),
    "Triplet, batch-all": Case(
        triplet("BatchAllMiner"),
        peer("TripletMarginLoss", margin=0.2),
    ),
    "Triplet, easy positive": Case(
        triplet("EasyPositiveMiner", fallback="skip"),
        peer("TripletMarginLoss", ("BatchEasyHardMiner", {}), margin=0.2),
    ),
    "Triplet, distance-weighted": Case(
        triplet("DistanceWeightedMiner"),
        peer("TripletMarginLoss", ("DistanceWeightedMiner", {}), margin=0.2),
        differs="random negatives",
    ),
    "Margin": Case(
        lambda num_classes: losses.MarginLoss(),
        peer("MarginLoss"),
        differs="over pairs; the peer goes over triplets",
    ),
    "Margin, distance-weighted": Case(
        lambda num_classes: losses.MarginLoss(miner=miners.DistanceWeightedMiner()),
        peer("MarginLoss", ("DistanceWeightedMiner", {})),
        differs="random negatives",
    ),
    "Contrastive": Case(
        lambda num_classes: losses.ContrastiveLoss(),
        peer("ContrastiveLoss"),
        differs="squared; the peer is not",
    ),
    "Contrastive, pair margin": Case(
        lambda num_classes: losses.ContrastiveLoss(miner=miners.PairMarginMiner()),
        peer("ContrastiveLoss", ("PairMarginMiner", {})),
        differs="squared; the peer is not",
    ),
    "SNR contrastive": Case(
        lambda num_classes: losses.SNRContrastiveLoss(),
        peer("SignalToNoiseRatioContrastiveLoss"),
        differs="mean over all pairs; the peer adds those over active positives and negatives",
    ),
    "Lifted structure": Case(
        lambda num_classes: losses.LiftedStructureLoss(), peer("LiftedStructureLoss")
    ),
    "Generalized lifted structure": Case(
        lambda num_classes: losses.GeneralizedLiftedStructureLoss(),
        peer("GeneralizedLiftedStructureLoss"),
    ),
    "Multi-similarity": Case(
        lambda num_classes: losses.MultiSimilarityLoss(), peer("MultiSimilarityLoss")
    ),
    "Multi-similarity, mined": Case(
        lambda num_classes: losses.MultiSimilarityLoss(miner=miners.MultiSimilarityMiner()),
        peer("MultiSimilarityLoss", ("MultiSimilarityMiner", {})),
    ),
    "Circle": Case(lambda num_classes: losses.CircleLoss(), peer("CircleLoss", m=0.25, gamma=256)),
    "NT-Xent": Case(
        lambda num_classes: losses.NTXentLoss(temperature=0.1),
        peer("NTXentLoss", temperature=0.1),
    ),
    "NT-Xent, two views": Case(
        lambda num_classes: losses.NTXentLoss(temperature=0.1), peer_views, call=of_views
    ),
    "SupCon": Case(
        lambda num_classes: losses.SupConLoss(temperature=0.1), peer("SupConLoss", temperature=0.1)
    ),
    "NCA": Case(
        lambda num_classes: losses.NCALoss(temperature=0.1), peer("NCALoss", softmax_scale=10)
    ),
    "N-pairs": Case(
        lambda num_classes: losses.NPairsLoss(),
        peer("NPairsLoss"),
        differs="all pairs of a class; the peer takes one of each",
    ),
    "Angular": Case(lambda num_classes: losses.AngularLoss(45), peer("AngularLoss", alpha=45)),
    "Tuplet margin": Case(lambda num_classes: losses.TupletMarginLoss(), peer("TupletMarginLoss")),
    "Ranked list": Case(
        lambda num_classes: losses.RankedListLoss(),
        peer("RankedListLoss", margin=0.4, Tn=10, alpha=1.2),
        differs="the peer adds 1e-5 to each weight",
    ),
    "Normalized softmax": Case(
        lambda num_classes: losses.NormalizedSoftmaxLoss(num_classes),
        peer_proxies("NormalizedSoftmaxLoss"),
    ),
    "Proxy-NCA": Case(
        lambda num_classes: losses.ProxyNCALoss(num_classes),
        peer_proxies("ProxyNCALoss", softmax_scale=9),
    ),
    "Proxy-Anchor": Case(
        lambda num_classes: losses.ProxyAnchorLoss(num_classes), peer_proxies("ProxyAnchorLoss")
    ),
    "SoftTriple": Case(
        lambda num_classes: losses.SoftTripleLoss(num_classes, tau=None),
        peer_proxies("SoftTripleLoss"),
    ),
    "CosFace": Case(
        lambda num_classes: losses.CosFaceLoss(num_classes), peer_proxies("CosFaceLoss")
    ),
    "ArcFace": Case(
        lambda num_classes: losses.ArcFaceLoss(num_classes),
        peer_proxies("ArcFaceLoss", margin=math.degrees(0.5)),
    ),
    "Sub-center ArcFace": Case(
        lambda num_classes: losses.SubCenterArcFaceLoss(num_classes),
        peer_proxies("SubCenterArcFaceLoss", margin=math.degrees(0.5)),
    ),
    "FastAP": Case(lambda num_classes: losses.FastAPLoss(), peer("FastAPLoss")),
    "SmoothAP": Case(
        lambda num_classes: losses.SmoothAPLoss(),
        peer("SmoothAPLoss"),
        differs="the peer ranks the anchor too",
    ),
    "Recall@k surrogate": Case(lambda num_classes: losses.RecallAtKSurrogateLoss()),
    "Symmetric contrastive (CLIP)": Case(
        lambda num_classes: losses.SymmetricContrastiveLoss(), call=of_views
    ),
    "Sigmoid contrastive (SigLIP)": Case(
        lambda num_classes: losses.SigmoidContrastiveLoss(), call=of_views
    ),
    "Barlow Twins": Case(lambda num_classes: losses.BarlowTwinsLoss(), call=of_views),
    "VICReg": Case(  # The peer halves the weight.
        lambda num_classes: losses.VICRegLoss(variance_weight=12.5), peer_vicreg, call=of_views
    ),
    "SimSiam": Case(lambda num_classes: losses.SimSiamLoss(), call=of_views),
    "Cross-batch memory, contrastive": Case(
        lambda num_classes: losses.CrossBatchMemory(
            losses.ContrastiveLoss(), memory_size=MEMORY * 4 * num_classes
        ),
        peer_memory,
        differs="squared; the peer is not",
        call=of_training,
    ),
}
