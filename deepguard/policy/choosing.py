"""Which policy decides on a call: what the hooks say, checked before anything depends on it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from loguru import logger

from deepguard.contracts import Policy
from deepguard.model import Call
from deepguard.plugins import PluginHost
from deepguard.plugins.host import Answer
from deepguard.plugins.places import place_of
from deepguard.policy.machine import ParticipantPolicy, ThresholdPolicy
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
        faults: Those of them that no other call would be without: what was returned can never be used.
    """

    policy: Policy
    thresholds: Thresholds
    origin: str = BUILT_IN
    problems: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def built_in(self) -> bool:
        """Whether nothing of a plugin's has a say in it: then it neither raises nor waits."""
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
    faults: list[str] = []
    origin = BUILT_IN
    asked = hooks.answer("deepguard_thresholds", failures=problems, call=call, participant_id="", defaults=thresholds)
    decided = _thresholds(asked, faults) or thresholds
    if asked is not None and decided is not thresholds:
        origin = f"{BUILT_IN}, thresholds of {asked.place}"
    answer = hooks.answer("deepguard_policy", failures=problems, call=call, thresholds=decided)
    if answer is not None and type(answer.value) is not ThresholdPolicy:
        wrong = list(_faults(answer.value, answer.place))
        faults += wrong
        if not wrong:
            name = one_line(type(answer.value).__name__)
            return Chosen(answer.value, decided, f"{name} of {answer.place}", problems + faults, faults)

    def of_participant(participant_id: str) -> Thresholds:
        wrong: list[str] = []
        own = hooks.answer(
            "deepguard_thresholds", failures=wrong, call=call, participant_id=participant_id, defaults=thresholds
        )
        found = _thresholds(own, wrong)
        if wrong:
            logger.error("A participant of call {} has the call's thresholds: {}", call.id, "; ".join(wrong))
        # Who leaves it to the configuration leaves it to what was decided for the call.
        return decided if found is None or found is thresholds else found

    own = hooks.is_overridden("deepguard_thresholds")
    policy = ParticipantPolicy(decided, of_participant) if own else ThresholdPolicy(decided)
    return Chosen(policy, decided, origin, problems + faults, faults)


def _thresholds(answer: Answer | None, problems: list[str]) -> Thresholds | None:
    """What a hook decided; None, and a problem, when it is no thresholds."""
    if answer is None or isinstance(answer.value, Thresholds):
        return None if answer is None else answer.value
    kind = type(answer.value).__name__
    problems.append(f"{answer.place}: deepguard_thresholds returned {kind}, not Thresholds")
    return None


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
