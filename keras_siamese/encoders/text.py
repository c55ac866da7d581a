"""An encoder whose input is strings, for titles, questions and other short texts."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_siamese.encoders.head import embed_features
from keras_siamese.ops.checks import check_count, is_text


def text(
    texts: Any,
    embedding_dim: int = 256,
    *,
    max_words: int = 10_000,
    dropout: float = 0.0,
    normalize: bool = True,
    name: str | None = None,
) -> keras.Model:
    """Returns an encoder of strings: which words a text holds, then the embedding head.

    The head projects a vector of a 0 or 1 for each known word. An embedding is thus the sum of
    learned vectors, one for each distinct word of the text, at norm 1; the order of words plays no
    part. Such vectors tell short texts apart better the more dimensions they have.

    Words are runs of letters and digits of any script, in lower case; all else separates them,
    except for apostrophes, which are dropped ("can't" is "cant"). Unknown words count for nothing:
    a text without a known one gets the embedding of the empty text, which is 0 before training.

    The vectorisation is a part of the model, so a saved encoder takes strings too. It is
    `keras.layers.TextVectorization`, which needs TensorFlow on every backend and runs on the CPU;
    XLA cannot compile it, so that with `jit_compile=True` Keras warns and goes without.

    `SiameseModel` takes strings as a list, tensor or array of any kind in `fit`, `evaluate` and
    `predict`. `encoder.predict` is Keras's own, which takes tensors and arrays of `dtype=object`.

    Args:
        texts: Where the words are taken from: the training texts, no others. A list, array or
            tensor of strings, shape `(num_texts,)`, or a `tf.data.Dataset` of batches of them.
        embedding_dim: Size of the embeddings. Defaults to 256.
        max_words: How many words to know at most: the most frequent ones. A batch takes
            `batch_size * max_words` floats of memory. Defaults to 10000.
        dropout: Fraction of the words dropped in training; in [0, 1). Defaults to 0.
        normalize: Whether embeddings have norm 1. Defaults to True.
        name: Name of the encoder.

    Returns: A functional `keras.Model` from strings, `(batch_size,)` or `(batch_size, 1)`, to
        float32 embeddings `(batch_size, embedding_dim)`.

    Raises: ValueError: If `texts` are no strings or hold no word, or an argument is out of range.

    Example:
        >>> encoder = keras_siamese.encoders.text(["Where is my card?", "How do I top up?"])
        >>> encoder(np.array(["My card!", "WHERE IS IT"])).shape
        TensorShape([2, 256])

        Texts can be vectorised in the pipeline instead, and XLA then compiles all of the encoder:

        >>> vectorize = keras.layers.TextVectorization(output_mode="multi_hot")
        >>> vectorize.adapt(texts)
        >>> encoder = keras_siamese.encoders.mlp((vectorize.vocabulary_size(),), hidden_units=())
        >>> batches = batches.map(lambda x, y: (vectorize(x), y))
    """
    check_count("max_words", max_words)
    words = _words_of(texts, max_words)
    inputs = keras.Input((), dtype="string", name="texts")
    # The vocabulary is given, so that it is saved in the configuration. Keras would write an
    # adapted one to a text file, in the encoding of the machine.
    bag = keras.layers.TextVectorization(
        standardize=words_in_lower_case, vocabulary=words, output_mode="multi_hot", name="bag"
    )(inputs)
    # The first column says whether there are unknown words. The others are integers.
    bag = ops.cast(bag[:, 1:], "float32")
    embeddings = embed_features(bag, embedding_dim, dropout=dropout, normalize=normalize)
    return keras.Model(inputs, embeddings, name=name)


@keras.saving.register_keras_serializable(package="keras_siamese")
def words_in_lower_case(texts: Any) -> Any:
    """Returns strings as words in lower case with single spaces in between.

    Keras's own standardisation lowers ASCII letters alone, and makes one word of "card?Where".
    """
    import tensorflow as tf

    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8")  # replaces what is no UTF-8
    texts = tf.strings.lower(texts, encoding="utf-8")
    texts = tf.strings.regex_replace(texts, "['\u2019]", "")
    return tf.strings.regex_replace(texts, r"[^\pL\pM\pN]+", " ")


def _words_of(texts: Any, max_words: int) -> list[str]:
    """Returns the words of texts, the most frequent ones first.

    Raises: ValueError: If `texts` are no strings, or hold no word.
    """
    counter = keras.layers.TextVectorization(
        max_tokens=max_words + 2, standardize=words_in_lower_case
    )
    counter.adapt(_check_texts(texts))
    words = counter.get_vocabulary(include_special_tokens=False)
    if not words:
        raise ValueError("`texts` must hold at least one word. Received: texts without any.")
    return words


def _check_texts(texts: Any) -> Any:
    """Returns texts as `TextVectorization` takes them."""
    import tensorflow as tf

    if isinstance(texts, tf.data.Dataset):
        spec = texts.element_spec
        if getattr(spec, "dtype", None) != tf.string:
            raise ValueError(
                "A data set of `texts` must hold batches of strings. Received elements: "
                f"{spec}. Leave labels out: `.map(lambda x, y: x)`."
            )
        return texts
    array = np.asarray(texts)
    if isinstance(texts, list) and array.dtype.kind in "US":
        array = np.asarray(texts, object)  # among strings, NumPy makes "nan" of NaN
    if not is_text(array) or array.ndim == 0 or array.size == 0:
        raise ValueError(
            "`texts` must be strings, shape (num_texts,): those to take the words from. "
            f"Received: {type(texts).__name__} of dtype {array.dtype}, shape {array.shape}. Of a "
            "source they are `source.arrays()[0]`; leave out those that are missing."
        )
    return array.astype(object)
