"""SiameseModel: an encoder that is trained and judged by distances between embeddings."""

import os
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops, tree

from keras_siamese import distances
from keras_siamese.arguments import NO_CLASS_WEIGHT, bind_data, check_loss, check_metrics
from keras_siamese.data.sampling.planner import PKOptions
from keras_siamese.distances import Distance
from keras_siamese.distribution import gather_replicas
from keras_siamese.encoders import embedding_dim_of
from keras_siamese.encoders.inference import inference_model
from keras_siamese.files import atomic_path
from keras_siamese.inputs import Batch, LabelledBatch, unpack
from keras_siamese.losses import MetricLoss
from keras_siamese.metrics.batch_figures import BatchFigures
from keras_siamese.ops.checks import check_encoder_output
from keras_siamese.ops.compiled import not_compiled
from keras_siamese.probe import BatchProbe
from keras_siamese.training_guard import TrainingGuard
from keras_siamese.whole_set_model import WholeSetModel


@keras.saving.register_keras_serializable(package="keras_siamese")
class SiameseModel(WholeSetModel):
    """An encoder trained by a metric loss, with Keras's `compile`, `fit`, `evaluate` and `predict`.

    `model(x)` and `model.predict(x)` give embeddings, `(batch_size, embedding_dim)`. Batches may be
    labelled, `(x, y)` with integer class ids; pairs, `((x1, x2), same)` with `same` 1 for a match;
    triplets, `(anchor, positive, negative)`; or two views of each item, `((x1, x2),)`, for which
    pairs without `same` are taken. Weights are those of anchors, pairs, triplets or items.

    In training, the logs hold the loss and cheap running figures, named `batch_*` (see
    `keras_siamese.metrics.BatchFigures`). Metrics of `keras_siamese.metrics` appear in `evaluate`
    and as `val_*`: exact over the whole set, computed once, whatever the batch size. `val_loss` is
    the mean over the evaluation batches as they come; monitor `val_recall_at_1` instead. Other
    Keras metrics see `(labels, embeddings)` of labelled batches and `(same, distances)` of pairs.

    Args:
        encoder: Any `keras.Model` with one output of shape `(batch_size, embedding_dim)`.
        name: Name of the model.
        dtype: Dtype policy. Defaults to the encoder's, so that a mixed_float16 one gets its loss
            scaled.

    Raises: ValueError: If `encoder` is no Keras model or its output has another rank than 2.

    Example:
        >>> model = keras_siamese.SiameseModel(keras_siamese.encoders.convnet((28, 28, 1)))
        >>> model.compile("adam", keras_siamese.losses.TripletLoss(margin=0.2))
        >>> model.fit(batches, epochs=20, validation_data=(x_val, y_val))
    """

    def __init__(self, encoder: keras.Model, name: str | None = None, dtype: Any = None) -> None:
        if not isinstance(encoder, keras.Model):
            raise ValueError(f"`encoder` must be a `keras.Model`. Received: {encoder!r}.")
        super().__init__(name=name, dtype=dtype or encoder.dtype_policy)
        self.encoder = encoder
        self._figures = BatchFigures()
        self._embedding_dim: int | None = None
        self._loss_layers: list[keras.layers.Layer] = []
        self._part_losses: dict[str, keras.metrics.Mean] = {}
        self._has_class_weight = False
        self._pk_options: PKOptions | None = None
        self._probe: BatchProbe | None = None
        if encoder.built:
            if outputs := getattr(encoder, "outputs", None):
                check_encoder_output(outputs[0] if len(outputs) == 1 else outputs)
            self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Embeds a batch of items: gives shape `(batch_size, embedding_dim)`.

        An item that holds NaN or infinity gets an embedding of NaN, also where an activation hides
        it (TensorFlow's fused ReLU makes NaN 0).
        """
        embeddings = self.encoder(inputs, training=bool(training))
        check_encoder_output(embeddings)
        for x in tree.flatten(inputs):
            if keras.backend.is_float_dtype(x.dtype):
                finite = ops.all(ops.isfinite(x), axis=tuple(range(1, len(x.shape))))
                embeddings = ops.where(finite[:, None], embeddings, float("nan"))
        return embeddings

    def compile(
        self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs: Any
    ) -> None:
        """Configures the model for training: see `keras.Model.compile`.

        Args:
            optimizer: Name or object.
            loss: A loss of `keras_siamese.losses`, or any `keras.losses.Loss` that is called as
                `loss(labels, embeddings)`.
            metrics: Metrics of `keras_siamese.metrics`, and others.
            **kwargs: Further arguments of `keras.Model.compile`.

        Raises: ValueError: If the loss gives no scalar, or its margin is out of reach for the
            encoder's embeddings.
        """
        loss = check_loss(loss, kwargs.get("loss_weights"), self.encoder)
        check_metrics(metrics, kwargs.get("weighted_metrics"))
        self._adopt(loss)
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def _adopt(self, loss: Any) -> None:
        """Makes the weights of the loss, as soon as the embeddings' size is known, its own."""
        self._tracker.unlock()
        self._loss_layers.clear()
        self._part_losses.clear()
        if isinstance(loss, MetricLoss):
            if self._embedding_dim is None:
                self._embedding_dim = embedding_dim_of(self.encoder)
            if self._embedding_dim is not None:
                loss.build(self._embedding_dim)
                self._loss_layers.extend(loss.layers)
            for name in loss.part_names:
                self._part_losses[name] = keras.metrics.Mean(name)

    def _see_embeddings(self, embeddings: Any) -> None:
        """Makes the weights of the loss if an encoder that was not built hid their size."""
        if self._embedding_dim is None:
            with tf.init_scope():
                self._embedding_dim = embeddings.shape[-1]
                self._adopt(self.loss)

    def get_compile_config(self) -> dict[str, Any] | None:
        """Arguments of `compile`, and the size of the embeddings that weights of the loss are for.

        Returns: A dict that `compile_from_config` takes.
        """
        config = super().get_compile_config()
        return config and {**config, "embedding_dim": self._embedding_dim}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as `get_compile_config` described."""
        config = dict(config)
        self._embedding_dim = config.pop("embedding_dim", None)
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    @property
    def distance_function(self) -> Distance:
        """The distance of the loss; the Euclidean one for a loss that has none."""
        loss = getattr(self, "loss", None)
        return loss.distance if isinstance(loss, MetricLoss) else distances.get("euclidean")

    @property
    def embedding_dim(self) -> int | None:
        """The number of dimensions of the embeddings.

        None for an encoder that hides it (a subclassed model), until `fit` has seen a batch.
        """
        return self._embedding_dim or embedding_dim_of(self.encoder)

    @property
    def pk_options(self) -> PKOptions | None:
        """What P x K batches `fit` was last given: arguments of `pk_batches`.

        None before any `fit`, and for batches of another make. It is not saved with the model.
        """
        return self._pk_options

    @property
    def probe(self) -> BatchProbe | None:
        """What keeps the latest batch of a running `fit` for callbacks; None if none is to.

        It is set from `on_train_begin` on, and forgotten at the end of `fit`.
        """
        return self._probe

    @probe.setter
    def probe(self, probe: BatchProbe | None) -> None:
        self._probe = probe
        self.make_train_function(force=True)

    def distance(self, a: Any, b: Any, batch_size: int = 32) -> np.ndarray:
        """Distances between items, by the distance of the loss.

        Args:
            a: Items, as for `predict`.
            b: As many items: `a[i]` is compared with `b[i]`.
            batch_size: Items embedded at a time.

        Returns: Shape `(num_items,)`.

        Raises: ValueError: If there are not as many in both.
        """
        a, b = (self.predict(x, batch_size=batch_size, verbose=0) for x in (a, b))
        if len(a) != len(b):
            raise ValueError(f"Expected as many items in both. Received: {len(a)} and {len(b)}.")
        return ops.convert_to_numpy(self.distance_function.paired(a, b))

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains the model: see `keras.Model.fit`, whose arguments it takes.

        Raises: ValueError: If the loss is not finite, no batch of an epoch has anything to learn
            from, or replicas would cut the classes of P x K batches.
        """
        call = bind_data(super().fit, args, kwargs, self.encoder)
        data, callbacks = call.arguments.get("x"), call.arguments.get("callbacks")
        self._has_class_weight = call.arguments.get("class_weight") is not None
        if isinstance(data, tf.data.Dataset):  # Keras would warn that it cannot shuffle one.
            call.arguments.setdefault("shuffle", False)
        callbacks = getattr(callbacks, "callbacks", callbacks)  # of a CallbackList
        guard = TrainingGuard(data, self.distribute_strategy.num_replicas_in_sync)
        self._pk_options = guard.pk_options
        call.arguments["callbacks"] = [guard, *tree.flatten(callbacks or [])]
        try:
            with guard.compiled_if_alike(self):
                return super().fit(*call.args, **call.kwargs)
        finally:
            if self._probe is not None:
                self.probe = None

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> np.ndarray:
        """Embeds items, or a source: see `keras.Model.predict`, whose arguments it takes."""
        call = bind_data(super().predict, (x, *args), kwargs, self.encoder)
        return super().predict(*call.args, **call.kwargs)

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of the optimizer on one batch of any of the four kinds."""
        batch = self._unpack(data)
        if self._has_class_weight and not batch.takes_class_weight:
            raise ValueError(NO_CLASS_WEIGHT)
        with tf.GradientTape() as tape:
            embeddings = self(batch.items, training=True)
            loss, parts, figures = self._loss_and_figures(batch, embeddings, training=True)
            # Each replica computes the loss of the global batch, and their gradients are added up.
            scaled = self.optimizer.scale_loss(loss / self.distribute_strategy.num_replicas_in_sync)
        if self.trainable_weights:
            gradients = tape.gradient(scaled, self.trainable_weights)
            if self._probe is not None:
                self._probe.record_gradients(gradients, self.optimizer.scale_loss(1.0))
            with self.loss.scaled_steps() if self._loss_layers else nullcontext():
                self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        else:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        self._figures.update_state(figures)
        scores = batch.scores(self.distance_function, embeddings)
        logs = self._update_metrics(batch, embeddings, scores, loss, parts)
        running = self._figures.result()
        return {**logs, **{name: running[name] for name in running if name in figures}}

    def _evaluate_batch(self, data: Any) -> tuple[dict[str, Any], dict[str, tuple[Any, Any]]]:
        """Gives the logs, and what whole-set metrics need of the batch, kept on the host."""
        batch = self._unpack(data)
        embeddings = self(batch.items, training=False)
        # In batches of any make, each number of items a class would compile a program.
        with not_compiled():
            loss, parts, _ = self._loss_and_figures(batch, embeddings, training=False)
        scores = batch.scores(self.distance_function, embeddings)
        logs = self._update_metrics(batch, embeddings, scores, loss, parts)
        return logs, batch.collected(scores) if self._whole_set_metrics else {}

    def _unpack(self, data: Any) -> Batch:
        return unpack(data, self.encoder, getattr(self.loss, "relation", None))

    def _loss_and_figures(
        self, batch: Batch, embeddings: Any, training: bool
    ) -> tuple[Any, dict[str, Any], dict[str, tuple[Any, Any]]]:
        self._see_embeddings(embeddings)
        figures: dict[str, tuple[Any, Any]] = {}
        parts: dict[str, Any] = {}
        batch, embeddings = gather_replicas(batch, embeddings)
        if isinstance(self.loss, MetricLoss):
            result = batch.loss(self.loss, embeddings, training)
            parts = result.parts or {}
            has_tuples = ops.cast(result.num_tuples > 0, "float32")
            figures["batch_active_fraction"] = (result.active_fraction, has_tuples)
            loss = result.value + sum(ops.sum(ops.cast(x, "float32")) for x in self.losses)
        elif isinstance(batch, LabelledBatch):
            weight = batch.sample_weight
            loss = self.compute_loss(batch.items, batch.y, embeddings, weight, training=training)
            # Keras takes it for the loss of one replica's share; it is that of the global batch.
            loss = loss * self.distribute_strategy.num_replicas_in_sync
        else:
            raise ValueError(
                "Pairs, triplets and views need a loss of `keras_siamese.losses`. "
                f"Received: loss={self.loss!r}."
            )
        if training:
            embeddings = ops.stop_gradient(embeddings)
            figures |= batch.figures(self.distance_function, embeddings)
            if self._probe is not None:
                self._probe.record_batch(batch, embeddings, self.distance_function)
        return loss, parts, figures

    def _update_metrics(
        self,
        batch: Batch,
        embeddings: Any,
        scores: tuple[Any, Any],
        loss: Any,
        parts: dict[str, Any],
    ) -> dict[str, Any]:
        for tracker, value in [
            (self._loss_tracker, loss),
            *((self._part_losses[name], value) for name, value in parts.items()),
        ]:
            tracker.update_state(value, sample_weight=ops.shape(embeddings)[0])
        y, y_pred = scores
        return self.compute_metrics(batch.parts, y, y_pred, sample_weight=batch.score_weight)

    def _symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        # Under `tf.distribute`, Keras averages the replicas' batches to get one, labels included.
        batch = self._unpack(data_batch)
        if self._embedding_dim is None:
            self._see_embeddings(self(batch.items))
        if isinstance(batch, LabelledBatch):
            labels = tf.cast(batch.y, tf.int64)
            super()._symbolic_build(data_batch=(batch.items, labels, batch.sample_weight))
        elif self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True, **kwargs: Any) -> None:
        """Saves the model as one `.keras` file, whole or not there: see `keras.Model.save`."""
        is_local_file = str(filepath).endswith(".keras") and "://" not in str(filepath)
        is_written = is_local_file and (overwrite or not Path(filepath).exists())
        with atomic_path(filepath) if is_written else nullcontext(filepath) as path:
            super().save(path, overwrite=overwrite, **kwargs)

    def export(self, filepath: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Exports the encoder alone, in inference mode: see `keras.Model.export`.

        `keras_siamese.export.export_encoder` takes preprocessing too, and checks what it wrote.
        """
        inference_model(self.encoder).export(filepath, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal model."""
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return {**super().get_config(), "encoder": encoder}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SiameseModel":
        """Makes the model that `get_config` described."""
        encoder = keras.saving.deserialize_keras_object(config["encoder"])
        model = cls(encoder, **{key: config[key] for key in ("name", "dtype") if key in config})
        model.trainable = config.get("trainable", True)
        return model


def distance_of(model: keras.Model, distance: "str | Distance | None" = None) -> Distance:
    """Returns the distance that a model's embeddings are to be compared by.

    Args:
        model: A `SiameseModel` or any other one.
        distance: Name or object. Defaults to None: `distance_function` of the model, and the
            Euclidean one of a model that has none.
    """
    if distance is None:
        distance = getattr(model, "distance_function", None) or "euclidean"
    return distances.get(distance)
