"""The tracks of a participant, as the guard follows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from deepguard.config.models import AudioParams, VideoParams
from deepguard.guard.coverage import TrackFacts
from deepguard.guard.ledger import SampleLedger
from deepguard.media.audio import AudioCutter
from deepguard.media.look import Lookout
from deepguard.media.picture import Picture
from deepguard.media.sampler import VideoSampler
from deepguard.model import BlindReason, Coverage, Level, Source
from deepguard.policy.blindness import Blindness

STARTING = Coverage(BlindReason.STARTING)


def _nobody_asks() -> None:
    pass


class Track:
    """One camera, microphone or screen of one participant.

    Attributes:
        source: Camera, microphone or screen.
        track_id: The transport's id of the track; changes when the participant reconnects, the rest stays.
        facts: What coverage is judged by.
        ledger: The samples taken from it.
        level: Its level.
        coverage: Its coverage.
        disagreement: What its detectors say where they differ; empty while they agree.
        blindness: How long it has been blind, and whether notifiers were told.
        on_schedule: Called when it is to be sampled at another rate from now on, or all over.
    """

    def __init__(self, source: Source, track_id: str, now: float) -> None:
        """Begin to follow a track.

        Args:
            source: Camera, microphone or screen.
            track_id: The transport's id.
            now: Monotonic seconds.
        """
        self.source = source
        self.track_id = track_id
        self.facts = TrackFacts(source, since=now)
        self.ledger = SampleLedger()
        self.level = Level.CLEAR
        self.disagreement = ""
        self.coverage = STARTING
        self.blindness = Blindness()
        self.on_schedule: Callable[[], None] = _nobody_asks

    def start_over(self, track_id: str, now: float) -> None:
        """Follow another track in its place: the participant connected anew. Its level stays, its coverage does not.

        Args:
            track_id: The transport's id.
            now: Monotonic seconds.
        """
        self.track_id = track_id
        self.facts.start_over(now)
        self.on_schedule()

    def set_burst(self, burst: bool) -> None:
        """Sample at the burst rate, or at the normal one."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class PendingPicture:
    """A due frame on its way to the encoder.

    Attributes:
        sample_id: The id that the sample will have.
        picture: The frame.
        captured_at: When it was captured.
        offered_at: The same, in monotonic seconds.
    """

    sample_id: str
    picture: Picture
    captured_at: float
    offered_at: float


class PictureTrack(Track):
    """A camera or a screen.

    Attributes:
        sampler: Decides which frame is due.
        params: How pictures are sampled and encoded.
        lookout: Measures whether they are black or frozen.
        encoding: Whether a picture is being encoded now.
        pending: The newest due frame that waits for the encoder.
    """

    def __init__(self, source: Source, track_id: str, now: float, params: VideoParams) -> None:
        """Begin to follow a picture track."""
        super().__init__(source, track_id, now)
        self.params = params
        self.sampler = VideoSampler(params)
        self.lookout = Lookout()
        self.encoding = False
        self.pending: PendingPicture | None = None
        self.facts.sample_period = self.sampler.period

    def start_over(self, track_id: str, now: float) -> None:
        """Follow another track in its place; its first picture is due at once."""
        self.lookout = Lookout()
        burst = self.sampler.burst
        self.sampler = VideoSampler(self.params)
        self.set_burst(burst)
        super().start_over(track_id, now)

    def set_burst(self, burst: bool) -> None:
        """Sample at ``burst_fps``, or at ``normal_fps``."""
        self.sampler.burst = burst
        self.facts.sample_period = self.sampler.period
        self.on_schedule()

    def update(self, params: VideoParams) -> None:
        """Sample by other parameters from now on."""
        self.params = params
        self.sampler.update(params)
        self.facts.sample_period = self.sampler.period
        self.on_schedule()


class SoundTrack(Track):
    """A microphone.

    Attributes:
        cutter: Cuts speech into chunks.
    """

    def __init__(self, source: Source, track_id: str, now: float, params: AudioParams) -> None:
        """Begin to follow a microphone."""
        super().__init__(source, track_id, now)
        self.cutter = AudioCutter(params)

    def start_over(self, track_id: str, now: float) -> None:
        """Follow another track in its place; what was being said on the last one does not go on."""
        self.cutter.reset()
        super().start_over(track_id, now)

    def set_burst(self, burst: bool) -> None:
        """Sample every ``burst_interval`` seconds of speech, or every ``interval``."""
        self.cutter.burst = burst
        self.on_schedule()

    def update(self, params: AudioParams) -> None:
        """Sample by other parameters from now on."""
        self.cutter.update(params)
        self.on_schedule()


@dataclass(slots=True)
class Participant:
    """A participant, as the guard follows them.

    Attributes:
        id: Untrusted text.
        level: The highest level, as the policy says.
        tracks: By source.
    """

    id: str
    level: Level = Level.CLEAR
    tracks: dict[Source, Track] = field(default_factory=dict)

    @property
    def covered(self) -> bool:
        """Whether any of their tracks is being watched."""
        return any(track.coverage.covered for track in self.tracks.values())
