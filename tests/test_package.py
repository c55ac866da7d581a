"""What holds for all that the package exports, and for all of its files."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import keras_siamese

SOURCE = Path(keras_siamese.__file__).parent
TESTS = Path(__file__).parent

# From the lowest layer up. Folders of one layer do not import each other.
LAYERS = (
    ("ops", "files"),
    ("weights",),
    ("distances", "relations", "data", "encoders"),
    ("miners",),
    ("losses", "metrics"),
    ("inputs", "training_guard", "catalogue"),
    ("arguments", "distribution", "probe"),
    ("whole_set_model",),
    ("model",),
    ("evaluation", "export"),
    ("index",),
    ("tensorboard",),
    ("callbacks",),
    ("tuning", "commands"),
    ("__main__",),
)
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}

METRIC_BASES = {
    f"metrics.{kind}" for kind in ("EmbeddingMetric", "PairMetric", "RankingMetric", "SpaceMetric")
}

FILES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py"))
PUBLIC_FOLDERS = [name for name in keras_siamese.__all__ if name.islower()]


def _exported():
    yield "keras_siamese.SiameseModel", keras_siamese.SiameseModel
    for folder in PUBLIC_FOLDERS:
        module = getattr(keras_siamese, folder)
        for name in module.__all__:
            yield f"{folder}.{name}", getattr(module, name)


EXPORTED = dict(_exported())


def _imports(file):
    """Modules of the package that a file imports, anywhere in it."""
    tree = ast.parse((SOURCE / file).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _is_ours(alias.name))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            if not _is_ours(node.module):
                continue
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if _path_of(full) else node.module


def _is_ours(module):
    return module.split(".")[0] == "keras_siamese"


def _path_of(module):
    """The file of a module, relative to the package, or None if it is no module."""
    path = SOURCE.joinpath(*module.split(".")[1:])
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate.relative_to(SOURCE)
    return None


def _part(file):
    """The folder of a file, or the name of a file without a folder."""
    return file.parts[0] if len(file.parts) > 1 else file.stem


@pytest.mark.parametrize("file", FILES, ids=str)
def test_imports_go_down(file):
    if file == Path("__init__.py"):
        return
    part = _part(file)
    assert part in LEVEL, f"{part} is in none of the layers"
    for module in _imports(file):
        other = _part(_path_of(module))
        assert other != "__init__", f"{file} imports the package as a whole"
        assert other == part or LEVEL[other] < LEVEL[part], f"{file} imports {module}"


def test_no_cycles():
    edges = {file: {_path_of(module) for module in _imports(file)} for file in FILES}
    finished = set()

    def visit(file, path):
        assert file not in path, f"{file} imports itself by way of {path}"
        if file not in finished:
            for other in edges[file]:
                visit(other, [*path, file])
            finished.add(file)

    for file in FILES:
        visit(file, [])


def test_the_layer_test_sees_lazy_imports(tmp_path, monkeypatch):
    source = "def function():\n    from keras_siamese.losses import triplet\n    import numpy\n"
    (tmp_path / "lazy.py").write_text(source)
    triplet = SOURCE / "losses" / "triplet.py"
    (tmp_path / "losses").mkdir()
    (tmp_path / "losses" / "triplet.py").write_bytes(triplet.read_bytes())
    monkeypatch.setitem(globals(), "SOURCE", tmp_path)
    assert list(_imports(Path("lazy.py"))) == ["keras_siamese.losses.triplet"]


@pytest.mark.parametrize("file", [file for file in FILES if file.name != "__init__.py"], ids=str)
def test_every_source_file_has_its_test(file):
    assert (TESTS / file.parent / f"test_{file.name}").is_file()


@pytest.mark.parametrize("file", FILES, ids=str)
def test_files_are_documented_and_short(file):
    source = (SOURCE / file).read_text()
    summary = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0]
    assert summary.endswith((".", "?")), "a module opens with one sentence"
    assert len(source.splitlines()) <= 400


def test_only_tensorflow_code_imports_tensorflow():
    # Elsewhere it is imported where it is used, so that other backends can do without.
    for file in FILES:
        if _part(file) not in ("ops", "distances", "miners", "losses", "encoders"):
            continue
        tree = ast.parse((SOURCE / file).read_text())
        for node in tree.body:
            if isinstance(node, ast.Import):
                assert all(alias.name != "tensorflow" for alias in node.names), file


@pytest.mark.parametrize("folder", PUBLIC_FOLDERS)
def test_exports(folder):
    module = getattr(keras_siamese, folder)
    assert module.__all__ == sorted(module.__all__, key=lambda name: (name.islower(), name))
    tree = ast.parse(Path(module.__file__).read_text())
    imported = {
        alias.asname
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and _is_ours(node.module)
        for alias in node.names
        if alias.asname
    }
    assert imported <= set(module.__all__), "imported by name, but not exported"


@pytest.mark.parametrize("name", EXPORTED)
def test_docstrings(name):
    thing = EXPORTED[name]
    documentation = inspect.getdoc(thing) or ""
    assert documentation.split("\n")[0].endswith("."), "opens with one sentence"
    function = thing.__init__ if inspect.isclass(thing) else thing
    is_record = inspect.isclass(thing) and (
        hasattr(thing, "_fields") or hasattr(thing, "__dataclass_fields__")
    )
    section = "Attributes:" if is_record else "Args:"
    arguments = [
        argument.name
        for argument in inspect.signature(function).parameters.values()
        if argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)
        and argument.name != "self"
    ]
    if is_record:
        arguments = list(getattr(thing, "_fields", None) or thing.__dataclass_fields__)
    if arguments:
        text = inspect.cleandoc(documentation)
        assert section in text
        described = text.split(section, 1)[1]
        for argument in arguments:
            assert f" {argument}: " in described or f" {argument}:\n" in described, argument


@pytest.mark.parametrize("name", [name for name in EXPORTED if inspect.isclass(EXPORTED[name])])
def test_public_methods_are_documented(name):
    for attribute, value in vars(EXPORTED[name]).items():
        value = getattr(value, "__func__", getattr(value, "fget", value))
        if not attribute.startswith("_") and inspect.isfunction(value):
            assert inspect.getdoc(value), f"{name}.{attribute}"


@pytest.mark.parametrize("name", [name for name in EXPORTED if inspect.isclass(EXPORTED[name])])
def test_what_keras_saves_is_registered(name):
    thing = EXPORTED[name]
    is_base = name in METRIC_BASES or any(
        getattr(getattr(thing, method, None), "__isabstractmethod__", False)
        for method in dir(thing)
    )
    if hasattr(thing, "get_config") and not is_base:
        registered = keras.saving.get_registered_name(thing)
        assert registered == f"keras_siamese>{thing.__name__}"


def _examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for folder in ("distances", "miners", "losses", "relations", "metrics", "evaluation", "index"):
        package = getattr(keras_siamese, folder)
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name)
            yield from finder.find(module, globs=_namespace())
        yield from finder.find(package, globs=_namespace())


def _namespace():
    names = {name.split(".")[1]: thing for name, thing in EXPORTED.items()}
    return {**names, "keras": keras, "keras_siamese": keras_siamese}


EXAMPLES = {example.name: example for example in _examples() if example.examples}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name):
    runner = doctest.DocTestRunner(verbose=False)
    result = runner.run(EXAMPLES[name], out=print)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_examples_are_there():
    named = {name.rsplit(".", 1)[1] for name in EXAMPLES}
    assert {"SemiHardMiner", "TripletLoss", "ContrastiveLoss", "get"} <= named


def test_what_import_leaves_alone():
    # They take seconds, and not every user needs them.
    code = (
        "import sys, keras_siamese; "
        "print([name for name in ('tensorflow_datasets', 'keras_tuner', "
        "'keras_siamese.tuning') if name in sys.modules]); "
        "keras_siamese.tuning; print('keras_siamese.tuning' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert run.stdout.splitlines() == ["[]", "True"]


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        keras_siamese.unknown  # noqa: B018
