"""Which policy decides on a call: what the hooks say, checked before anything depends on it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from deepguard.contracts import Policy
from deepguard.model import Call
from deepguard.plugins import PluginHost
from deepguard.plugins.places import place_of
from deepguard.policy.machine import ThresholdPolicy
from deepguard.text import one_line
from deepguard.thresholds import Thresholds

BUILT_IN = "built in"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The policy of one call.

    Attributes:
        policy: Who decides.
        thresholds: What it was given.
        origin: Where both come from, for people: ``built in``, or files and lines of hooks.
        problems: For people: what is wrong with a hook or with what it returned, and was therefore left out.
    """

    policy: Policy
    thresholds: Thresholds
    origin: str = BUILT_IN
    problems: list[str] = field(default_factory=list)

    @property
    def built_in(self) -> bool:
        """Whether the policy is deepguard's own, which neither raises nor waits."""
        return type(self.policy) is ThresholdPolicy


def choose(hooks: PluginHost, call: Call, thresholds: Thresholds) -> Chosen:
    """Ask the hooks ``deepguard_thresholds`` and ``deepguard_policy``, once for a call.

    What they return and cannot be used is left out, and told in ``problems``: the built-in policy, or what the
    configuration says, is used then.

    Args:
        hooks: Where hooks are called.
        call: The call.
        thresholds: What the configuration says.
    """
    problems: list[str] = []
    origin = BUILT_IN
    answer = hooks.answer("deepguard_thresholds", failures=problems, call=call, defaults=thresholds)
    if answer is not None and answer.value is not thresholds:
        if isinstance(answer.value, Thresholds):
            thresholds = answer.value
            origin = f"{BUILT_IN}, thresholds of {answer.place}"
        else:
            kind = type(answer.value).__name__
            problems.append(f"{answer.place}: deepguard_thresholds returned {kind}, not Thresholds")
    policy: Policy = ThresholdPolicy(thresholds)
    answer = hooks.answer("deepguard_policy", failures=problems, call=call, thresholds=thresholds)
    if answer is not None and type(answer.value) is not ThresholdPolicy:
        if faults := list(_faults(answer.value, answer.place)):
            problems += faults
        else:
            policy = answer.value
            origin = f"{one_line(type(policy).__name__)} of {answer.place}"
    elif answer is not None:
        policy = answer.value
    return Chosen(policy, thresholds, origin, problems)


def _faults(policy: Any, place: str) -> Iterator[str]:
    """What keeps an object from being a policy, each with its place."""
    if inspect.isclass(policy):
        name = policy.__name__
        yield f"{place}: deepguard_policy returned the class {name}; return an object of it: {name}()"
        return
    for name, arguments in (("initial", ()), ("advance", ("state", "verdict", "now"))):
        method = getattr(policy, name, None)
        if not callable(method):
            yield f"{place}: the policy {type(policy).__name__} has no {name}({', '.join(arguments)})"
            continue
        where = place_of(method)
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            yield f"{where}: {type(policy).__name__}.{name} must not be 'async def': a policy does not wait"
        elif inspect.isgeneratorfunction(method):
            yield f"{where}: {type(policy).__name__}.{name} must return its answer, and not yield it"
        else:
            try:
                inspect.signature(method).bind(*arguments)
            except TypeError:
                asked = ", ".join(("self", *arguments))
                yield f"{where}: {type(policy).__name__}.{name} must take ({asked})"
            except ValueError:
                pass  # what is not written in Python may keep its signature to itself


__all__ = ["BUILT_IN", "Chosen", "choose"]
