"""The models of ``deepguard.yaml``. Closed (unknown keys are errors), frozen, and silent about their input."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, SecretStr, SerializeAsAny, field_validator

from deepguard.config.address import PublicUrl
from deepguard.config.coverage import CoverageParams
from deepguard.config.policy import PolicyParams
from deepguard.config.section import Section
from deepguard.config.sizes import Size
from deepguard.config.source import Origin
from deepguard.config.times import UTC, TimeOfDay, TimeZone
from deepguard.contracts import PluginConfig
from deepguard.model import NotificationKind, Source
from deepguard.net import is_loopback


class VideoParams(Section):
    """How the camera is sampled."""

    burst_fps: float = Field(default=1.0, gt=0, le=30, description="Samples a second while SUSPICIOUS or ALERT.")
    normal_fps: float = Field(default=0.2, gt=0, le=30, description="Samples a second otherwise.")
    quality: int = Field(default=75, ge=1, le=100, description="JPEG or WebP quality.")
    format: Literal["jpeg", "webp"] = Field(default="jpeg", description="Encoding of a sample.")
    max_edge: int | None = Field(
        default=None,
        ge=64,
        le=8192,
        description="Longest edge of a sample in pixels; larger pictures are scaled down. None: as received.",
    )
    screen: bool = Field(default=False, description="Also sample a shared screen.")
    decode: Literal["sampled", "all"] = Field(
        default="sampled",
        description="What is decoded of a WebRTC call's pictures: what samples need, or all of it, which costs "
        "several times as much CPU.",
    )


class AudioParams(Section):
    """How the microphone is sampled."""

    sample_rate: Literal[16000] = Field(default=16000, description="Hz. Detectors take 16 kHz mono.")
    sample_size: int = Field(default=48000, ge=8000, le=480000, description="Samples a chunk; 48000 are 3 seconds.")
    interval: float = Field(default=60.0, ge=0, le=3600, description="Seconds from one audio sample to the next.")
    burst_interval: float = Field(default=10.0, ge=0, le=3600, description="The same while SUSPICIOUS or ALERT.")
    min_speech: float = Field(
        default=0.5,
        ge=0.1,
        le=30,
        description="Seconds of speech that the tail of an utterance must hold to be worth judging.",
    )


MAX_DETECTORS = 8
"""How many detectors may judge one call."""


class DetectorCommon(Section):
    """What every entry of a list of detectors may say, whatever its type."""

    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Tells its verdicts apart; needed when a type is used twice. Default: the type.",
    )


class DetectorEntry(Section):
    """Who judges: a detector, its own settings already checked by its own model, or several of them.

    Attributes:
        type: Which detector; ``several`` when ``options`` are a ``DetectorList``.
        name: What its verdicts carry, where that is not the type.
        options: Its settings.
    """

    type: str
    name: str = ""
    options: SerializeAsAny[PluginConfig]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that verdicts carry."""
        if isinstance(self.options, DetectorList):
            return tuple(name for member in self.options.members for name in member.names)
        return (self.name or self.type,)

    @property
    def title(self) -> str:
        """The names for people, for example ``dataspike + second``."""
        return " + ".join(self.names)


class DetectorList(PluginConfig):
    """Several detectors that judge one call, each with a name of its own."""

    members: tuple[DetectorEntry, ...] = Field(min_length=1, max_length=MAX_DETECTORS)


NotifyOn = Literal["alert", "updated", "repeated", "acknowledged", "resolved", "coverage_lost", "coverage_regained"]

KIND_OF: Mapping[NotificationKind, NotifyOn] = {
    NotificationKind.OPENED: "alert",
    NotificationKind.UPDATED: "updated",
    NotificationKind.REPEATED: "repeated",
    NotificationKind.ACKNOWLEDGED: "acknowledged",
    NotificationKind.RESOLVED: "resolved",
    NotificationKind.COVERAGE_LOST: "coverage_lost",
    NotificationKind.COVERAGE_REGAINED: "coverage_regained",
}
"""The word in ``on:`` for each kind of notification; a kind that is missing here always passes."""


class NotifierRouting(Section):
    """What a notifier is told of, and how fast."""

    type: str = Field(description="Which notifier: the name of an installed plugin.")
    on: tuple[NotifyOn, ...] = Field(default=get_args(NotifyOn), description="What it is told.")
    min_level: Literal["suspicious", "alert"] = Field(
        default="suspicious", description="It is told of an incident only at this level or above, and of its end."
    )
    participants: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        default=(),
        description="It is told of these participants only; * stands for any letters (agent-*). Default: of all.",
    )
    sources: tuple[Source, ...] = Field(
        default=(), description="It is told of these tracks only: camera, microphone, screen. Default: of all."
    )
    repeat_every: float = Field(
        default=900.0,
        ge=0,
        le=86400,
        description="Seconds until an incident that lasts, and that nobody acknowledged, is told again; 0: never.",
    )
    timeout: float = Field(default=10.0, gt=0, le=300, description="Seconds that one attempt may take.")
    give_up_after: float = Field(
        default=86400.0, ge=1, le=2592000, description="Seconds that a notification is tried for until it is dead."
    )


class NotifierCommon(NotifierRouting):
    """What every entry of ``notifiers`` may say, whatever its type."""

    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Shown to people; needed when a type is used twice. Default: the type.",
    )
    rate: float | None = Field(
        default=None, ge=0.001, le=1000, description="Attempts a second in the long run. Default: what the type says."
    )
    burst: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Attempts that may be made at once after a quiet time. Default: what the type says.",
    )
    digest_after: int | None = Field(
        default=None,
        ge=2,
        le=1000,
        description="When more than this many wait, one digest names them all. Default: what the type says.",
    )


class NotifierEntry(NotifierRouting):
    """One notifier, its own settings already checked by its own model."""

    name: str
    rate: float
    burst: int
    digest_after: int
    options: SerializeAsAny[PluginConfig]


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class SilenceWindow(Section):
    """Hours that come back, in which notifiers are not told.

    The clock on the wall decides: an hour that it shows twice, when daylight saving time ends, counts twice, and one
    that it leaves out does not come.
    """

    name: str = Field(min_length=1, max_length=64, description="Shown to people as the reason.")
    notifiers: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = Field(
        default=(), description="These notifiers only, by name. Default: all."
    )
    participants: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        default=(), description="What concerns these participants only; * stands for any letters. Default: all."
    )
    kinds: tuple[NotifyOn, ...] = Field(default=(), description="These kinds of notifications only. Default: all.")
    days: tuple[Weekday, ...] = Field(
        default=(), description="It begins on these days only: mon, tue, wed, thu, fri, sat, sun. Default: every day."
    )
    start: TimeOfDay = Field(description="When it begins, for example 22:00.")
    end: TimeOfDay = Field(
        description="When it ends, for example 06:00; on the next day unless later than start. The same: a whole day."
    )
    timezone: TimeZone = Field(default=UTC, description="Whose clock, for example Europe/Berlin.")


def _has_sound_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


class StoreParams(Section):
    """Where calls, verdicts, incidents and deliveries are written down."""

    url: SecretStr = Field(
        default=SecretStr("sqlite:///deepguard.db"),
        description=(
            "sqlite:///FILE, relative to the working directory, or postgresql://user:password@host/database, which "
            "several hosts may share."
        ),
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr) -> SecretStr:
        # Only the beginning: reading it whole would make every command wait for the database's library.
        text = url.get_secret_value()
        if not re.match(r"(sqlite(\+\w+)?:///|postgresql(\+asyncpg)?://[^/])", text) or not _has_sound_port(text):
            raise ValueError(
                "must be sqlite:///FILE (sqlite:////FILE with a path from the root), or "
                "postgresql://user:password@host/database"
            )
        return url

    keep_days: float = Field(default=30.0, ge=0.01, le=3650, description="Days that history is kept.")
    max_size: Size | None = Field(
        default=None,
        description=(
            "How much of recorded calls is kept, for example 2 GB: when there is more, the oldest that have ended are "
            "deleted. None: whatever is recorded within keep_days."
        ),
    )
    pictures: bool = Field(
        default=False,
        description=(
            "Keep the picture that opened an incident until everybody has been told, for notifiers that show it. "
            "Biometric data: see what the law asks of you."
        ),
    )


class InCallParams(Section):
    """What is said over the call's own data channel. The suspect may be the one who reads it."""

    messages: Literal["off", "participant"] = Field(
        default="off",
        description=(
            "participant: levels, coverage and notifications go to the watched participant as RTVI server messages."
        ),
    )


class ServerParams(Section):
    """Where and how `deepguard run` serves."""

    host: str = Field(default="localhost", min_length=1, description="Address to listen on.")
    port: int = Field(default=7860, ge=0, le=65535, description="Port; 0 takes a free one.")
    playground: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="The page that shows its own call's verdicts. auto: only when listening on loopback.",
    )
    metrics: Literal["auto", "on", "off"] = Field(
        default="auto", description="GET /metrics for Prometheus. auto: only when listening on loopback."
    )
    public_url: PublicUrl = Field(
        default="",
        description=(
            "Where people reach this server, for example https://guard.example: alerts then carry a link by which "
            "whoever is told can acknowledge the incident. Empty: no links."
        ),
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(), description="Origins of other pages that may start calls, for example https://app.example."
    )
    ice_servers: tuple[str, ...] = Field(
        default=(), description="STUN or TURN addresses, for example stun:stun.example:3478."
    )
    max_calls: int = Field(default=50, ge=1, le=10000, description="Calls at once; more are refused.")
    connect_timeout: float = Field(
        default=30.0, gt=0, le=600, description="Seconds from the offer until media must flow."
    )
    shutdown_timeout: float = Field(default=5.0, gt=0, le=120, description="Seconds that calls get to end on SIGTERM.")

    @property
    def serves_playground(self) -> bool:
        """Whether the page and the live streams are served."""
        return self._serves(self.playground)

    @property
    def serves_metrics(self) -> bool:
        """Whether the metrics are served."""
        return self._serves(self.metrics)

    def _serves(self, choice: Literal["auto", "on", "off"]) -> bool:
        return choice == "on" or (choice == "auto" and is_loopback(self.host))


class Config(Section):
    """A whole, checked configuration."""

    video: VideoParams = VideoParams()
    audio: AudioParams = AudioParams()
    detector: DetectorEntry
    policy: PolicyParams = PolicyParams()
    coverage: CoverageParams = CoverageParams()
    notifiers: tuple[NotifierEntry, ...] = ()
    silences: tuple[SilenceWindow, ...] = Field(
        default=(), max_length=100, description="Hours that come back, in which notifiers are not told."
    )
    store: StoreParams = StoreParams()
    in_call: InCallParams = InCallParams()
    server: ServerParams = ServerParams()
    plugins: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), description="Further plugins to load for their hooks."
    )
    _origin: Origin = PrivateAttr(default_factory=Origin)

    @property
    def origin(self) -> Origin:
        """Where it comes from."""
        return self._origin

    def coming_from(self, origin: Origin) -> Config:
        """The same configuration, which knows where it comes from."""
        known = self.model_copy()
        known._origin = origin
        return known


__all__ = [
    "KIND_OF",
    "MAX_DETECTORS",
    "AudioParams",
    "Config",
    "CoverageParams",
    "DetectorCommon",
    "DetectorEntry",
    "DetectorList",
    "InCallParams",
    "NotifierCommon",
    "NotifierEntry",
    "NotifierRouting",
    "NotifyOn",
    "Section",
    "ServerParams",
    "SilenceWindow",
    "StoreParams",
    "VideoParams",
    "Weekday",
]
