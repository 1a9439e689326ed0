"""Every hook says when it is called, what it is handed and since when, and is shown at work."""

import inspect
import re
from pathlib import Path

import pytest

from deepguard import hookspecs
from deepguard.hookspecs import OBSERVERS
from support.hooks_at_work import AT_WORK

HOOKS = {name: value for name, value in vars(hookspecs).items() if name.startswith("deepguard_")}


def sections(hook):
    """A docstring's description, arguments by name, and result."""
    body, *rest = re.split(r"\n(Args|Returns):\n", inspect.getdoc(hook) or "")
    named = dict(zip(rest[::2], rest[1::2], strict=True))
    arguments = dict(re.findall(r"^    (\w+): (\S.*)$", named.get("Args", ""), re.MULTILINE))
    body = re.sub(r"(?<=\S)\n(?=\S)", " ", body)
    return body, arguments, named.get("Returns", "").strip()


def test_there_are_hooks():
    assert "deepguard_register_notifiers" in HOOKS
    assert set(HOOKS) >= OBSERVERS


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_documented(name):
    body, arguments, returns = sections(HOOKS[name])
    signature = inspect.signature(HOOKS[name])
    assert re.search(r"^Called ", body, re.MULTILINE), "says when it is called"
    assert re.search(r"Since \d+\.\d+\.", body), "says since which version"
    assert list(arguments) == list(signature.parameters), "describes every argument"
    assert bool(returns) == (signature.return_annotation != "None"), "describes the result"


@pytest.mark.parametrize("name", HOOKS)
def test_what_becomes_of_the_results_is_documented(name):
    body, _, _ = sections(HOOKS[name])
    options = HOOKS[name].deepguard_spec
    if options["firstresult"]:
        assert "Stops at the first result that is not None" in body
    elif name in OBSERVERS:
        assert "may be a coroutine function" in body
    else:
        assert "All results are" in body


def test_the_page_of_hooks_documents_each():
    page = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text()
    assert {name for name in HOOKS if f"### `{name}(" not in page} == set(), "run: python docs/hooks_reference.py"


def test_each_is_shown_at_work_in_a_call():
    """Each has an entry that plays a call with it and one without it, and sees the difference."""
    assert AT_WORK.keys() == HOOKS.keys()


def test_each_entry_is_of_its_own_hook():
    for name, work in AT_WORK.items():
        implemented = re.findall(r"def (deepguard_\w+)\(", work.source)
        assert implemented == [name]
