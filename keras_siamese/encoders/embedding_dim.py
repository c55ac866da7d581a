"""Tells the size of the embeddings of an encoder."""

import keras


def embedding_dim_of(encoder: keras.Model) -> int | None:
    """Tells how many dimensions the embeddings of an encoder have.

    Args:
        encoder: Any `keras.Model`.

    Returns: The size, or None where only a batch can tell: of a subclassed model.
    """
    outputs = getattr(encoder, "outputs", None)
    return outputs[0].shape[-1] if outputs else None
