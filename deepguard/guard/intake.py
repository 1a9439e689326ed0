"""A call's media on its way to the detector: sampled, encoded off the event loop, cut, and submitted."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from loguru import logger

from deepguard.config.models import VideoParams
from deepguard.contracts import Detector
from deepguard.errors import MediaError
from deepguard.guard.evidence import Evidence
from deepguard.guard.live import LiveStream
from deepguard.guard.roster import Roster
from deepguard.guard.threads import encoder_threads
from deepguard.guard.track import PendingPicture, PictureTrack, SoundTrack, Track
from deepguard.guard.watch import Watch
from deepguard.media.audio import AudioChunk
from deepguard.media.encode import EncodedPicture
from deepguard.media.look import Lookout
from deepguard.media.picture import Picture, RawPicture
from deepguard.model import Sample, SampleFormat, SampleOutcome, Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TrackId: TypeAlias = str | Callable[[], str]
"""A transport's track id, or how to learn it when a track is first seen."""


class Intake:
    """Takes a call's media in. Every method is synchronous and never blocks.

    Attributes:
        is_open: Whether media is taken; before the guard's start and after its stop it is not.
        unusable_audio: Pieces of audio whose rate or number of channels makes no sense.
        encoding: Running tasks that encode.
    """

    def __init__(
        self,
        call_id: str,
        detector: Detector,
        roster: Roster,
        watch: Watch,
        live: LiveStream,
        evidence: Evidence,
    ) -> None:
        """Take media in for a call.

        Args:
            call_id: The call.
            detector: Who judges.
            roster: The call's tracks.
            watch: Decides their coverage.
            live: The call's live stream.
            evidence: Notes the pictures that go to the detector.
        """
        self.is_open = False
        self.unusable_audio = 0
        self.encoding: set[asyncio.Task[None]] = set()
        self._call_id = call_id
        self._detector = detector
        self._roster = roster
        self._watch = watch
        self._live = live
        self._evidence = evidence

    def expect(self, participant_id: str, source: Source, track_id: TrackId) -> Track | None:
        """Follow a track from now on, also if nothing ever arrives on it; anew when it was followed before.

        Args:
            participant_id: Untrusted text.
            source: Camera, microphone or screen.
            track_id: The transport's id of the track.

        Returns:
            The track; None when the call has too many participants or is over.
        """
        if not self.is_open:
            return None
        followed = self._roster.follow(participant_id, source, track_id if isinstance(track_id, str) else track_id())
        if followed is None:
            return None
        participant, track, is_new = followed
        self._watch.review(participant, track, time.monotonic())
        if is_new:
            self._live.publish(self._live.snapshot(), keep=False)
        return track

    def set_enabled(self, participant_id: str, source: Source, enabled: bool) -> None:
        """Note that a participant turned a track on or off."""
        track = self._roster.track(participant_id, source)
        if track is not None:
            track.facts.enabled = enabled
            self._watch.review(self._roster.participants[participant_id], track, time.monotonic())

    def offer_picture(
        self,
        participant_id: str,
        source: Source,
        image: bytes,
        size: tuple[int, int],
        mode: str,
        track_id: TrackId,
    ) -> bool:
        """Offer a raw frame. One that is not due costs next to nothing; a due one is encoded off the event loop.

        Args:
            participant_id: Untrusted text.
            source: Camera or screen.
            image: Raw pixels, ``width * height * channels`` bytes; must not be changed afterwards.
            size: Width and height in pixels.
            mode: Pixel format, for example ``RGB``.
            track_id: The transport's id of the track.

        Returns:
            Whether it was due.
        """
        track = self._roster.pictures.get((participant_id, source))
        if track is None:
            if self.expect(participant_id, source, track_id) is None:
                return False
            track = self._roster.pictures[participant_id, source]
        now = time.monotonic()
        track.facts.last_media = now
        if not self.is_open or not track.sampler.due(now):
            return False
        self._take_picture(participant_id, track, RawPicture(image, size, mode), now, time.time())
        return True

    def offer_due(self, participant_id: str, track: PictureTrack, picture: Picture, captured_at: float) -> bool:
        """Offer a picture that was got because one is due; it is encoded off the event loop.

        Args:
            participant_id: Whose track, as ``expect`` took it.
            track: The track, as ``expect`` gave it.
            picture: The picture.
            captured_at: When it came (Unix).

        Returns:
            Whether one was due.
        """
        now = time.monotonic()
        track.facts.last_media = now
        if not self.is_open or not track.sampler.due(now):
            return False
        self._take_picture(participant_id, track, picture, now, captured_at)
        return True

    async def take_due(
        self, participant_id: str, track: PictureTrack, read: Callable[[], Picture], captured_at: float
    ) -> tuple[int, int] | None:
        """Read a picture that was got because one is due, and take it: one piece of work off the event loop.

        Args:
            participant_id: Whose track, as ``expect`` took it.
            track: The track, as ``expect`` gave it.
            read: Gives the picture; called in another thread.
            captured_at: When it came (Unix).

        Returns:
            The picture's width and height; None when none was due any more.

        Raises:
            MediaError: The picture cannot be read or encoded: one is still due.
        """
        lookout = track.lookout
        try:
            found, thumbnail, encoded = await asyncio.get_running_loop().run_in_executor(
                encoder_threads(), _read_and_encode, read, track.params
            )
        except MediaError:
            raise
        except Exception as error:  # one bad frame must not end the sampling of a track
            raise MediaError(f"a picture could not be encoded: {error!r}") from error
        now = time.monotonic()
        track.facts.last_media = now
        if not self.is_open or not track.sampler.due(now):
            return None
        picture = PendingPicture(_new_sample_id(), found, captured_at, now)
        self._take(participant_id, track, picture.sample_id, now, captured_at)
        self._submit_picture(participant_id, track, picture, lookout, thumbnail, encoded)
        return found.size

    def _take_picture(
        self, participant_id: str, track: PictureTrack, found: Picture, now: float, captured_at: float
    ) -> None:
        picture = PendingPicture(_new_sample_id(), found, captured_at, now)
        self._take(participant_id, track, picture.sample_id, now, picture.captured_at)
        if not track.encoding:
            track.encoding = True
            task = asyncio.create_task(self._encode(participant_id, track, picture))
            self.encoding.add(task)
            task.add_done_callback(self.encoding.discard)
        else:
            if track.pending is not None:
                self._drop(participant_id, track, track.pending.sample_id, "a newer picture took its place")
            track.pending = picture

    def offer_audio(
        self,
        participant_id: str,
        pcm: bytes,
        sample_rate: int,
        channels: int,
        track_id: TrackId,
        *,
        at: float | None = None,
    ) -> None:
        """Offer audio; it is kept only while somebody speaks and a sample may be due.

        Args:
            participant_id: Untrusted text.
            pcm: Signed 16-bit little-endian samples, interleaved.
            sample_rate: Hz.
            channels: 1 or 2.
            track_id: The transport's id of the track.
            at: When its first sample was captured (Unix). None: its last one just now.
        """
        track = self._microphone(participant_id, track_id)
        if track is None or not self.is_open:
            return
        track.facts.last_media = time.monotonic()
        try:
            if at is None:
                at = time.time() - len(pcm) / (2 * channels * sample_rate)
            chunks = track.cutter.feed(pcm, sample_rate, channels, at)
        except (MediaError, ZeroDivisionError) as error:
            self.unusable_audio += 1
            if self.unusable_audio == 1:
                logger.warning("Audio of call {} cannot be used: {}", self._call_id, error)
            return
        self._submit_chunks(participant_id, track, chunks)

    def speech_started(self, participant_id: str, track_id: TrackId, *, at: float | None = None) -> None:
        """Note that a participant began to speak.

        Args:
            participant_id: Untrusted text.
            track_id: The transport's id of the track.
            at: When it was noticed, on the clock of ``offer_audio``. None: now.
        """
        track = self._microphone(participant_id, track_id)
        if track is not None:
            track.facts.heard_speech = True
            track.cutter.speech_started(time.time() if at is None else at)

    def speech_stopped(self, participant_id: str, *, at: float | None = None) -> None:
        """Note that a participant stopped speaking: the tail of the utterance is cut.

        Args:
            participant_id: Untrusted text.
            at: When it was noticed, on the clock of ``offer_audio``. None: now.
        """
        track = self._roster.microphone(participant_id)
        if track is not None:
            self._submit_chunks(participant_id, track, track.cutter.speech_stopped(time.time() if at is None else at))

    def _microphone(self, participant_id: str, track_id: TrackId) -> SoundTrack | None:
        track = self._roster.microphone(participant_id)
        if track is None and self.expect(participant_id, Source.MICROPHONE, track_id) is not None:
            track = self._roster.microphone(participant_id)
        return track

    async def _encode(self, participant_id: str, track: PictureTrack, picture: PendingPicture) -> None:
        loop = asyncio.get_running_loop()
        try:
            following: PendingPicture | None = picture
            while following is not None:
                picture = following
                lookout = track.lookout
                try:
                    thumbnail, encoded = await loop.run_in_executor(
                        encoder_threads(), _encode, picture.picture, track.params
                    )
                except Exception as error:  # noqa: BLE001 - one bad frame must not end the sampling of a track
                    logger.warning("A frame could not be encoded: {}", error)
                    self._drop(participant_id, track, picture.sample_id, "it could not be encoded")
                else:
                    self._submit_picture(participant_id, track, picture, lookout, thumbnail, encoded)
                following, track.pending = track.pending, None
        finally:
            track.encoding = False

    def _submit_picture(
        self,
        participant_id: str,
        track: PictureTrack,
        picture: PendingPicture,
        lookout: Lookout,
        thumbnail: NDArray[np.uint8],
        encoded: EncodedPicture,
    ) -> None:
        # What was another track's says nothing of this one.
        if lookout is track.lookout:
            # Before the sample: its verdict may come at once.
            look = lookout.see(thumbnail, picture.offered_at)
            self._watch.note_look(participant_id, track, look, picture.captured_at)
        sample = Sample(
            id=picture.sample_id,
            call_id=self._call_id,
            participant_id=participant_id,
            track_id=track.track_id,
            source=track.source,
            format=encoded.format,
            data=encoded.data,
            captured_at=picture.captured_at,
            width=encoded.width,
            height=encoded.height,
        )
        self._submit(track, sample)

    def _submit_chunks(self, participant_id: str, track: SoundTrack, chunks: list[AudioChunk]) -> None:
        for chunk in chunks:
            sample = Sample(
                id=_new_sample_id(),
                call_id=self._call_id,
                participant_id=participant_id,
                track_id=track.track_id,
                source=track.source,
                format=SampleFormat.PCM,
                data=chunk.data,
                captured_at=chunk.captured_at,
            )
            self._take(participant_id, track, sample.id, time.monotonic(), sample.captured_at)
            self._submit(track, sample)

    def _take(self, participant_id: str, track: Track, sample_id: str, now: float, captured_at: float) -> None:
        track.ledger.take(sample_id, now, captured_at=captured_at, track_id=track.track_id)
        track.facts.note_taken(now)
        self._roster.recounted(participant_id, track)

    def _drop(self, participant_id: str, track: Track, sample_id: str, reason: str) -> None:
        track.ledger.end(sample_id, SampleOutcome.DROPPED, reason)
        self._roster.recounted(participant_id, track)

    def _submit(self, track: Track, sample: Sample) -> None:
        track.ledger.encoded(sample)
        reason = "the call was ending"
        if sample.format not in self._detector.formats:
            reason = f"the detector does not take {sample.format}"
        elif self.is_open:
            self._evidence.take(sample)
            try:
                self._detector.submit(sample)
            except Exception:  # noqa: BLE001 - a plugin's detector may raise anything; the call goes on
                logger.opt(exception=True).error("The detector {} failed on a sample", self._detector.name)
                reason = "the detector failed on it"
            else:
                return
        self._drop(sample.participant_id, track, sample.id, reason)


def _read_and_encode(
    read: Callable[[], Picture], params: VideoParams
) -> tuple[Picture, NDArray[np.uint8], EncodedPicture]:
    picture = read()
    return picture, *_encode(picture, params)


def _encode(picture: Picture, params: VideoParams) -> tuple[NDArray[np.uint8], EncodedPicture]:
    return picture.thumbnail(), picture.encode(params)


def _new_sample_id() -> str:
    return uuid.uuid4().hex
