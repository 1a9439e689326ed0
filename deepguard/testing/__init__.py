"""For the tests of plugin and policy authors: ready-made nouns, calls to play, and contracts of notifiers and policies.

Names are loaded when they are first used: whoever wants a noun waits for neither pytest nor aiohttp.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepguard.testing.clock import FakeClock
    from deepguard.testing.contract import NotifierContract
    from deepguard.testing.endpoint import Answer, Request, ScriptedEndpoint
    from deepguard.testing.factories import make_notification, make_verdict
    from deepguard.testing.notifiers import RecordingNotifier
    from deepguard.testing.outcomes import Outcome
    from deepguard.testing.playing import Moment, Played, load_policy, play
    from deepguard.testing.policy_contract import PolicyContract
    from deepguard.testing.secrets import SecretWatch
    from deepguard.testing.streams import stream

_HOMES = {
    "deepguard.testing.clock": ("FakeClock",),
    "deepguard.testing.contract": ("NotifierContract",),
    "deepguard.testing.endpoint": ("Answer", "Request", "ScriptedEndpoint"),
    "deepguard.testing.factories": ("make_notification", "make_verdict"),
    "deepguard.testing.notifiers": ("RecordingNotifier",),
    "deepguard.testing.outcomes": ("Outcome",),
    "deepguard.testing.playing": ("Moment", "Played", "load_policy", "play"),
    "deepguard.testing.policy_contract": ("PolicyContract",),
    "deepguard.testing.secrets": ("SecretWatch",),
    "deepguard.testing.streams": ("stream",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Answer",
    "FakeClock",
    "Moment",
    "NotifierContract",
    "Outcome",
    "Played",
    "PolicyContract",
    "RecordingNotifier",
    "Request",
    "ScriptedEndpoint",
    "SecretWatch",
    "load_policy",
    "make_notification",
    "make_verdict",
    "play",
    "stream",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'deepguard.testing' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
