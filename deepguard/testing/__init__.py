"""For the tests of plugin and policy authors: ready-made nouns, a scripted service, and the contract of notifiers.

Names are loaded when they are first used: whoever wants a noun waits for neither pytest nor aiohttp.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepguard.testing.endpoint import Answer, Request, ScriptedEndpoint
    from deepguard.testing.factories import make_notification, make_verdict
    from deepguard.testing.notifiers import RecordingNotifier

_HOMES = {
    "deepguard.testing.endpoint": ("Answer", "Request", "ScriptedEndpoint"),
    "deepguard.testing.factories": ("make_notification", "make_verdict"),
    "deepguard.testing.notifiers": ("RecordingNotifier",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["Answer", "RecordingNotifier", "Request", "ScriptedEndpoint", "make_notification", "make_verdict"]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'deepguard.testing' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
