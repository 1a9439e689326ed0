"""What plugin authors implement: notifiers, detectors, policies, and how each is registered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict

from deepguard.model import (
    Call,
    DetectorHealth,
    HealthState,
    Level,
    Notification,
    Sample,
    SampleEnded,
    SampleFormat,
    Source,
    Verdict,
)


class PluginConfig(BaseModel):
    """Base of every plugin's configuration model: closed, frozen, never shows its input in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


Acknowledge: TypeAlias = Callable[[str, str], Awaitable[bool]]
"""Acknowledges an incident: its id, and who did; False when there is no such incident."""


class Notifier(ABC):
    """Tells one destination. Core owns storing, queueing, rate, retries, time limits and counting."""

    acknowledge: Acknowledge | None = None
    """Set by core before ``start``; for a service on which people can acknowledge an incident."""

    async def start(self) -> None:  # noqa: B027  (optional: many notifiers hold nothing open)
        """Open what ``send`` needs. Called before the first ``send``; after a failure, again before the next one.

        Raises:
            NotifyError: It cannot start now. Whatever it opened until then must be safe to open again.
        """

    @abstractmethod
    async def send(self, notification: Notification) -> str | None:
        """Make one attempt to deliver one notification.

        Called by one task at a time. Core cancels it when it takes longer than the notifier's time limit, and calls
        again when it may help; it neither waits nor retries itself.

        Args:
            notification: What to tell. Its names and messages come from outside: escape them.

        Returns:
            What later notifications of the same incident are to find in their ``thread``, for example the address of
            the message that they belong under; at most 500 characters. None leaves what was there.

        Raises:
            NotifyError: The destination did not take it.
        """

    async def close(self) -> None:  # noqa: B027
        """Release everything. Called once, also after a failed ``start``; must be safe to call twice."""


@dataclass(frozen=True, slots=True)
class NotifierType:
    """A kind of notifier that a plugin offers.

    Attributes:
        name: What ``type:`` says in the YAML; equals the entry point's name.
        config: Model of the entry's own settings (besides those that every entry of ``notifiers`` has).
        factory: Builds a notifier from a validated ``config``; must not do I/O.
        rate: Attempts a second that its service takes in the long run; the YAML may say otherwise.
        burst: Attempts that it takes at once after a quiet time; the YAML may say otherwise.
        digest_after: When more than this many wait, one digest names them all; the YAML may say otherwise.
    """

    name: str
    config: type[PluginConfig]
    factory: Callable[[Any], Notifier]
    rate: float = 1.0
    burst: int = 10
    digest_after: int = 10


DetectorEvent: TypeAlias = Verdict | SampleEnded | DetectorHealth


class Detector(ABC):
    """Judges samples of one call. One instance serves one call.

    A subclass ends every sample that it was handed exactly once, by emitting a ``SampleEnded``; a verdict that
    answers a sample carries its id and is emitted right before that sample's ``SampleEnded(JUDGED)``.
    """

    name: ClassVar[str]
    """Name of the type, as in the YAML."""

    label: ClassVar[str] = ""
    """Its name for people; the type's name when left empty."""

    assesses_deepfakes: bool = True
    """False when no verdict of this detector says anything about deepfakes."""

    simulated: bool = False
    """True when verdicts are scripted rather than found."""

    local: bool = False
    """True when samples never leave the machine that the guard runs on."""

    formats: frozenset[SampleFormat] = frozenset(SampleFormat)
    """Which samples it wants."""

    def __init__(self) -> None:
        """Prepare the stream of events."""
        # Not at the top: commands that only read types would wait for it longer than for all the rest of this room.
        import asyncio

        self._events: asyncio.Queue[DetectorEvent | None] = asyncio.Queue()
        self._health = DetectorHealth(HealthState.CONNECTING)

    @property
    def health(self) -> DetectorHealth:
        """The last reported health."""
        return self._health

    @abstractmethod
    async def open(self, call: Call) -> None:
        """Begin to serve ``call``; returns at once, connecting goes on in the background.

        Raises:
            DetectorError: The configuration cannot work, whatever the network does.
        """

    @abstractmethod
    def submit(self, sample: Sample) -> None:
        """Hand over a sample. Never blocks, never raises for a detector that is down."""

    @abstractmethod
    async def close(self) -> None:
        """End: wait for outstanding answers for a bounded time, end every sample, call ``finish``. Safe twice."""

    def emit(self, event: DetectorEvent) -> None:
        """Put an event on the stream; a health that did not change is left out.

        A detector that reads from a peer must bound what it emits per sample it was handed: the stream itself
        is not bounded.
        """
        if isinstance(event, DetectorHealth):
            if event == self._health:
                return
            self._health = event
        self._events.put_nowait(event)

    def finish(self) -> None:
        """End the stream of events."""
        self._events.put_nowait(None)

    async def events(self) -> AsyncIterator[DetectorEvent]:
        """Verdicts, samples' ends and changes of health, in order, until ``finish``. One consumer."""
        while (event := await self._events.get()) is not None:
            yield event


@dataclass(frozen=True, slots=True)
class DetectorType:
    """A kind of detector that a plugin offers.

    Attributes:
        name: What ``detector: {type: …}`` says in the YAML; equals the entry point's name.
        config: Model of its own settings (besides ``type``).
        factory: Builds a detector for one call from a validated ``config``; must not do I/O.
    """

    name: str
    config: type[PluginConfig]
    factory: Callable[[Any], Detector]


class Policy(Protocol):
    """Decides levels from verdicts, for one participant.

    Pure: no clock, no I/O; the same state, verdict and time give the same answer, so that calls can be replayed.
    States are values: never changed in place.
    """

    def initial(self) -> Any:
        """The state before the first verdict."""
        ...

    def advance(self, state: Any, verdict: Verdict, now: float) -> PolicyStep:
        """Take one verdict in.

        Args:
            state: What ``initial`` or the last step returned.
            verdict: The verdict; ``error`` and ``unknown`` arrive too.
            now: Unix time in seconds.
        """
        ...


@dataclass(frozen=True, slots=True)
class PolicyStep:
    """A policy's answer to a verdict.

    Attributes:
        state: The next state.
        tracks: The level of each track after the verdict.
        participant: The participant's level after the verdict.
        cause: For people: the rule that applied; used when a level changed.
        rule: The threshold that it is, as a path below ``policy`` in the YAML; empty where there is none.
        verdicts: On how many of the track's latest verdicts it rests; 0 where that makes no sense.
        participant_cause: For people: why the participant's level changed, where ``cause`` is not the reason.
        participant_rule: The threshold that it is, where ``rule`` is not.
        disagreements: The tracks whose detectors disagree, and for people: what each of them says.
    """

    state: Any
    tracks: Mapping[Source, Level]
    participant: Level
    cause: str = ""
    rule: str = ""
    verdicts: int = 0
    participant_cause: str = ""
    participant_rule: str = ""
    disagreements: Mapping[Source, str] = field(default_factory=dict)


__all__ = [
    "Acknowledge",
    "Detector",
    "DetectorEvent",
    "DetectorType",
    "Notifier",
    "NotifierType",
    "PluginConfig",
    "Policy",
    "PolicyStep",
]
