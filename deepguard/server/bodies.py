"""What clients send. The shapes are those of Pipecat's own clients; unknown keys are left alone for that reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from deepguard.config.models import AudioParams, VideoParams
from deepguard.text import one_line

MAX_CANDIDATES = 64
MAX_SDP = 64 * 1024
MAX_PROBLEMS = 20


class Start(BaseModel):
    """``POST /start``."""

    model_config = ConfigDict(extra="ignore")

    body: dict[str, Any] = Field(default_factory=dict)


class Offer(BaseModel):
    """``POST /api/offer``."""

    model_config = ConfigDict(extra="ignore")

    sdp: Annotated[str, Field(min_length=1, max_length=MAX_SDP)]
    type: Annotated[str, Field(pattern="^offer$")]
    pc_id: Annotated[str, Field(max_length=200)] | None = None
    restart_pc: bool | None = None
    request_data: dict[str, Any] | None = Field(
        default=None, validation_alias=AliasChoices("request_data", "requestData")
    )


class Candidate(BaseModel):
    """One ICE candidate; an empty one says that there are no more."""

    model_config = ConfigDict(extra="ignore")

    candidate: Annotated[str, Field(max_length=2000)]
    sdp_mid: Annotated[str, Field(max_length=64)]
    sdp_mline_index: Annotated[int, Field(ge=0, le=64)]


class Candidates(BaseModel):
    """``PATCH /api/offer``."""

    model_config = ConfigDict(extra="ignore")

    pc_id: Annotated[str, Field(max_length=200)]
    candidates: Annotated[list[Candidate], Field(max_length=MAX_CANDIDATES)]


class VideoChange(BaseModel):
    """Video parameters to change."""

    model_config = ConfigDict(extra="forbid")

    burst_fps: float | None = None
    normal_fps: float | None = None
    quality: int | None = None


class AudioChange(BaseModel):
    """Audio parameters to change."""

    model_config = ConfigDict(extra="forbid")

    interval: float | None = None
    burst_interval: float | None = None


class SamplingChange(BaseModel):
    """``PATCH /sessions/{id}/sampling``."""

    model_config = ConfigDict(extra="forbid")

    video: VideoChange = VideoChange()
    audio: AudioChange = AudioChange()

    def apply(self, video: VideoParams, audio: AudioParams) -> tuple[VideoParams, AudioParams]:
        """The parameters with the changes made.

        Args:
            video: The parameters until now.
            audio: The parameters until now.

        Raises:
            pydantic.ValidationError: A value is out of its range; places begin with ``video`` or ``audio``.
        """
        both = _Sampling.model_validate(
            {
                "video": {**video.model_dump(), **self.video.model_dump(exclude_none=True)},
                "audio": {**audio.model_dump(), **self.audio.model_dump(exclude_none=True)},
            }
        )
        return both.video, both.audio


class LabelChange(BaseModel):
    """``POST /sessions/{id}/incidents/{id}/label``."""

    model_config = ConfigDict(extra="ignore")

    label: Literal["false-positive", "confirmed"]


class _Sampling(BaseModel):
    video: VideoParams
    audio: AudioParams


def problems(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What pydantic found wrong with a body, without the body itself; the first few.

    Args:
        errors: As pydantic lists them.
    """
    return [
        {
            "loc": [part if isinstance(part, int) else one_line(str(part)) for part in one["loc"]],
            "msg": one_line(str(one["msg"])),
        }
        for one in errors[:MAX_PROBLEMS]
    ]
