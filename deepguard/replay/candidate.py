"""A configuration, and the policy that it names, to play calls through."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deepguard.config.finding import find_config
from deepguard.errors import PluginError
from deepguard.plugins import PluginHost
from deepguard.policy.choosing import Chosen, choose
from deepguard.policy.machine import ThresholdPolicy
from deepguard.replay.errors import ReplayError
from deepguard.replay.limit import Limit, TookTooLong
from deepguard.replay.outcome import Outcome
from deepguard.replay.play import place_in_file, play
from deepguard.text import one_line

if TYPE_CHECKING:
    from deepguard.config.models import Config
    from deepguard.contracts import PolicyStep
    from deepguard.model import Verdict
    from deepguard.policy.engine import Engine
    from deepguard.store.recording import Recording

LOAD_SECONDS = 30.0
"""What importing a policy's file may take."""
_LINE = re.compile(r" \((?:[^()]*, )?line (\d+)\)")

_HOOK = re.compile(r"\bdeepguard_\w+")


@dataclass(frozen=True, slots=True)
class Named:
    """What a candidate is made of, so that each process can make it.

    Attributes:
        config: The configuration; None: the one that is meant when none is named.
        policy: A policy's file, in place of the one that the configuration names.
    """

    config: Path | None = None
    policy: Path | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """A call that was played.

    Attributes:
        outcome: What the policy made of it.
        hung: Whether the policy was cut off.
    """

    outcome: Outcome
    hung: bool = False


class Candidate:
    """A configuration with its plugins loaded.

    Attributes:
        config: The configuration.
        custom: Whether somebody else's code decides, or may.
        seconds: What that may take for one verdict.
    """

    def __init__(self, named: Named) -> None:
        """Read the configuration and load its plugins.

        Args:
            named: Which.

        Raises:
            ConfigError: Everything that is wrong with the configuration.
            ReplayError: The policy's file cannot be used; says where it is wrong.
        """
        self._named = named
        try:
            with _quiet(), Limit(LOAD_SECONDS) as limit:
                self.config, self._host = limit.run(partial(_load, named))
        except TookTooLong:
            name = f"{one_line(str(named.policy))}: " if named.policy else ""
            raise ReplayError(f"{name}the policy was not loaded within {LOAD_SECONDS:g} s") from None
        self._thresholds = self.config.policy.thresholds.thresholds()
        self.seconds = self.config.policy.time_limit
        self.custom = self.config.policy.plugin is not None or bool(self.config.plugins)

    def play(self, recording: Recording, pulse: Callable[[], None] = lambda: None) -> Played:
        """Play one call.

        Args:
            recording: The call.
            pulse: Called at each sign of life, while somebody else's code decides.

        Raises:
            ReplayError: What the configuration names is no policy; says where.
        """
        if not self.custom:
            chosen = self._chosen(recording)
            return Played(play(recording, chosen.policy, chosen.thresholds))
        with _quiet(), Limit(self.seconds) as limit:
            try:
                chosen = limit.run(partial(self._chosen, recording))
            except TookTooLong as error:
                # A hook that does not come to an end; the built-in policy decides.
                outcome = play(recording, ThresholdPolicy(self._thresholds), self._thresholds)
                failed = f"{place_in_file(error)}its hooks took more than {self.seconds:g} s"
                return Played(replace(outcome, failed=failed), hung=True)
            played = self._watched(recording, chosen, limit, pulse)
        if chosen.problems and not played.outcome.failed:
            played = replace(played, outcome=replace(played.outcome, failed="; ".join(chosen.problems)))
        return played

    def _watched(self, recording: Recording, chosen: Chosen, limit: Limit, pulse: Callable[[], None]) -> Played:
        """Play a call through somebody else's policy, which is cut off when it takes too long."""
        if chosen.built_in:
            return Played(play(recording, chosen.policy, chosen.thresholds))
        cut_off = False

        def ask(engine: Engine, verdict: Verdict) -> PolicyStep:
            nonlocal cut_off
            pulse()
            try:
                return limit.run(partial(engine.ask, verdict, verdict.received_at))
            except TookTooLong as error:
                cut_off = True
                raise TimeoutError(f"it took more than {self.seconds:g} s").with_traceback(
                    error.__traceback__
                ) from None

        outcome = play(recording, chosen.policy, chosen.thresholds, ask)
        return Played(outcome, cut_off)

    def _chosen(self, recording: Recording) -> Chosen:
        chosen = choose(self._host, recording.call, self._thresholds)
        if chosen.faults:
            raise ReplayError("\n".join(chosen.faults))
        return chosen


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Whatever a plugin prints is no part of the answer."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _load(named: Named) -> tuple[Config, PluginHost]:
    if named.policy is not None:
        _try(named.policy)
    host = PluginHost()
    return find_config(named.config, host, policy=named.policy), host


def _try(path: Path) -> None:
    """See that a policy's file can be loaded, by itself: what is wrong is then said of this file."""
    shown = one_line(str(path))
    if not path.is_file():
        raise ReplayError(f"{shown}: there is no such file")
    try:
        PluginHost().load_file(path)
    except PluginError as error:
        said = str(error).removeprefix(f"{path.name} ")
        found = _LINE.search(said)
        line = found[1] if found else _line_of_hook(path, said)
        place = f"{shown}:{line}" if line else shown
        raise ReplayError(f"{place}: {_LINE.sub('', said)}") from None


def _line_of_hook(path: Path, said: str) -> int | None:
    """The line of the hook that an error names, where the error does not say it."""
    named = _HOOK.search(said)
    if named is None:
        return None
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    begins = re.compile(rf"\s*(async\s+)?def\s+{named[0]}\b")
    return next((number for number, line in enumerate(lines, 1) if begins.match(line)), None)


__all__ = ["Candidate", "Named", "Played"]
