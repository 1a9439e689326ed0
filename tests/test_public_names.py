"""What ``deepguard`` offers, and what importing it costs."""

import ast
import importlib
import inspect
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import deepguard
from deepguard import contracts, errors, model

# Problems are read off ConfigError.problems; a MediaError does not leave the room where media is prepared.
NOT_FOR_OTHERS = {"MediaError", "Problem"}
PUBLIC = [name for name in deepguard.__all__ if name != "__version__"]


def loaded_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after ``statement``."""
    program = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_all_is_sorted_without_doubles():
    assert deepguard.__all__ == sorted(set(deepguard.__all__))


@pytest.mark.parametrize("name", deepguard.__all__)
def test_every_public_name_resolves(name):
    value = getattr(deepguard, name)
    assert value is not None
    # The second look finds what the first has kept.
    assert vars(deepguard)[name] is value


def test_all_is_exactly_the_public_names():
    tree = ast.parse(Path(deepguard.__file__).read_text())
    (for_type_checkers,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        (node.module, alias.name)
        for node in ast.walk(for_type_checkers)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert {name for _, name in typed} == set(PUBLIC)
    for module, name in typed:
        assert getattr(deepguard, name) is getattr(importlib.import_module(module), name)
    assert dir(deepguard) == deepguard.__all__


@pytest.mark.parametrize("module", [model, errors])
def test_every_noun_and_every_error_is_public(module):
    defined = {
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    assert defined - NOT_FOR_OTHERS <= set(PUBLIC)


def test_every_contract_is_public():
    assert set(contracts.__all__) <= set(PUBLIC)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'deepguard' has no attribute 'Notifer'"):
        deepguard.Notifer  # noqa: B018


def test_version_is_the_distribution_s():
    assert deepguard.__version__ == version("pipecat-deepguard")


def test_importing_deepguard_is_light():
    modules = loaded_after("import deepguard")
    heavy = {"pydantic", "pluggy", "numpy", "pipecat", "aiohttp", "cv2", "fastapi", "loguru", "importlib.metadata"}
    assert not modules & heavy
    assert {name for name in modules if name.split(".")[0] == "deepguard"} == {"deepguard"}


def test_the_nouns_need_only_the_standard_library():
    modules = loaded_after("from deepguard import Notification, NotifyError, Verdict")
    assert not modules & {"pydantic", "pluggy", "numpy", "pipecat", "aiohttp", "cv2", "loguru"}


def test_writing_a_plugin_needs_nothing_of_the_media():
    modules = loaded_after("from deepguard import Detector, Notifier, PluginConfig, Thresholds, VideoParams, hookimpl")
    assert not modules & {"numpy", "pipecat", "aiohttp", "cv2", "fastapi"}


def test_it_is_typed():
    assert Path(deepguard.__file__).with_name("py.typed").is_file()
