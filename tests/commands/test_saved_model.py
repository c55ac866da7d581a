"""load_model: a saved model of any kind, or a ValueError that says what was expected."""

import keras
import pytest

from keras_siamese.commands.saved_model import load_model
from keras_siamese.losses import TripletLoss
from keras_siamese.model import SiameseModel


def test_models_that_are_none(tmp_path):
    with pytest.raises(ValueError, match=r"a \.keras file\. Received: 'nowhere\.keras', no file"):
        load_model("nowhere.keras")
    (tmp_path / "model.keras").write_bytes(b"no zip")
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_model(str(tmp_path / "model.keras"))


def test_a_compiled_model_that_was_never_trained_loads_in_silence(tmp_path, recwarn):
    model = SiameseModel(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))
    model.compile("adam", TripletLoss())
    model.save(tmp_path / "model.keras")
    assert isinstance(load_model(str(tmp_path / "model.keras")), SiameseModel)
    assert not any("optimizer" in str(warning.message) for warning in recwarn.list)
