"""SimSiam loss."""

from typing import Any

import keras
from keras import ops

from keras_siamese.distances import Cosine
from keras_siamese.losses.view_loss import ViewLoss
from keras_siamese.ops.checks import check_count


@keras.saving.register_keras_serializable(package="keras_siamese")
class SimSiamLoss(ViewLoss):
    """SimSiam loss: a small network predicts the embedding of one view from the other's.

    For the views' embeddings `z1` and `z2` of an item and the predictor `h`:
    `-(cos(h(z1), z2) + cos(h(z2), z1)) / 2`, where no gradient flows into what is predicted, and
    the mean over items: -1 to 1.

    The loss owns the predictor, a network of two layers, batch normalisation and ReLU between them.
    A `SiameseModel` trains and saves it with the encoder; the encoder alone goes without. In
    training steps its batch normalisation goes by the batch, each view by itself; elsewhere, in
    evaluation and in `loss(z1, z2)`, by the running means.

    Nothing in the value tells a collapsed encoder from a good one: both reach -1. Look at
    `batch_spread`, of which `SiameseModel.fit` warns. A zero vector has cosine 0 to everything. In
    a training step with a batch of one item all is predicted by the last bias alone, at first 0,
    which gives 0.

    Args:
        predictor_units: Units of the predictor's hidden layer. None: a quarter of the embeddings'
            size, at least 1. Defaults to None.
        **kwargs: `distance`, `embedding_regularizer`, `name`: see `ViewLoss`.

    Call arguments:
        y_true: Embeddings of the first views, shape `(num_items, embedding_dim)`.
        y_pred: Embeddings of the second views, the same shape.
        sample_weight: Weight of each item, shape `(num_items,)`; what is divided by stays their
            number.

    Returns: Scalar, float32.

    Raises: ValueError: If `predictor_units` is no positive integer.

    Example: A predictor that says `(1, 0)` of everything: `-(1 + 0.6) / 2`.

        >>> loss = SimSiamLoss()
        >>> loss.build(2)
        >>> last = loss.predictor.layers[-1]
        >>> _ = last.kernel.assign([[0.0, 0.0]]), last.bias.assign([1.0, 0.0])
        >>> round(float(loss([[3.0, 4.0]], [[1.0, 0.0]])), 4)
        -0.8

    Formula: `-(cos(h(z1), z2) + cos(h(z2), z1)) / 2`, h a learned predictor

    Cost: O(B D^2) time, O(B D + D^2) memory

    Reference: [Chen and He, 2021](https://arxiv.org/abs/2011.10566), equations 1-4. Deviation: the
    predictor follows the optimizer's schedule of the learning rate; the paper keeps its own fixed.

    Elsewhere: TF Similarity `SimSiamLoss`.
    """

    predictor: Any = None

    def __init__(self, predictor_units: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if predictor_units is not None:
            predictor_units = check_count("predictor_units", predictor_units)
        self.predictor_units = predictor_units

    def make_weights(self, embedding_dim: int) -> None:
        """See `WeightOwner.make_weights`."""
        units = self.predictor_units or max(1, embedding_dim // 4)
        # In float32, whatever the policy; normalised as in the authors' code.
        layers = [
            keras.layers.Dense(units, use_bias=False, dtype="float32"),
            keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype="float32"),
            keras.layers.ReLU(dtype="float32"),
            keras.layers.Dense(embedding_dim, dtype="float32"),
        ]
        self.predictor = self.add_layer("predictor", keras.Sequential(layers), embedding_dim)

    def view_losses(self, x1: Any, x2: Any, training: bool) -> Any:
        """See `ViewLoss.view_losses`."""
        cosines = self._cosines(x1, x2, training) + self._cosines(x2, x1, training)
        return -0.5 * cosines

    def _cosines(self, x: Any, target: Any, training: bool) -> Any:
        predicted = ops.cast(self.predictor(x, training=training), target.dtype)
        return Cosine().paired_similarity(predicted, ops.stop_gradient(target))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "predictor_units": self.predictor_units}
