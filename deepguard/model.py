"""The nouns of deepguard: frozen, free of behaviour, importing only the standard library.

Every time in this module is a Unix time in seconds (``time.time()``), taken when the thing happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TypeAlias

Signal: TypeAlias = float | int | bool | str
NO_SIGNALS: Mapping[str, Signal] = MappingProxyType({})


class Source(StrEnum):
    """Where a track's media comes from."""

    CAMERA = "camera"
    MICROPHONE = "microphone"
    SCREEN = "screen"

    @property
    def is_audio(self) -> bool:
        """Whether samples of this source are PCM rather than pictures."""
        return self is Source.MICROPHONE


class SampleFormat(StrEnum):
    """How a sample's bytes are encoded."""

    JPEG = "jpeg"
    WEBP = "webp"
    PCM = "pcm"
    """Signed 16-bit little-endian mono; the rate is the configuration's ``audio.sample_rate``."""


class SampleOutcome(StrEnum):
    """How a sample ended. Every sample ends exactly once."""

    JUDGED = "judged"
    """The detector answered it with a verdict (of whatever judgement)."""
    EXPIRED = "expired"
    """It reached the detector, and no answer came in time."""
    DROPPED = "dropped"
    """It never reached the detector: displaced by a newer one, or the detector was not there."""


class Judgement(StrEnum):
    """What a detector says of a sample."""

    CLEAR = "clear"
    SUSPICIOUS = "suspicious"
    ALERT = "alert"
    ERROR = "error"
    """The detector failed to judge."""
    UNKNOWN = "unknown"
    """The detector looked and cannot say, or does not assess deepfakes at all."""


class Level(IntEnum):
    """How suspected a track or a participant is; ordered, so levels compare."""

    CLEAR = 0
    SUSPICIOUS = 1
    ALERT = 2

    def __str__(self) -> str:
        """The name in lower case, as it is written in YAML and JSON."""
        return self.name.lower()


class BlindReason(StrEnum):
    """Why a track is not being watched."""

    STARTING = "starting"
    """The track exists, nothing has been judged yet and nothing is late."""
    NO_MEDIA = "no_media"
    """The camera or microphone is off, or its media stopped arriving."""
    NO_SPEECH = "no_speech"
    """Nobody has spoken yet on this track."""
    BLACK_PICTURE = "black_picture"
    FROZEN_PICTURE = "frozen_picture"
    NO_FACE = "no_face"
    DETECTOR_DOWN = "detector_down"
    """The detector is not connected, or refuses the credentials."""
    NO_ANSWER = "no_answer"
    """Samples were taken, and verdicts stayed away for longer than allowed."""
    SAMPLES_EXPIRED = "samples_expired"
    """The last sample reached the detector, and was given up without an answer."""
    DETECTOR_ERROR = "detector_error"
    """The detector answered that it failed."""
    NOT_ASSESSED = "not_assessed"
    """The detector answers, but does not assess deepfakes (the embedded one says this)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One connected session.

    Attributes:
        id: The session id; the key of everything that belongs to the call.
        started_at: When the call began.
        metadata: What whoever started the call said about it (untrusted text).
    """

    id: str
    started_at: float
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One encoded picture, or one chunk of PCM, handed to a detector.

    Attributes:
        id: Unique within the process.
        call_id: The call it was taken from.
        participant_id: Whose track it is.
        track_id: The transport's id of the track.
        source: Camera, microphone or screen.
        format: How ``data`` is encoded.
        data: The bytes. Never logged.
        captured_at: When the picture, or the first PCM sample of the chunk, was captured.
        width: Of the picture in pixels; 0 for PCM.
        height: Of the picture in pixels; 0 for PCM.
    """

    id: str
    call_id: str
    participant_id: str
    track_id: str
    source: Source
    format: SampleFormat
    data: bytes = field(repr=False)
    captured_at: float
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """What is written down of a sample once it has ended: everything but its bytes.

    Attributes:
        id: Unique within the process.
        participant_id: Whose track it was taken from.
        track_id: The transport's id of the track.
        source: Camera, microphone or screen.
        captured_at: When it was captured.
        ended_at: When it ended.
        outcome: How it ended.
        reason: For people: why it was dropped or expired; empty when judged.
        format: How it was encoded; None when it never was.
        width: Of the picture in pixels; 0 for PCM.
        height: Of the picture in pixels; 0 for PCM.
        size: Bytes; 0 when it never was encoded.
    """

    id: str
    participant_id: str
    track_id: str
    source: Source
    captured_at: float
    ended_at: float
    outcome: SampleOutcome
    reason: str = ""
    format: SampleFormat | None = None
    width: int = 0
    height: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class SampleEnded:
    """A sample's end, told by the detector that had it.

    Attributes:
        sample_id: Which sample.
        outcome: How it ended.
        reason: For people: why it was dropped or expired; empty when judged.
    """

    sample_id: str
    outcome: SampleOutcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A detector's answer for a track.

    Attributes:
        participant_id: Whose track.
        track_id: The transport's id of the track.
        source: Camera, microphone or screen.
        judgement: What the detector says.
        received_at: When the answer came.
        detector: Name of the detector's type, for example ``dataspike``; where several judge, the one's own name.
        model: Model and version where the detector tells, else empty.
        score: 0 (genuine) to 1 (fake) where the detector has one.
        message: The detector's own words; untrusted text.
        sample_id: The sample that it answers, where known.
        captured_at: When that sample was captured, where known.
        signals: What else was measured, for example ``{"face": True, "sharpness": 0.4}``.
        blind: Set by a detector that looked and could not watch: why.
    """

    participant_id: str
    track_id: str
    source: Source
    judgement: Judgement
    received_at: float
    detector: str
    model: str = ""
    score: float | None = None
    message: str = ""
    sample_id: str | None = None
    captured_at: float | None = None
    signals: Mapping[str, Signal] = field(default_factory=lambda: NO_SIGNALS)
    blind: BlindReason | None = None


class HealthState(StrEnum):
    """Whether a detector can judge now."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    """Not reachable; it keeps trying."""
    REFUSED = "refused"
    """Credentials refused or account blocked; it has stopped trying until told otherwise."""


@dataclass(frozen=True, slots=True)
class DetectorHealth:
    """A detector's health as it reports it.

    Attributes:
        state: Whether it can judge now.
        detail: For people: what is wrong and what to do; never holds a secret.
    """

    state: HealthState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Whether a track is really being watched. Blind is never shown as CLEAR.

    Attributes:
        blind: None when covered, else the reason.
        detail: For people: more about the reason.
    """

    blind: BlindReason | None = None
    detail: str = ""

    @property
    def covered(self) -> bool:
        """Whether the track is being watched."""
        return self.blind is None


@dataclass(frozen=True, slots=True)
class LevelChanged:
    """A transition of level, of one track or of a participant as a whole.

    Attributes:
        call_id: The call.
        participant_id: The participant.
        source: The track's source; None when the participant's level changed.
        before: The level until now.
        after: The level from now on.
        at: When.
        cause: For people: why it changed.
        rule: The threshold that changed it, as a path below ``policy`` in the YAML, for example
            ``thresholds.alert_after``; empty when the policy does not say.
        verdicts: On how many of the track's latest verdicts it rests; 0 when the policy does not say.
    """

    call_id: str
    participant_id: str
    source: Source | None
    before: Level
    after: Level
    at: float
    cause: str
    rule: str = ""
    verdicts: int = 0


@dataclass(frozen=True, slots=True)
class CoverageChanged:
    """A transition of coverage of one track (also when only the reason changed).

    Attributes:
        call_id: The call.
        participant_id: The participant.
        source: The track's source.
        before: The coverage until now.
        after: The coverage from now on.
        at: When.
    """

    call_id: str
    participant_id: str
    source: Source
    before: Coverage
    after: Coverage
    at: float


@dataclass(frozen=True, slots=True)
class DisagreementChanged:
    """Detectors that judge the same track began to disagree, disagree otherwise, or agree again.

    Attributes:
        call_id: The call.
        participant_id: The participant.
        source: The track's source.
        before: What each of them said until now, for example ``first: alert, second: clear``; empty while they agreed.
        after: What each of them says from now on; empty when they agree.
        at: When.
    """

    call_id: str
    participant_id: str
    source: Source
    before: str
    after: str
    at: float


Transition: TypeAlias = LevelChanged | CoverageChanged | DisagreementChanged


class Resolution(StrEnum):
    """Why an incident ended."""

    CLEARED = "cleared"
    """The participant came back to CLEAR."""
    CALL_ENDED = "call_ended"
    GUARD_LOST = "guard_lost"
    """The process that guarded the call is gone, and with it the call's guard."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One period during which a participant was held to be fake.

    Opens when the participant reaches ALERT.

    Attributes:
        id: Stable; the dedupe key, the thread and the external key everywhere.
        call_id: The call.
        participant_id: The participant.
        opened_at: When it opened.
        level: The participant's level now.
        peak: The highest level so far.
        sources: The tracks that were at ALERT at some time during it.
        updated_at: When it last changed.
        resolved_at: When it ended, else None.
        resolution: Why it ended, else None.
        detail: For people: the last cause.
        context: What hooks added through ``deepguard_enrich``.
        acknowledged_at: When somebody took it over, else None. It is not repeated from then on, and stays open.
        acknowledged_by: Who did; untrusted text.
    """

    id: str
    call_id: str
    participant_id: str
    opened_at: float
    level: Level
    peak: Level
    sources: tuple[Source, ...]
    updated_at: float
    resolved_at: float | None = None
    resolution: Resolution | None = None
    detail: str = ""
    context: Mapping[str, str] = field(default_factory=dict)
    acknowledged_at: float | None = None
    acknowledged_by: str = ""


class Label(StrEnum):
    """What people found out about an incident, or about a participant whom no incident was about."""

    CONFIRMED = "confirmed"
    """The incident was right: the participant was fake."""
    FALSE_POSITIVE = "false-positive"
    """The incident was wrong: the participant was genuine."""
    MISSED = "missed"
    """The participant was fake, and no incident said so."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One label.

    Attributes:
        call_id: The call.
        participant_id: The participant that it is about.
        label: What was found out.
        at: When it was said.
        by: Who said it; untrusted text.
        incident_id: The incident that it is about; empty for one that was missed.
        comment: What else was said; untrusted text.
    """

    call_id: str
    participant_id: str
    label: Label
    at: float
    by: str = ""
    incident_id: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture that an incident rests on. Biometric data: never logged.

    Attributes:
        data: The encoded bytes.
        format: JPEG or WebP.
        captured_at: When it was captured.
        width: In pixels.
        height: In pixels.
    """

    data: bytes = field(repr=False)
    format: SampleFormat
    captured_at: float
    width: int = 0
    height: int = 0


class NotificationKind(StrEnum):
    """What a notification tells. The values are the types on every wire."""

    OPENED = "incident.opened"
    UPDATED = "incident.updated"
    REPEATED = "incident.repeated"
    """It lasts, and nobody has acknowledged it yet."""
    ACKNOWLEDGED = "incident.acknowledged"
    RESOLVED = "incident.resolved"
    COVERAGE_LOST = "coverage.lost"
    COVERAGE_REGAINED = "coverage.regained"
    DIGEST = "digest"
    """Stands for several others that could not be told one by one."""
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Notification:
    """What a notifier is handed.

    Attributes:
        id: Unique and stable: a second delivery of the same notification has the same id.
        kind: What it tells.
        call_id: The call; empty for a digest or a test.
        participant_id: The participant; untrusted text; empty for a digest or a test.
        at: When what it tells happened.
        title: One line for people.
        detail: More for people; may be empty.
        level: The participant's level then; of a digest, the highest in it.
        incident: The incident, when it is about one.
        source: The track, when it is about coverage.
        detector: Which detector watches the call, for example ``dataspike``.
        simulated: True when a scenario scripted the verdicts: not a real finding.
        items: What a digest stands for, oldest first; empty for every other kind.
        thread: What ``Notifier.send`` last returned for the same incident, on whatever host; empty until then.
        ack_url: A page on which a person can acknowledge the incident; empty where there is none. Whoever has it may
            acknowledge: show it only to those who are told.
        picture: The picture that the incident rests on, where the configuration keeps it; biometric data.
        unwatched: Whether no track of the participant was being watched then.
    """

    id: str
    kind: NotificationKind
    call_id: str
    participant_id: str
    at: float
    title: str
    detail: str = ""
    level: Level = Level.CLEAR
    incident: Incident | None = None
    source: Source | None = None
    detector: str = ""
    simulated: bool = False
    items: tuple[Notification, ...] = ()
    thread: str = ""
    ack_url: str = field(default="", repr=False)
    picture: Picture | None = None
    unwatched: bool = False

    @property
    def covered(self) -> bool:
        """Whether ``level`` may be shown as it is: when this is false, CLEAR vouches for nobody."""
        if self.items:
            return all(item.covered for item in self.items)
        return not self.unwatched and self.kind is not NotificationKind.COVERAGE_LOST


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    """It waits for its first or its next attempt."""
    LEASED = "leased"
    """A process is at it; when that process is gone, another takes over at the end of the lease."""
    DELIVERED = "delivered"
    DIGESTED = "digested"
    """A digest that names it is on its way in its place."""
    SUPERSEDED = "superseded"
    """Something newer about the same incident is on its way in its place."""
    SILENCED = "silenced"
    """A silence, or a ``deepguard_should_notify`` hook, kept it back."""
    DEAD = "dead"
    """It failed for good, or waited for too long. It can be replayed."""
    DROPPED = "dropped"
    """Somebody gave it up."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification's way to one notifier.

    Attributes:
        notification_id: Which notification.
        call_id: The call that it was about; empty for a digest or a test.
        notifier: The notifier's name in the configuration.
        status: Where it stands.
        at: Since when.
        seconds: From the notification's creation until then.
        attempts: How often it was tried.
        detail: For people: why the last attempt failed; holds no secret.
    """

    notification_id: str
    call_id: str
    notifier: str
    status: DeliveryStatus
    at: float
    seconds: float
    attempts: int = 0
    detail: str = ""
