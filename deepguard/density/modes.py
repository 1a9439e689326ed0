"""What callers do and what a detector says of them, in each of the modes that are measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deepguard.config.models import AudioParams, VideoParams
from deepguard.model import Judgement, Source


@dataclass(frozen=True, slots=True)
class Mode:
    """One mode.

    Attributes:
        name: What it is called.
        text: For people: what goes on in it.
        speaks: Whether callers speak, all the time; else they send silence.
        judgement: What the detector says of each sample.
        audio: How the microphone is sampled.
        video: How the camera is sampled.
    """

    name: str
    text: str
    speaks: bool = True
    judgement: Judgement = Judgement.CLEAR
    audio: AudioParams = field(default_factory=AudioParams)
    video: VideoParams = field(default_factory=VideoParams)

    @property
    def fps(self) -> float:
        """Pictures a second that are taken of each camera."""
        return self.video.burst_fps if self.judgement is Judgement.SUSPICIOUS else self.video.normal_fps

    @property
    def interval(self) -> float:
        """Seconds that the configuration lets pass from one audio sample to the next."""
        return self.audio.burst_interval if self.judgement is Judgement.SUSPICIOUS else self.audio.interval

    def periods(self) -> Mapping[Source, float]:
        """Seconds from one sample of a track to the next; tracks that give none are left out."""
        length = self.audio.sample_size / self.audio.sample_rate
        heard = {Source.MICROPHONE: max(length, self.interval)} if self.speaks else {}
        return {Source.CAMERA: 1 / self.fps, **heard}


MODES: Mapping[str, Mode] = {
    mode.name: mode
    for mode in (
        Mode("clear", "callers speak all the time, the detector finds nothing"),
        Mode("silent", "callers are silent, and go on sending sound", speaks=False),
        Mode("suspicious", "callers speak, the detector is suspicious all the time", judgement=Judgement.SUSPICIOUS),
        Mode("always", "callers speak, all of it is judged", audio=AudioParams(interval=0, burst_interval=0)),
    )
}
"""Every mode, in the order in which they are measured."""


__all__ = ["MODES", "Mode"]
