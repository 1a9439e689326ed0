"""The section ``coverage``: when a track counts as blind, and when that is told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepguard.config.section import Section
from deepguard.model import BlindReason

NotifyAfter = Annotated[float, Field(ge=0, le=3600)] | Literal["off"]


class CoverageNotify(Section):
    """Seconds that a track must have been blind for this reason until notifiers are told; off: they are not."""

    starting: NotifyAfter | None = Field(default=None, description="Nothing has been judged yet.")
    no_media: NotifyAfter | None = Field(default=None, description="Turned off, or nothing arrives.")
    no_speech: NotifyAfter | None = Field(default="off", description="Nobody has spoken yet.")
    black_picture: NotifyAfter | None = Field(default=None, description="The picture is black.")
    frozen_picture: NotifyAfter | None = Field(default=None, description="The picture does not move.")
    no_face: NotifyAfter | None = Field(default=None, description="The detector finds no face.")
    detector_down: NotifyAfter | None = Field(default=None, description="The detector cannot be reached.")
    no_answer: NotifyAfter | None = Field(default=None, description="No verdict came within answer_timeout.")
    samples_expired: NotifyAfter | None = Field(default=None, description="The last sample expired.")
    detector_error: NotifyAfter | None = Field(default=None, description="The detector reports an error.")
    not_assessed: NotifyAfter | None = Field(default=None, description="The detector does not assess deepfakes.")


class CoverageParams(Section):
    """When a track counts as blind, and when that is told."""

    media_timeout: float = Field(
        default=3.0, gt=0, le=300, description="Seconds without a frame until the camera counts as off."
    )
    answer_timeout: float = Field(
        default=15.0,
        gt=0,
        le=300,
        description="Seconds that a sample waits for its verdict; also the silence that makes a track blind.",
    )
    black_after: float = Field(
        default=0.0, ge=0, le=3600, description="Seconds that the picture must be black to count as black."
    )
    frozen_after: float = Field(
        default=1.5,
        ge=0.5,
        le=3600,
        description="Seconds, and three samples, that the picture must be the same to count as frozen.",
    )
    notify_after: float = Field(default=10.0, ge=0, le=3600, description="Seconds blind until notifiers are told.")
    notify: CoverageNotify = Field(
        default=CoverageNotify(),
        description="The same for single reasons, for example no_face: 30; off: not told. Default: no_speech: off.",
    )

    def notify_seconds(self, reason: BlindReason) -> float | None:
        """Seconds blind for a reason until notifiers are told; None when they are not."""
        own: float | Literal["off"] | None = getattr(self.notify, reason.value)
        if own is None:
            return self.notify_after
        return None if own == "off" else own


__all__ = ["CoverageNotify", "CoverageParams"]
