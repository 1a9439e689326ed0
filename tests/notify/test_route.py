"""Notifiers are built from the configuration, by the types that plugins offer."""

import pytest

from deepguard.config.models import Config, DetectorEntry, NotifierEntry
from deepguard.contracts import NotifierType, PluginConfig
from deepguard.errors import PluginError
from deepguard.notify.route import build_routes
from deepguard.testing import RecordingNotifier

SECRET = "whsec_very-secret"


class Settings(PluginConfig):
    token: str = SECRET


class Pager(RecordingNotifier):
    def __init__(self, settings):
        super().__init__()
        self.settings = settings


def config(*entries):
    return Config(detector=DetectorEntry(type="scenario", options=PluginConfig()), notifiers=entries)


def entry(name="pager", **over):
    fields = {"type": "pager", "name": name, "on": ("alert",), "timeout": 3.0, "options": Settings()}
    return NotifierEntry(**(fields | over))


class Offering:
    """Knows one kind of notifier, or none."""

    def __init__(self, factory=None):
        self.notifier_types = {"pager": NotifierType("pager", Settings, factory)} if factory else {}


def test_each_entry_becomes_a_route_of_its_own():
    first, second = build_routes(
        config(entry("day"), entry("night", on=("resolved", "updated"), timeout=1.0)), Offering(Pager)
    )
    assert (first.name, first.on, first.timeout) == ("day", frozenset({"alert"}), 3.0)
    assert (second.name, second.on, second.timeout) == ("night", frozenset({"resolved", "updated"}), 1.0)
    assert isinstance(first.notifier, Pager)
    assert first.notifier is not second.notifier
    assert first.notifier.settings.token == SECRET


def test_an_unknown_type_is_named():
    with pytest.raises(PluginError, match="'pager' is of type 'pager', which no loaded plugin offers"):
        build_routes(config(entry()), Offering())


def test_a_factory_that_fails_is_named_without_its_words():
    def factory(settings):
        raise ValueError(f"bad token {settings.token}")

    with pytest.raises(PluginError, match=r"the plugin 'pager' cannot build the notifier 'x': ValueError at") as caught:
        build_routes(config(entry("x")), Offering(factory))
    assert "test_route.py:" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


def test_something_else_than_a_notifier_is_refused():
    with pytest.raises(PluginError, match=r"built a dict where a deepguard\.Notifier was expected"):
        build_routes(config(entry()), Offering(lambda settings: {}))
