"""EmbeddingIndex: labelled items, found by the distance of their embeddings."""

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_siamese.distances import Distance
from keras_siamese.evaluation.calibrated import Calibration
from keras_siamese.evaluation.calibration import calibrate
from keras_siamese.index.deduplicate import find_duplicates
from keras_siamese.index.embedding import embed, open_items
from keras_siamese.index.index_encoder import IndexEncoder
from keras_siamese.index.items import as_ids
from keras_siamese.index.queries import IndexQueries
from keras_siamese.index.results import RemovedDuplicates
from keras_siamese.index.storage import Contents, read_index, write_index
from keras_siamese.index.vector_index import VectorIndex
from keras_siamese.index.vectors import as_vectors


class EmbeddingIndex(IndexQueries):
    """Items with labels and metadata, searched by the distance between their embeddings.

    Memory for each item, D numbers in an embedding: the vector, 4 D bytes as float32, 2 D as
    float16, D + 4 as int8; with an approximate backend also its code (4 D, 2 D, D, or D / 8) and
    links (about 10 * connectivity bytes); and labels, ids and metadata. Distances in results are
    always those of the vectors, whatever the codes.

    Several threads may use an index; they take turns.

    Args:
        model: A `SiameseModel`, or any `keras.Model` that embeds. None: the index takes embeddings
            wherever items are asked for. Training the model afterwards makes the index refuse it.
        distance: Name or `Distance`. Defaults to that of the model's loss, as it is now; without
            one, Euclidean.
        backend: `"exact"` compares with every item, by any distance. `"usearch"` and `"faiss"` (if
            it is installed) search a graph: fast among millions, and may miss a neighbour; they
            have Euclidean distances, angles and inner products.
        dtype: How vectors are kept: `"float32"`, `"float16"` or `"int8"` (a scale for each vector).
        codes: For `"usearch"`: in what form the graph holds them, `"float32"`, `"float16"`,
            `"int8"` or `"binary"` (signs). `"faiss"` has the first two. Defaults to `dtype`.
        rescore: Where codes are smaller than vectors, `rescore * k` candidates are ranked by their
            exact distances.
        options: Of the backend; both have `connectivity`, `expansion_add` and `expansion_search`.

    Raises: ValueError: If these do not go together.

    Example:
        >>> index = EmbeddingIndex(distance="euclidean")
        >>> index = index.add([[0.0], [1.0], [5.0]], ["ant", "ant", "bee"], verbose=0)
        >>> index.query([[4.0]], k=2).labels.tolist()
        [['bee', 'ant']]
        >>> index.predict([[4.0], [90.0]], threshold=2.0).tolist()
        ['bee', 'unknown']
    """

    def __init__(
        self,
        model: keras.Model | None = None,
        distance: "str | Distance | None" = None,
        *,
        backend: str = "exact",
        dtype: str = "float32",
        codes: str | None = None,
        rescore: int = 4,
        options: dict[str, Any] | None = None,
    ) -> None:
        encoder = IndexEncoder(model)
        if distance is None:
            # A copy: training goes on changing the weights of a learned one.
            of_model = encoder.model and encoder.model.distance_function
            distance = copy.deepcopy(of_model) if of_model else "euclidean"
        index = VectorIndex(distance, backend, dtype, codes, rescore, options)
        super().__init__(encoder, index)

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids.tolist())

    def __contains__(self, item_id: object) -> bool:
        is_id = isinstance(item_id, int | np.integer)
        return is_id and bool((self._index.items.ids == item_id).any())

    def __repr__(self) -> str:
        size = self._index.embedding_dim
        return (
            f"<EmbeddingIndex: {len(self)} items{f' of size {size}' if size else ''}, "
            f"{self.distance!r}, {self._index.backend}, {self._index.dtype}"
            f"{', calibrated' if self._calibration else ''}>"
        )

    @property
    def ids(self) -> np.ndarray:
        """Ids of all items, in the order in which they were added, int64."""
        with self._lock:
            return self._index.items.ids.copy()

    @property
    def labels(self) -> np.ndarray | None:
        """Labels of all items, or None if they have none."""
        with self._lock:
            return self._index.items.labels.take(slice(None))

    @property
    def metadata(self) -> dict[str, np.ndarray]:
        """Metadata of all items: for each column an array of objects."""
        with self._lock:
            return self._index.items.metadata.take(np.arange(len(self)))

    @property
    def encoder(self) -> keras.Model | None:
        """What embeds, or None."""
        return self._encoder.encoder

    @property
    def distance(self) -> Distance:
        """What compares."""
        return self._index.distance

    @property
    def calibration(self) -> Calibration | None:
        """Threshold and probabilities, once `calibrate` has been called."""
        return self._calibration

    @property
    def nbytes(self) -> int:
        """Bytes of vectors and graph, those in reserve included; not of labels and metadata."""
        store, search = self._index.store, self._index.search
        return 0 if store is None or search is None else store.nbytes + search.nbytes

    def embeddings(self, ids: Any) -> np.ndarray:
        """Returns the embeddings of items, float32, as they are kept.

        Args:
            ids: Ids, shape `(num_items,)`.

        Raises: ValueError: If one is not in the index.
        """
        with self._lock:
            return self._index.vectors(as_ids(ids))

    def add(
        self,
        x: Any,
        y: Any = None,
        *,
        ids: Any = None,
        metadata: Any = None,
        batch_size: int = 256,
        verbose: int = 1,
    ) -> "EmbeddingIndex":
        """Embeds items and adds them: all, or after an error none.

        Of a source or dataset, a few batches are in memory at a time.

        Args:
            x: Items: an array, or a dict or tuple of arrays; a `keras_siamese.data` source; or a
                finite `tf.data.Dataset` of items or `(items, labels)`, in batches.
            y: Labels of arrays: integers or names, shape `(num_items,)`. Sources and datasets have
                their own. All items of an index have one kind of labels, or none.
            ids: Distinct integers from 0 on, new to the index. Defaults to numbers that go on from
                the greatest id that there has been.
            metadata: A dict of columns, each with one value that JSON can hold for each item.
            batch_size: Items embedded at a time.
            verbose: 1 shows progress, 0 does not.

        Returns: The index itself.

        Raises: ValueError: If lengths, sizes or kinds do not fit, an id is taken, an embedding is
            not finite, or the encoder has been trained since items were added.
        """
        with self._lock:
            self._encoder.check()
            size = self._index.embedding_dim
            items, batches = self._encoder.open(x, y, batch_size, size, verbose)
            self._index.add(batches, items.labels, ids, metadata, items.num_items)
            self._encoder.note()
            return self

    def add_embeddings(
        self, embeddings: Any, y: Any = None, *, ids: Any = None, metadata: Any = None
    ) -> "EmbeddingIndex":
        """Adds embeddings of the index's encoder that are there already: see `add`."""
        with self._lock:
            self._encoder.check()
            items = open_items(np.asarray(embeddings), y)
            batches = embed(None, items, self._index.embedding_dim)
            self._index.add(batches, items.labels, ids, metadata, items.num_items)
            self._encoder.note()
            return self

    def calibrate(
        self,
        x: Any,
        y: Any = None,
        *,
        target: str = "fmr",
        at: float = 0.01,
        batch_size: int = 256,
        **options: Any,
    ) -> "EmbeddingIndex":
        """Chooses the threshold on validation items, which are not added to the index.

        Args:
            x: Validation items, as for `add`.
            y: Their labels, of arrays.
            target: What to reach: see `keras_siamese.evaluation.calibrate`.
            at: The value to reach; by default one false match among a hundred pairs of two classes.
            batch_size: Items embedded at a time.
            **options: Further arguments of `keras_siamese.evaluation.calibrate`: `fpir` for the
                threshold of unknown queries, `more` for named operating points.

        Returns: The index itself; the result is `index.calibration`.

        Raises: ValueError: If items have no labels, or there are too few to tell.
        """
        with self._lock:
            size = self._index.embedding_dim
            embeddings, labels = self._encoder.embed_labelled(x, y, batch_size, size)
            options = {"distance": self.distance, "target": target, "at": at, **options}
            self._calibration = calibrate(embeddings, labels, **options)
            return self

    def remove(self, ids: Any) -> "EmbeddingIndex":
        """Removes items; the others keep their ids, and no new item gets a removed one's number.

        Args:
            ids: Ids of items in the index, shape `(num_items,)`.

        Returns: The index itself.

        Raises: ValueError: If one is not in the index; nothing is removed.
        """
        with self._lock:
            self._index.remove(as_ids(ids))
            return self

    def update(
        self,
        ids: Any,
        x: Any = None,
        y: Any = None,
        *,
        embeddings: Any = None,
        metadata: Any = None,
    ) -> "EmbeddingIndex":
        """Changes items: what they look like, their labels, some of their metadata.

        Args:
            ids: Ids of items in the index, shape `(num_items,)`.
            x: New items, embedded anew; None leaves them as they are.
            y: New labels, or None.
            embeddings: In place of `x`.
            metadata: Columns with new values; other columns stay.

        Returns: The index itself.

        Raises: ValueError: If an id is not in the index, or anything does not fit; nothing is
            changed.
        """
        with self._lock:
            if x is not None:
                if embeddings is not None:
                    raise ValueError("Give `x` or `embeddings`. Received: both.")
                embeddings = self._embed(x)
            if embeddings is not None:
                embeddings = as_vectors(embeddings, self._index.embedding_dim)
            self._index.update(as_ids(ids), embeddings, y, metadata)
            return self

    def deduplicate(self, threshold: float) -> RemovedDuplicates:
        """Removes near-duplicates: items within a distance of one that was added earlier and stays.

        Args:
            threshold: The greatest distance of near-duplicates.

        Returns: What was removed, and which items stand for it.

        Raises: ValueError: If the index is empty.
        """
        with self._lock:
            removed = find_duplicates(self._index, threshold)
            self._index.remove(removed.ids)
            return removed

    def save(
        self, path: str | os.PathLike[str], *, overwrite: bool = True, graph: bool = True
    ) -> None:
        """Saves items, settings, calibration and encoder in one file, whole or not at all.

        Args:
            path: Of the file.
            overwrite: Whether a file that is there may be replaced.
            graph: Whether USearch's graph is saved too: see `load`.

        Raises: ValueError: If nothing was ever added, the file is there, or the encoder has been
            trained since items were added.
        """
        with self._lock:
            if self._index.store is None:
                raise ValueError("The index is empty. Expected items to save. Use `add` first.")
            if not overwrite and Path(path).exists():
                raise ValueError(f"{os.fspath(path)!r} is there. Use `overwrite=True`.")
            self._encoder.check()
            fingerprint = self._encoder.fingerprint
            contents = Contents(self._index, self.encoder, fingerprint, self._calibration)
            write_index(path, contents, graph)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        model: keras.Model | None = None,
        *,
        check_encoder: bool = True,
        trust_graph: bool = False,
    ) -> "EmbeddingIndex":
        """Loads what `save` wrote. No file can make it run code: nothing is unpickled.

        Args:
            path: Of the file.
            model: What embeds, in place of the encoder in the file, which is then not loaded.
            check_encoder: Whether to refuse an encoder that is not the one that items were embedded
                by, by its weights and layers.
            trust_graph: Whether to load USearch's graph, native code that trusts its bytes: for
                files of your own. Otherwise the graph is built anew, which takes a while.

        Raises: ValueError: If the file is damaged, of another version, or of another encoder; the
            message says what is wrong.
        """
        contents = read_index(path, load_encoder=model is None, trust_graph=trust_graph)
        index = cls(contents.encoder if model is None else model, contents.vectors.distance)
        index._index, index._calibration = contents.vectors, contents.calibration
        encoder = index._encoder
        encoder.fingerprint = contents.fingerprint if check_encoder else None
        if check_encoder and not encoder.matches():
            raise ValueError(
                f"The items in {os.fspath(path)!r} were not embedded by this encoder: weights or "
                "layers differ, or no encoder was named. Give the one that the index was made "
                "with, or none to use that of the file; with `check_encoder=False` any."
            )
        encoder.note()
        return index
