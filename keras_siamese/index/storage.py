"""The file of an index: what its members are, written and read."""

import os
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_siamese.evaluation.calibrated import Calibration
from keras_siamese.files import atomic_path
from keras_siamese.index.archive import ArchiveReader, ArchiveWriter, unpacked_size
from keras_siamese.index.distance_config import (
    distance_from_config,
    distance_to_config,
    set_weights,
    weights_of,
)
from keras_siamese.index.items import ItemTable
from keras_siamese.index.labels import INTEGERS, NAMES, LabelColumn
from keras_siamese.index.metadata import MetadataTable
from keras_siamese.index.vector_index import VectorIndex
from keras_siamese.index.vectors import VectorStore

FORMAT, VERSION = "keras_siamese.EmbeddingIndex", 1
_MODEL, _GRAPH, _DISTANCE_WEIGHTS = "model.keras", "graph.bin", "distance_weights.npy"
_ARRAYS = ("vectors.npy", "scales.npy", "ids.npy", "labels.npy", _DISTANCE_WEIGHTS)
_JSON = ("label_names.json", "metadata.json", "calibration.json")
_MEMBERS = (*_ARRAYS, *_JSON, _GRAPH, _MODEL)
_MAX_DIM = 2**20  # Of an index without items nothing else says that its file claims too much.


@dataclass
class Contents:
    """What a file of an index holds.

    Attributes:
        vectors: The items and how they are searched.
        encoder: What embeds, or None.
        fingerprint: That of the encoder that the vectors are of, or None.
        calibration: Thresholds and probabilities, or None.
    """

    vectors: VectorIndex
    encoder: keras.Model | None
    fingerprint: str | None
    calibration: Calibration | None


def write_index(path: str | os.PathLike[str], contents: Contents, graph: bool) -> None:
    """Writes a file, whole or not at all.

    Args:
        path: Where to.
        contents: What to write. The vectors have been added to.
        graph: Whether to write the graph of an approximate backend.
    """
    with atomic_path(path) as temporary:
        with open(temporary, "wb") as file, ArchiveWriter(file) as archive:
            _write_members(archive, temporary, contents, graph)
        # On the disk before the name is: a crash must not leave a name without its contents.
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())


def _write_members(
    archive: ArchiveWriter, temporary: Path, contents: Contents, graph: bool
) -> None:
    index, store = contents.vectors, contents.vectors.store
    assert store is not None and index.search is not None
    for name, array in store.arrays.items():
        archive.array(f"{name}.npy", array)
    archive.array("ids.npy", index.items.ids)
    archive.array("labels.npy", index.items.labels.values)
    archive.array(_DISTANCE_WEIGHTS, weights_of(index.distance))
    archive.json("label_names.json", index.items.labels.names)
    archive.json("metadata.json", index.items.metadata.columns)
    if contents.calibration is not None:
        archive.json("calibration.json", contents.calibration.to_config())
    graph_config = None
    if graph and len(index):
        graph_path = temporary.with_name(f"{temporary.name}.graph")
        graph_config = index.search.save(graph_path)
        if graph_config is not None:
            archive.file(_GRAPH, graph_path)
            graph_path.unlink()
    if contents.encoder is not None:
        model_path = temporary.with_name(f"{temporary.name}.encoder.keras")
        contents.encoder.save(model_path)
        archive.file(_MODEL, model_path)
        model_path.unlink()
    archive.manifest(
        {
            "format": FORMAT,
            "version": VERSION,
            "keras_siamese": version("keras_siamese"),
            "num_items": len(index),
            "embedding_dim": store.embedding_dim,
            "dtype": index.dtype,
            "backend": index.backend,
            "codes": index.codes,
            "rescore": index.rescore,
            "options": index.options,
            "distance": distance_to_config(index.distance),
            "num_distance_weights": len(weights_of(index.distance)),
            "label_kind": index.items.labels.kind,
            "next_id": index.items.next_id,
            "fingerprint": contents.fingerprint,
            "graph": graph_config,
        }
    )


def read_index(path: str | os.PathLike[str], load_encoder: bool, trust_graph: bool) -> Contents:
    """Reads a file, which is taken for what it may be: damaged, or made to do harm.

    Args:
        path: Where from.
        load_encoder: Whether to load the encoder, in Keras's safe mode.
        trust_graph: Whether to hand the graph to its library's native code, in place of building it
            anew from the vectors.

    Raises: ValueError: If the file is not what `write_index` writes.
    """
    with ArchiveReader(path, _MEMBERS) as archive:
        manifest = archive.manifest
        if manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
            raise archive.error(
                f"it is {manifest.get('format')!r:.80} of version {manifest.get('version')!r:.20}, "
                f"not {FORMAT!r} of version {VERSION}"
            )
        try:
            index = _read_vectors(archive, manifest, trust_graph)
            calibration = None
            if "calibration.json" in archive:
                calibration = Calibration.from_config(archive.json("calibration.json"))
                calibration.check_distance(index.distance)
        except (TypeError, KeyError, AttributeError, OverflowError) as error:
            raise archive.error(f"{type(error).__name__} in its settings: {error}") from error
        encoder = _read_encoder(archive) if load_encoder and _MODEL in archive else None
        fingerprint = manifest.get("fingerprint")
        if not isinstance(fingerprint, str | None):
            raise archive.error("its fingerprint is no text")
        return Contents(index, encoder, fingerprint, calibration)


def _read_vectors(
    archive: ArchiveReader, manifest: dict[str, Any], trust_graph: bool
) -> VectorIndex:
    num_items = _count(archive, "num_items", least=0)
    embedding_dim = _count(archive, "embedding_dim", least=1, most=_MAX_DIM)
    distance = distance_from_config(manifest["distance"])
    index = VectorIndex(
        distance,
        **{name: manifest[name] for name in ("backend", "dtype", "codes", "rescore", "options")},
    )
    arrays = {"vectors": archive.array("vectors.npy", index.dtype, (num_items, embedding_dim))}
    if index.dtype == "int8":
        arrays["scales"] = archive.array("scales.npy", "float32", (num_items,))
    num_weights = _count(archive, "num_distance_weights", least=0)
    weights = archive.array(_DISTANCE_WEIGHTS, "float32", (num_weights,))
    if num_weights:
        set_weights(distance, weights, embedding_dim)
    index.take(VectorStore.from_arrays(index.dtype, arrays), _read_items(archive, num_items))
    assert index.search is not None
    if trust_graph and _GRAPH in archive:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "graph"
            archive.extract(_GRAPH, path)
            index.search.restore(path, manifest["graph"])
    else:
        index.search.add(np.arange(num_items))
    return index


def _read_items(archive: ArchiveReader, num_items: int) -> ItemTable:
    kind = archive.manifest.get("label_kind")
    if kind not in (None, INTEGERS, NAMES):
        raise archive.error(f"its labels are {kind!r:.80}")
    names = archive.json("label_names.json")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise archive.error("its names of labels are no texts")
    values = archive.array("labels.npy", "int64", (num_items if kind else 0,))
    ids = archive.array("ids.npy", "int64", (num_items,))
    next_id = _count(archive, "next_id", least=0)
    if num_items and not (0 <= ids.min() <= ids.max() < next_id):
        raise archive.error("its ids are out of range")
    if len(np.unique(ids)) != num_items:
        raise archive.error("two of its items have one id")
    return ItemTable.restore(
        ids,
        LabelColumn.restore(kind, values, names),
        MetadataTable.restore(archive.json("metadata.json"), num_items),
        next_id,
    )


def _read_encoder(archive: ArchiveReader) -> keras.Model:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.keras"
        archive.extract(_MODEL, path)
        if unpacked_size(path) > path.stat().st_size:
            raise archive.error("its encoder is compressed, which Keras never does")
        try:
            encoder = keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:
            raise ValueError(
                f"The encoder in {os.fspath(archive.path)!r} cannot be loaded: {error}. Import the "
                "modules of its own layers first, or give the encoder as `model`."
            ) from error
    if not isinstance(encoder, keras.Model):
        raise archive.error("its encoder is no Keras model")
    return encoder


def _count(archive: ArchiveReader, name: str, least: int, most: int = 2**63 - 1) -> int:
    value = archive.manifest.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise archive.error(f"its {name} is {value!r:.80}")
    return value
