"""Plays verdicts through a policy, and keeps what became of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deepguard.config.suggest import did_you_mean
from deepguard.contracts import Policy, PolicyStep
from deepguard.errors import PluginError
from deepguard.model import (
    Call,
    DisagreementChanged,
    Incident,
    Level,
    LevelChanged,
    Notification,
    NotificationKind,
    Source,
    Verdict,
)
from deepguard.policy.choosing import Chosen, choose
from deepguard.policy.engine import Decision, Engine
from deepguard.policy.machine import ThresholdPolicy
from deepguard.policy.notifications import incident_notification
from deepguard.testing.policy_files import loaded
from deepguard.testing.streams import START
from deepguard.testing.timeline import moment_lines, verdict_line
from deepguard.text import one_line
from deepguard.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Moment:
    """One verdict, and what followed from it.

    Attributes:
        at: Seconds since the call began.
        verdict: The verdict.
        step: What the policy answered.
        changes: The levels that changed, tracks first, then what detectors disagree about.
        incident: The participant's latest incident, also once it is resolved; None while there has been none.
        told: What became of it now; None when nothing did.
    """

    at: float
    verdict: Verdict
    step: PolicyStep
    changes: tuple[LevelChanged | DisagreementChanged, ...] = ()
    incident: Incident | None = None
    told: NotificationKind | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Played:
    """What became of a call. ``str()`` of it is a time line: ``assert played.told == [], played`` shows it.

    Wherever a participant is asked for, it can be left out while there is but one. Seconds count from ``call``'s
    begin.

    Attributes:
        call: The call.
        used: The policy, for people: ``built in``, or the files and lines of the hooks that gave it.
        moments: Each verdict with what followed from it, in order.
        ended: What followed from the end of the call; empty when it was not played to its end.
    """

    call: Call
    used: str
    moments: tuple[Moment, ...]
    ended: tuple[Decision, ...] = ()

    @property
    def participants(self) -> list[str]:
        """Those who have been judged, in order."""
        return list(dict.fromkeys(moment.verdict.participant_id for moment in self.moments))

    @property
    def steps(self) -> list[PolicyStep]:
        """What the policy answered to each verdict."""
        return [moment.step for moment in self.moments]

    @property
    def changes(self) -> list[LevelChanged | DisagreementChanged]:
        """Every change of a level, and of what detectors disagree about, in order."""
        return [change for moment in self.moments for change in moment.changes]

    @property
    def incidents(self) -> list[Incident]:
        """The incidents as they were last, in the order in which they opened."""
        latest: dict[str, Incident] = {}
        for incident, _ in self._news():
            latest[incident.id] = incident
        return list(latest.values())

    @property
    def told(self) -> list[NotificationKind]:
        """What would be told of incidents, in order: opened, updated, resolved."""
        return [kind for _, kind in self._news()]

    @property
    def notifications(self) -> list[Notification]:
        """The same with all its words, as notifiers would be handed it."""
        detector = self.moments[0].verdict.detector if self.moments else ""
        return [
            incident_notification(incident, kind, detector=detector, make_id=lambda prefix, n=number: f"{prefix}{n}")
            for number, (incident, kind) in enumerate(self._news(), 1)
        ]

    def levels(self, participant: str | None = None, source: Source | None = None) -> list[Level]:
        """The level after each of a participant's verdicts.

        Args:
            participant: Whose.
            source: The level of this track; None: the participant's own.

        Raises:
            ValueError: There are several participants, or none of this name.
        """
        return [_level(moment, source) for moment in self._of(participant)]

    def at(self, seconds: float, participant: str | None = None, source: Source | None = None) -> Level:
        """The level at a time: after the last verdict that had come by then.

        Args:
            seconds: When.
            participant: Whose.
            source: The level of this track; None: the participant's own.

        Raises:
            ValueError: There are several participants, or none of this name.
        """
        return next(
            (_level(moment, source) for moment in reversed(self._of(participant)) if moment.at <= seconds), Level.CLEAR
        )

    def reached(self, level: Level, participant: str | None = None, source: Source | None = None) -> float | None:
        """When a level, or a higher one, was reached first, in seconds; None when it never was.

        Args:
            level: Which.
            participant: Whose.
            source: The level of this track; None: the participant's own.

        Raises:
            ValueError: There are several participants, or none of this name.
        """
        return next((moment.at for moment in self._of(participant) if _level(moment, source) >= level), None)

    def __str__(self) -> str:
        """The time line: one line for each verdict, or for several alike from which nothing followed."""
        about = f"{len(self.moments)} verdict{'' if len(self.moments) == 1 else 's'}"
        lines = [f"call {one_line(self.call.id)}, {about}, policy: {one_line(self.used)}", *moment_lines(self.moments)]
        lines += [f"the call ended: {_of_end(decision)}" for decision in self.ended]
        return "\n".join(lines)

    def __repr__(self) -> str:
        """In short."""
        return f"<Played: {len(self.moments)} verdicts, {len(self.changes)} changes, {len(self.incidents)} incidents>"

    def _news(self) -> list[tuple[Incident, NotificationKind]]:
        happened = [(moment.incident, moment.told) for moment in self.moments]
        happened += [(decision.incident, decision.kind) for decision in self.ended]
        return [(incident, kind) for incident, kind in happened if incident is not None and kind is not None]

    def _of(self, participant: str | None) -> list[Moment]:
        known = self.participants
        if participant is None:
            if len(known) > 1:
                raise ValueError(f"several participants were judged; say which: {_names(known)}")
            return list(self.moments)
        if participant not in known:
            guess = did_you_mean(participant, known) or f"; there is {_names(known) or 'nobody'}"
            raise ValueError(f"no participant '{one_line(participant)}' was judged{guess}")
        return [moment for moment in self.moments if moment.verdict.participant_id == participant]


def play(
    verdicts: Iterable[Verdict],
    policy: Policy | Thresholds | Path | str,
    *,
    call_id: str = "call-1",
    metadata: Mapping[str, str] | None = None,
    thresholds: Thresholds | None = None,
    ends: float | None = None,
) -> Played:
    """Play verdicts through a policy, as the guard of a live call would.

    The levels and the incidents come from the very code that decides on live calls. Each verdict is decided on when it
    was received. Hooks of ``deepguard_enrich`` and ``deepguard_should_notify`` are not asked.

    Args:
        verdicts: Of any number of participants, in the order in which they were received. ``stream`` writes them.
        policy: A policy's object; thresholds for the built-in one; or a file: a policy's (``.py``), or a configuration
            (``.yaml``) with the thresholds and the policy that it names.
        call_id: The call.
        metadata: What whoever started the call said about it; for the hooks of a file.
        thresholds: What the configuration says, for the hooks of a policy's file.
        ends: The call ends so many seconds after its first verdict; None: it goes on.

    Raises:
        ValueError: The verdicts are not in order, or the call ends before the last of them.
        TypeError: ``policy`` is none.
        ConfigError: The configuration cannot be used.
        PluginError: The policy's file cannot be loaded, or a hook in it fails.
        Exception: Whatever the policy raises, with a note about the verdict. Live, the built-in policy would take over.
    """
    heard = list(verdicts)
    begin = heard[0].received_at if heard else START
    call = Call(call_id, begin, dict(metadata or {}))
    chosen = _chosen(policy, call, thresholds)
    engine = Engine(call_id, chosen.policy)
    moments: list[Moment] = []
    for number, verdict in enumerate(heard, 1):
        now = verdict.received_at
        if number > 1 and not now >= heard[number - 2].received_at:
            raise ValueError(
                f"verdict {number} was received before the one in front of it: "
                f"sort them, key=lambda verdict: verdict.received_at"
            )
        try:
            step = engine.ask(verdict, now)
        except Exception as error:
            error.add_note(
                f"verdict {number} was being decided on, {now - begin:g} s into the call: {verdict_line(verdict)}. "
                f"Live, the built-in policy would have taken over here."
            )
            raise
        decision = engine.take(verdict, now, step)
        # As it was then: a policy that goes on to change what it has returned is the contract's to find.
        kept = replace(step, tracks=dict(step.tracks), disagreements=dict(step.disagreements))
        moments.append(Moment(now - begin, verdict, kept, decision.changes, decision.incident, decision.kind))
    ended: list[Decision] = []
    if ends is not None:
        if moments and not ends >= moments[-1].at:
            raise ValueError(f"the call cannot end after {ends:g} s: its last verdict comes after {moments[-1].at:g} s")
        ended = engine.end(begin + ends)
    return Played(call, chosen.origin, tuple(moments), tuple(ended))


def load_policy(
    path: Path | str,
    *,
    call_id: str = "call-1",
    metadata: Mapping[str, str] | None = None,
    thresholds: Thresholds | None = None,
) -> Policy:
    """The policy that a call would be given, with everything that the hooks of a file say about that call.

    Args:
        path: A policy's file (``.py``), or a configuration (``.yaml``).
        call_id: The call.
        metadata: What whoever started the call said about it.
        thresholds: What the configuration says, for a policy's file.

    Raises:
        ConfigError: The configuration cannot be used.
        PluginError: The policy's file cannot be loaded, or a hook in it fails.
    """
    return _of_file(Path(path), Call(call_id, START, dict(metadata or {})), thresholds).policy


def _chosen(policy: object, call: Call, thresholds: Thresholds | None) -> Chosen:
    if isinstance(policy, (str, os.PathLike)):
        return _of_file(Path(policy), call, thresholds)
    if thresholds is not None:
        raise TypeError("thresholds are for the hooks of a policy's file; a policy's object has its own")
    if isinstance(policy, Thresholds):
        return Chosen(ThresholdPolicy(policy), policy)
    return Chosen(checked(policy), Thresholds(), one_line(type(policy).__name__))


def checked(policy: object) -> Policy:
    """A policy, if that is what it is.

    Raises:
        TypeError: It is not.
    """
    if isinstance(policy, type):
        raise TypeError(f"{policy.__name__} is a class; hand over an object of it: {policy.__name__}()")
    for method in ("initial", "advance"):
        if not callable(getattr(policy, method, None)):
            raise TypeError(f"{type(policy).__name__} is no policy: it has no method {method}")
    return policy  # pyright: ignore[reportReturnType]


def _of_file(path: Path, call: Call, thresholds: Thresholds | None) -> Chosen:
    host, configured = loaded(path)
    if configured is not None and thresholds is not None:
        raise TypeError("thresholds are for a policy's file; a configuration has its own")
    chosen = choose(host, call, configured or thresholds or Thresholds())
    if chosen.problems:
        said = "; ".join(chosen.problems)
        raise PluginError(f"{said}. Live, this is left out, and what is built in or configured is used")
    return chosen


def _level(moment: Moment, source: Source | None) -> Level:
    return moment.step.participant if source is None else moment.step.tracks.get(source, Level.CLEAR)


def _names(participants: list[str]) -> str:
    return ", ".join(one_line(name, 40) for name in participants)


def _of_end(decision: Decision) -> str:
    return f"{one_line(decision.participant_id, 40)}: {decision.kind or 'nothing to tell'}"


__all__ = ["Moment", "Played", "checked", "load_policy", "play"]
