"""Plays the verdicts of a recorded call through a policy, with the very engine that decides live."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from deepguard.model import Incident, LevelChanged, Resolution, Verdict
from deepguard.plugins.host import FILE_MODULE
from deepguard.plugins.places import shortest
from deepguard.policy.engine import Engine
from deepguard.replay.outcome import Outcome, in_order
from deepguard.text import one_line

if TYPE_CHECKING:
    from deepguard.contracts import Policy, PolicyStep
    from deepguard.store.recording import Recording
    from deepguard.thresholds import Thresholds

Ask: TypeAlias = "Callable[[Engine, Verdict], PolicyStep]"
"""Asks an engine's policy about a verdict."""


def play(recording: Recording, policy: Policy, thresholds: Thresholds, ask: Ask | None = None) -> Outcome:
    """Play a call again.

    A policy that fails is replaced by the built-in one for the rest of the call, as it is live.

    Args:
        recording: The call.
        policy: Who decides.
        thresholds: What the built-in policy follows if it has to take over.
        ask: How the policy is asked; default: it is called.
    """
    engine = Engine(recording.call.id, policy)
    changes: list[LevelChanged] = []
    incidents: dict[str, Incident] = {}
    told = 0
    failed = ""
    for verdict in recording.verdicts:
        now = verdict.received_at
        try:
            step = engine.ask(verdict, now) if ask is None or failed else ask(engine, verdict)
        except Exception as error:
            if failed:
                raise
            failed = _reason(error)
            engine.fall_back(thresholds)
            step = engine.ask(verdict, now)
        decision = engine.take(verdict, now, step)
        if decision.changes:
            changes += [change for change in decision.changes if isinstance(change, LevelChanged)]
        if decision.kind is not None and decision.incident is not None:
            told += 1
            incidents[decision.incident.id] = decision.incident
    if recording.ended_at is not None:
        for decision in engine.end(_end_of(recording, recording.ended_at)):
            if decision.incident is not None:
                told += 1
                incidents[decision.incident.id] = decision.incident
    return Outcome(tuple(changes), in_order(incidents.values()), told, failed)


def _end_of(recording: Recording, ended_at: float) -> float:
    """When incidents that were open ended with the call: a moment before the end itself was written down."""
    for stored in recording.incidents:
        if stored.incident.resolution is Resolution.CALL_ENDED and stored.incident.resolved_at is not None:
            return stored.incident.resolved_at
    return ended_at


def place_in_file(error: BaseException) -> str:
    """The line of a plugin's file that an error came from, to begin a message with; empty when there is none."""
    place = ""
    trace: Any = error.__traceback__
    while trace is not None:
        # The last frame of the file's own: what it calls may lie in a library.
        if trace.tb_frame.f_globals.get("__name__", "").startswith(FILE_MODULE):
            place = f"{one_line(shortest(Path(trace.tb_frame.f_code.co_filename)))}:{trace.tb_lineno}: "
        trace = trace.tb_next
    return place


def _reason(error: BaseException) -> str:
    words = one_line(str(error), 160)
    return f"{place_in_file(error)}{type(error).__name__}{f': {words}' if words else ''}"


__all__ = ["Ask", "place_in_file", "play"]
