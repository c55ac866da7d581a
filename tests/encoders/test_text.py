"""text: words, arguments, strings of any kind through a SiameseModel, files."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_siamese as ks
from keras_siamese.encoders import embedding_dim_of, has_unit_norm, text
from keras_siamese.encoders.text import words_in_lower_case

TEXTS = [
    *("Where is my card?", "My card: lost!", "card is not here"),
    *("How do I top up?", "top-up by CARD", "Top up, please"),
    *("Wo ist die Straße?", "ÄRGER MIT der Straße", "die straße"),
]
LABELS = np.repeat(np.arange(3), 3)

FORMS = {
    "list": list,
    "str": np.array,
    "bytes": lambda texts: np.array([one.encode() for one in texts]),
    "objects": lambda texts: np.array(texts, object),
    "objects of bytes": lambda texts: np.array([one.encode() for one in texts], object),
    "variable width": lambda texts: np.array(texts, np.dtypes.StringDType()),
    "tensor": tf.constant,
    "column": lambda texts: np.array(texts)[:, None],
    "column tensor": lambda texts: tf.constant(texts)[:, None],
}


@pytest.fixture(scope="module")
def encoder():
    return text(TEXTS, 8)


def embed(encoder, *texts):
    return np.asarray(encoder(np.array(texts)))


def compiled(encoder, **arguments):
    model = ks.SiameseModel(encoder)
    metrics = [ks.metrics.RecallAtK(1)]
    model.compile("adam", ks.losses.NTXentLoss(), metrics=metrics, **arguments)
    return model


def test_an_embedding_is_the_sum_of_those_of_the_words(encoder):
    kernel, bias = (np.asarray(w) for w in encoder.get_layer("projection").weights)
    words = encoder.get_layer("bag").get_vocabulary(include_special_tokens=False)
    assert words[0] == "card" and len(words) == len(set(words)) == len(kernel) == 21
    wanted = kernel[words.index("my")] + kernel[words.index("card")] + bias
    # Once or twice, and whatever the order.
    np.testing.assert_allclose(
        embed(encoder, "my card", "CARD, my card"), [wanted / np.linalg.norm(wanted)] * 2, atol=1e-6
    )
    assert has_unit_norm(encoder)
    assert embedding_dim_of(encoder) == 8
    assert encoder.output_shape == (None, 8)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("  Where's my\tCARD?Here\n", " wheres my card here "),
        ("can\u2019t top-up 2€", "cant top up 2 "),
        ("ÄRGER\u00a0mit\u2028İ Straße", "ärger mit i\u0307 straße"),
        ("हिन्दी 中文。", "हिन्दी 中文 "),
        ("🙂", " "),
        ("", ""),
        (b"caf\xe9 \xffbar", "caf bar"),
    ],
)
def test_words(raw, words):
    assert words_in_lower_case(tf.constant([raw])).numpy()[0].decode() == words


def test_unknown_words_count_for_nothing(encoder):
    known, more, empty, unknown, other = embed(
        encoder, "my card", "my unheard card!", "", "unheard of", " ?! 🙂"
    )
    np.testing.assert_array_equal(known, more)
    np.testing.assert_array_equal(empty, unknown)
    np.testing.assert_array_equal(empty, other)
    assert not empty.any()  # before training


def test_any_text_has_a_finite_embedding(encoder):
    texts = [
        "",
        "\0",
        "\n",
        "?",
        "🙂",
        "card " * 100_000,
        "x" * 100_000,
        " ".join(map(chr, range(1, 5000))),
    ]
    assert np.isfinite(embed(encoder, *texts)).all()
    assert np.isfinite(encoder(tf.constant([b"\xff\xfe card", b"\xc3"]))).all()


@pytest.mark.parametrize("form", FORMS)
def test_words_of_texts_in_any_form(form, encoder):
    vocabulary = text(FORMS[form](TEXTS), 3).get_layer("bag").get_vocabulary()
    assert vocabulary == encoder.get_layer("bag").get_vocabulary()


def test_words_of_a_dataset(encoder):
    dataset = tf.data.Dataset.from_tensor_slices(TEXTS).batch(4)
    vocabulary = text(dataset, 3).get_layer("bag").get_vocabulary()
    assert vocabulary == encoder.get_layer("bag").get_vocabulary()


def test_arguments_reach_the_layers(encoder):
    small = text(TEXTS, 5, max_words=3, dropout=0.5, normalize=False, name="words")
    assert small.name == "words"
    assert small.get_layer("dropout").rate == 0.5
    assert small.layers[-1].name == "projection"
    most_frequent = encoder.get_layer("bag").get_vocabulary(include_special_tokens=False)[:3]
    assert small.get_layer("bag").get_vocabulary(include_special_tokens=False) == most_frequent
    assert text(TEXTS).output_shape == (None, 256)


@pytest.mark.parametrize("form", ["list", "column"])
def test_a_siamese_model_takes_strings_in_any_form(form):
    model = compiled(text(TEXTS, 8))
    x = FORMS[form](TEXTS)
    wanted = embed(model.encoder, *TEXTS)
    np.testing.assert_allclose(model.predict(x, batch_size=4, verbose=0), wanted, atol=1e-6)
    assert model.distance(x, x) == pytest.approx(0, abs=1e-3)
    assert 0 < model.evaluate(x, LABELS, return_dict=True, verbose=0)["recall_at_1"] < 1
    history = model.fit(x, LABELS, validation_data=(x, LABELS), epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert np.isfinite(history["val_recall_at_1"]).all()
    assert embed(model.encoder, "", "unheard of").any(axis=1).all()


def test_batches_of_a_source():
    source = ks.data.from_arrays(np.array(TEXTS), LABELS)
    model = compiled(text(source.arrays()[0], 8))
    batches = ks.data.pk_batches(source, classes_per_batch=3, examples_per_class=3, seed=0)
    assert batches.element_spec[0] == tf.TensorSpec((9,), tf.string)
    history = model.fit(batches, validation_data=source.batches(4), epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    x = source.arrays()[0]
    np.testing.assert_array_equal(
        model.predict(source.batches(4), verbose=0), model.predict(x, batch_size=4, verbose=0)
    )


@pytest.mark.parametrize("width", [1, None])
def test_pairs_and_triplets_of_strings(width):
    x = np.array(TEXTS) if width is None else np.array(TEXTS)[:, None]
    model = ks.SiameseModel(text(TEXTS, 8))
    model.compile("adam", ks.losses.ContrastiveLoss())
    history = model.fit((x[[0, 1]], x[[1, 5]]), np.array([1, 0]), verbose=0).history
    assert np.isfinite(history["loss"]).all()
    model.compile("adam", ks.losses.TripletLoss(margin=0.2))
    triplets = (x[:2], x[1:3], x[3:5])
    model.fit(triplets, verbose=0)
    history = model.fit(tf.data.Dataset.from_tensors(triplets), verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_names_as_labels_are_refused():
    with pytest.raises(ValueError, match=r"integer class ids.*encode_labels"):
        compiled(text(TEXTS, 8)).fit(TEXTS, list("aaabbbccc"), verbose=0)


LOAD = """
import sys, numpy, keras, tensorflow, keras_siamese
texts = numpy.load("texts.npy")
for policy in sys.argv[1:]:
    encoder = keras.saving.load_model(policy + "/encoder.keras", safe_mode=True)
    model = keras.saving.load_model(policy + "/model.keras", safe_mode=True)
    served = tensorflow.saved_model.load(policy + "/served")
    rows = [
        encoder.predict(texts.astype(object), verbose=0),
        model.predict(texts, verbose=0),
        served.serve(tensorflow.constant(texts)),
    ]
    numpy.save(policy + "/rows.npy", rows)
"""


def test_files_take_strings_in_a_new_process(dtype_policy, tmp_path):
    texts = np.array([*TEXTS, "", "unheard of"])
    np.save(tmp_path / "texts.npy", texts)
    wanted = {}
    for policy in ("float32", "mixed_float16"):
        dtype_policy(policy)
        model = compiled(text(TEXTS, 8, dropout=0.1))
        model.fit(TEXTS, LABELS, verbose=0)
        (tmp_path / policy).mkdir()
        model.encoder.save(tmp_path / policy / "encoder.keras")
        model.save(tmp_path / policy / "model.keras")
        model.export(tmp_path / policy / "served", verbose=False)
        wanted[policy] = model.predict(texts, verbose=0)
    # Words beyond ASCII survive a machine that writes text files in ASCII.
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", LOAD, *wanted]
    subprocess.run(command, check=True, timeout=120, env=environment, cwd=tmp_path)
    for policy, embeddings in wanted.items():
        assert np.isfinite(embeddings).all() and embeddings.dtype == "float32"
        for rows in np.load(tmp_path / policy / "rows.npy"):
            np.testing.assert_allclose(rows, embeddings, atol=1e-6)


def test_compiled_by_xla_is_said_not_to_be():
    with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
        model = compiled(text(TEXTS, 8), jit_compile=True)
    history = model.fit(TEXTS, LABELS, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_vectorisation_in_the_pipeline():
    """The example of the docstring."""
    vectorize = keras.layers.TextVectorization(output_mode="multi_hot")
    vectorize.adapt(TEXTS)
    model = compiled(
        ks.encoders.mlp((vectorize.vocabulary_size(),), 8, hidden_units=()), jit_compile=True
    )
    batches = ks.data.pk_batches(
        np.array(TEXTS), LABELS, classes_per_batch=3, examples_per_class=3, seed=0
    )
    batches = batches.map(lambda x, y: (vectorize(x), y))
    history = model.fit(batches, validation_data=batches, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": np.arange(3)}, r"`texts` must be strings.*dtype int64, shape \(3,\)"),
        ({"texts": "where is my card"}, r"`texts` must be strings.*shape \(\)"),
        ({"texts": []}, "`texts` must be strings"),
        ({"texts": ["card", None]}, "`texts` must be strings"),
        ({"texts": ["card", float("nan")]}, "those that are missing"),
        ({"texts": ["", " ?!"]}, "at least one word"),
        (
            {"texts": tf.data.Dataset.from_tensors((["card"], [0]))},
            r"batches of strings.*\.map\(lambda x, y: x\)",
        ),
        ({"max_words": 0}, "`max_words`"),
        ({"embedding_dim": 0}, "`embedding_dim`"),
        ({"dropout": 1.5}, "`dropout`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        text(**{"texts": TEXTS, **arguments})
