"""The participants of a call and their tracks, and how all of them are sampled."""

from __future__ import annotations

import time
from collections.abc import Iterator

from deepguard.config.models import AudioParams, VideoParams
from deepguard.guard.track import Participant, PictureTrack, SoundTrack, Track
from deepguard.model import Level, SampleEnded, SampleRecord, Source

MAX_PARTICIPANTS = 32


class Roster:
    """Who is in a call.

    Attributes:
        participants: By id, in the order in which they came.
        pictures: Cameras and screens, by participant and source: one look-up for each frame that arrives.
        video: How cameras are sampled now.
        audio: How microphones are sampled now.
        refused: Tracks of more participants than a call may have.
    """

    def __init__(self, video: VideoParams, audio: AudioParams) -> None:
        """Start empty.

        Args:
            video: How cameras are sampled.
            audio: How microphones are sampled.
        """
        self.participants: dict[str, Participant] = {}
        self.pictures: dict[tuple[str, Source], PictureTrack] = {}
        self.video = video
        self.audio = audio
        self.refused = 0
        self._recounted: dict[tuple[str, Source], Track] = {}

    def __iter__(self) -> Iterator[tuple[Participant, Track]]:
        """Every track, with whose it is."""
        for participant in self.participants.values():
            for track in participant.tracks.values():
                yield participant, track

    @property
    def burst(self) -> bool:
        """Whether anybody is above CLEAR."""
        return any(participant.level > Level.CLEAR for participant in self.participants.values())

    def track(self, participant_id: str, source: Source) -> Track | None:
        """A participant's track, if it is followed."""
        participant = self.participants.get(participant_id)
        return participant.tracks.get(source) if participant else None

    def microphone(self, participant_id: str) -> SoundTrack | None:
        """A participant's microphone, if it is followed."""
        track = self.track(participant_id, Source.MICROPHONE)
        return track if isinstance(track, SoundTrack) else None

    def follow(self, participant_id: str, source: Source, track_id: str) -> tuple[Participant, Track, bool] | None:
        """Follow a track from now on; anew when it was followed before.

        Args:
            participant_id: Untrusted text.
            source: Camera, microphone or screen.
            track_id: The transport's id of the track.

        Returns:
            Whose it is, the track, and whether it is a new one; None when there are too many participants.
        """
        participant = self.participants.get(participant_id)
        if participant is None:
            if len(self.participants) >= MAX_PARTICIPANTS:
                self.refused += 1
                return None
            participant = self.participants[participant_id] = Participant(participant_id)
        now = time.monotonic()
        track = participant.tracks.get(source)
        if track is not None:
            track.start_over(track_id, now)
            return participant, track, False
        if source.is_audio:
            track = SoundTrack(source, track_id, now, self.audio)
        else:
            track = self.pictures[participant_id, source] = PictureTrack(source, track_id, now, self.video)
        participant.tracks[source] = track
        track.set_burst(participant.level > Level.CLEAR)
        return participant, track, True

    def update(self, video: VideoParams, audio: AudioParams) -> None:
        """Sample everything by other parameters from now on."""
        self.video, self.audio = video, audio
        for _, track in self:
            if isinstance(track, PictureTrack):
                track.update(video)
            elif isinstance(track, SoundTrack):
                track.update(audio)

    def end_sample(self, ended: SampleEnded) -> Track | None:
        """End a sample on the track that it was taken from.

        Returns:
            The track; None when no track has this sample open.
        """
        for participant, track in self:
            if track.ledger.end(ended.sample_id, ended.outcome, ended.reason):
                self.recounted(participant.id, track)
                return track
        return None

    def take_ended_samples(self) -> tuple[SampleRecord, ...]:
        """The samples that ended since the last call of this, in the order in which they did."""
        ended: list[SampleRecord] = []
        for participant, track in self:
            ended += track.ledger.take_ended(participant.id, track.source)
        return tuple(sorted(ended, key=lambda sample: sample.ended_at))

    def recounted(self, participant_id: str, track: Track) -> None:
        """Note that the counts of a track's samples changed."""
        self._recounted[participant_id, track.source] = track

    def take_recounted(self) -> dict[tuple[str, Source], Track]:
        """The tracks whose counts changed since the last call of this."""
        recounted, self._recounted = self._recounted, {}
        return recounted
