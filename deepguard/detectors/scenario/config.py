"""The settings of the scenario detector."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from deepguard.contracts import PluginConfig
from deepguard.model import Source

Behaviour: TypeAlias = Literal["clear", "suspicious", "alert", "error", "unknown", "silence"]

SCORED = frozenset({"clear", "suspicious", "alert"})
"""The behaviours that may come with a score."""

LAST_ENTRY_SECONDS = 10.0
"""How long the last entry of a scenario lasts that loops and names no ``length``."""


class ScenarioEntry(PluginConfig):
    """What one or more tracks do from a moment on, until a later entry says otherwise."""

    at: float = Field(ge=0, le=86400, description="Seconds since the call's first sample.")
    camera: Behaviour | None = Field(default=None, description="What samples of the camera get.")
    microphone: Behaviour | None = Field(default=None, description="What samples of the microphone get.")
    screen: Behaviour | None = Field(default=None, description="What samples of a shared screen get.")
    all: Behaviour | None = Field(default=None, description="What every sample gets.")
    message: str = Field(default="", max_length=500, description="What the verdicts say; they also say: simulated.")
    score: float | None = Field(default=None, ge=0, le=1, description="Score of the verdicts: 0 genuine, 1 fake.")

    @model_validator(mode="after")
    def _names_tracks_once(self) -> ScenarioEntry:
        if not self.behaviours():
            raise ValueError("an entry must say what a track does, for example `camera: alert`, or `all: clear`")
        if self.all is not None and any((self.camera, self.microphone, self.screen)):
            raise ValueError("`all` already says what each track does; name either `all` or single tracks")
        if self.score is not None and SCORED.isdisjoint(self.behaviours().values()):
            raise ValueError("`score` goes with clear, suspicious or alert; nothing else has one")
        return self

    def behaviours(self) -> dict[Source, Behaviour]:
        """What this entry says of each track that it names."""
        single: dict[Source, Behaviour | None] = {
            Source.CAMERA: self.camera,
            Source.MICROPHONE: self.microphone,
            Source.SCREEN: self.screen,
        }
        return {source: said for source, one in single.items() if (said := self.all or one) is not None}


class ScenarioConfig(PluginConfig):
    """A script of verdicts."""

    timeline: tuple[ScenarioEntry, ...] = Field(
        min_length=1,
        max_length=10_000,
        description="What each track does from when on, in order. Before its first entry a track is clear.",
    )
    loop: bool = Field(default=False, description="Begin anew at the end rather than stay with the last entry.")
    length: float | None = Field(
        default=None,
        gt=0,
        le=86400,
        description=f"Seconds until `loop` begins anew. Default: {LAST_ENTRY_SECONDS:g} after the last entry.",
    )
    delay: float = Field(default=0.05, ge=0, le=60, description="Seconds from a sample to its verdict.")
    answer_timeout: float = Field(
        default=15.0, gt=0, le=300, description="Seconds until a sample that meets silence expires."
    )

    @field_validator("timeline")
    @classmethod
    def _in_order_and_said_once(cls, timeline: tuple[ScenarioEntry, ...]) -> tuple[ScenarioEntry, ...]:
        said: set[Source] = set()
        for number, entry in enumerate(timeline[1:], start=2):
            before = timeline[number - 2]
            if entry.at < before.at:
                raise ValueError(f"entry {number} is earlier than entry {number - 1}; put the entries in order of `at`")
            said = (said | set(before.behaviours())) if entry.at == before.at else set()
            if twice := said & set(entry.behaviours()):
                track = min(source.value for source in twice)
                raise ValueError(f"entry {number} says a second time what `{track}` does at that moment; keep one")
        return timeline

    @model_validator(mode="after")
    def _length_fits(self) -> ScenarioConfig:
        if self.length is not None:
            if not self.loop:
                raise ValueError("`length` is the length of a loop; say `loop: true` too, or leave it out")
            if self.length <= self.timeline[-1].at:
                raise ValueError("`length` must be greater than the `at` of the last entry")
        return self


__all__ = ["LAST_ENTRY_SECONDS", "SCORED", "Behaviour", "ScenarioConfig", "ScenarioEntry"]
