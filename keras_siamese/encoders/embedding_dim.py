"""Tells the size of the embeddings of an encoder."""

import keras


def embedding_dim_of(encoder: keras.Model) -> int | None:
    """Tells how many dimensions the embeddings of an encoder have.

    Args:
        encoder: Any `keras.Model`.

    Returns: The size, or None where it cannot be known yet: the encoder is not built.
    """
    if not encoder.built:
        return None
    if getattr(encoder, "outputs", None):
        return encoder.outputs[0].shape[-1]
    shape = (encoder.get_build_config() or {}).get("input_shape")
    try:
        return encoder.compute_output_shape(shape)[-1] if shape else None
    except NotImplementedError:  # as long as the layers inside are not built
        return None
