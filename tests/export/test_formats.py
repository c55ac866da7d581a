import importlib.util

import pytest

from keras_siamese.export.formats import FORMATS, ONNX


def test_what_needs_packages():
    assert [name for name in FORMATS if FORMATS[name].packages] == ["onnx"]
    for name in ("savedmodel", "litert"):
        FORMATS[name].check_packages()


def test_missing_package(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else find(name)
    )
    with pytest.raises(ImportError, match=r"tf2onnx.*`pip install tf2onnx onnx onnxruntime`"):
        ONNX().check_packages()
