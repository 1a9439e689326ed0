"""Takes pictures from one video track, and decodes no more of it than they need.

Between two samples nothing is let through. Shortly before one is due, the gate is opened and the sender is asked for a
keyframe; that one and the frames which make it good are decoded, and the last of them is the sample.
"""

from __future__ import annotations

import time
from concurrent.futures import Future

from aiortc import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from loguru import logger

from deepguard.errors import MediaError
from deepguard.guard.intake import Intake
from deepguard.guard.threads import encoder_threads
from deepguard.guard.track import PictureTrack
from deepguard.pipeline.receive.clip import Clip
from deepguard.pipeline.receive.counts import Fallback, ReceiveCounts
from deepguard.pipeline.receive.frames import EncodedFrame
from deepguard.pipeline.receive.gate import Gate
from deepguard.pipeline.receive.internals import Receiver
from deepguard.pipeline.receive.keyframes import CODECS, is_keyframe
from deepguard.pipeline.receive.news import News
from deepguard.pipeline.receive.offering import offer
from deepguard.pipeline.receive.settling import MOST, Pace
from deepguard.pipeline.receive.stream_decoder import StreamDecoder

REPEAT_SECONDS = 0.35
"""A request that brought nothing for so long is repeated, then after twice as long, and so on. Chromium takes no notice
of one that comes less than 0.3 seconds after another."""

MOST_REPEAT_SECONDS = 2.4
"""The longest time between two of them."""

REQUESTS = 4
"""How often a sender is asked before it is taken to ignore it: for some 4.9 seconds in all."""

FRAMES = 10
"""So many other frames have to come meanwhile: what comes broken, or not at all, was perhaps lost on the way."""

REST_SECONDS = 10.0
"""So far apart are requests to a sender that ignored them all, while its track waits for any keyframe."""

RETRY_SECONDS = 60.0
"""After so long a sender that ignored requests is tried again, and a stream whose keyframes are not worth it."""

LATE_SECONDS = 0.3
"""A picture that is due waits no longer for frames that would make it better."""

AHEAD_FRAMES = 6
"""Frames of a clip that are decoded at once before its picture is wanted."""

ANSWER_SECONDS = 1.0
"""So soon the answer to a request is expected from a sender that is tried again."""

MOST_HELD_SECONDS = 20.0
"""What holds up every frame is given up after so long at most; sooner at first, in case that it was lost."""

_WHY = {
    Fallback.CONFIGURED: "the configuration asks for it",
    Fallback.CODEC: "nobody can tell this codec's keyframes from other frames",
    Fallback.IGNORED: "the sender answers no request for a keyframe",
    Fallback.RATE: "samples are due too often for a keyframe each",
}


class IgnoredError(Exception):
    """The sender answered no request for a keyframe."""


class Camera:
    """Takes pictures from one video track.

    Attributes:
        fallback: Why all of it is decoded now; None while only samples are.
    """

    def __init__(
        self,
        participant_id: str,
        track: PictureTrack,
        intake: Intake,
        gate: Gate,
        receiver: Receiver,
        *,
        counts: ReceiveCounts,
        decode_all: bool,
    ) -> None:
        """Prepare; ``run`` begins.

        Args:
            participant_id: Whose track.
            track: The track, as the guard follows it.
            intake: Where pictures go.
            gate: Lets its packets through.
            receiver: Where its frames come from.
            counts: What is counted.
            decode_all: Whether all of it is to be decoded, whatever it costs.
        """
        self.fallback: Fallback | None = None
        self._participant_id = participant_id
        self._track = track
        self._intake = intake
        self._gate = gate
        self._receiver = receiver
        self._counts = counts
        self._decode_all = decode_all
        self._pace = Pace()
        self._clip = Clip()
        self._ahead: Future[None] = Future()
        self._ahead.set_result(None)
        self._frames = self._keyframes = self._failures = 0
        self._settling = False
        self._decoder = StreamDecoder(receiver)
        self._measuring_since: float | None = None
        self._answered = 0.0
        self._codec: RTCRtpCodecParameters | None = None
        self._news = News()
        receiver.tap(self._take, self._news.end)
        track.on_schedule = self._news.tell

    async def run(self) -> None:
        """Take pictures until the track ends."""
        try:
            if self._decode_all:
                await self._decode(Fallback.CONFIGURED)
            await self._prove()
            while True:
                if not self._pace.carries(self._track.sampler.period):
                    await self._decode(Fallback.RATE)
                try:
                    await self._sample()
                except IgnoredError:
                    await self._decode(Fallback.IGNORED)
        except MediaStreamError:
            return

    # -- samples from keyframes ----------------------------------------------------------------------------------

    async def _prove(self) -> None:
        """Take the first picture, and see whether the sender answers before everything else is let go."""
        self._gate.open()
        try:
            await self._keyframe()
            await self._hand_over(await self._settled())
            await self._keyframe()
        except IgnoredError:
            await self._decode(Fallback.IGNORED)
        if self._pace.carries(self._track.sampler.period):
            self._close()  # otherwise all that comes from now on is decoded, and this keyframe is what it begins with

    async def _sample(self) -> None:
        while (early := self._track.sampler.due_at - self._pace.lead - time.monotonic()) > 0:
            await self._news.wait(early)
            if not self._pace.carries(self._track.sampler.period):
                return
        self._gate.open()
        await self._keyframe()
        clip = await self._settled()
        self._close()
        await self._hand_over(clip)

    def _close(self) -> None:
        self._gate.close()
        self._clip = Clip()
        self._receiver.forget_decoded()

    async def _keyframe(self) -> None:
        """Ask for a keyframe until one comes.

        Raises:
            IgnoredError: None did, though other packets did.
        """
        before, began = self._keyframes, time.monotonic()
        patience, held_since = REPEAT_SECONDS, began
        pause, asked, other_frames = REPEAT_SECONDS, 0, self._frames
        while self._keyframes == before:
            if self._codec is not None and self._codec.name not in CODECS:
                await self._decode(Fallback.CODEC)
            if self._gate.ssrc is None or self._gate.last_seen < time.monotonic() - 2 * pause:
                # Nothing comes at all: a camera that is off ignores nobody.
                # But a screen that stands still may be sent only to who asks for it.
                await self._ask()
                while not await self._gate.seen(REST_SECONDS):
                    self._news.check()
                    await self._ask()
                began, pause, asked, other_frames = time.monotonic(), REPEAT_SECONDS, 0, self._frames
            if asked >= REQUESTS and self._frames - other_frames >= FRAMES:
                self._counts.keyframes_ignored += 1
                raise IgnoredError
            asked += 1
            await self._ask()
            frames, until = self._frames, time.monotonic() + pause
            while self._keyframes == before and (left := until - time.monotonic()) > 0:
                await self._news.wait(left)
            now = time.monotonic()
            if self._frames != frames:
                held_since = now
            elif self._keyframes == before and now >= held_since + patience:
                # Not one frame: the first one waits for a packet that will not come, and all others for that one. Or
                # it takes so long to arrive: that is why there is more time for it the next time.
                patience, held_since = min(2 * patience, MOST_HELD_SECONDS), now
                self._clip = Clip()
                self._gate.resume()
            pause = min(2 * pause, MOST_REPEAT_SECONDS)
        self._counts.keyframes_came += 1
        self._pace.note_answer(time.monotonic() - began)

    async def _ask(self) -> None:
        if self._gate.ssrc is not None:
            self._counts.keyframes_asked += 1
            await self._receiver.ask_for_keyframe(self._gate.ssrc)

    async def _settled(self) -> Clip:
        """Wait until a picture is due, and the one that there is as good as the stream's are."""
        sampler = self._track.sampler
        latest = max(time.monotonic(), sampler.due_at) + LATE_SECONDS
        self._settling = True
        try:
            while (now := time.monotonic()) < latest and not self._is_good():
                await self._news.wait((latest if now >= sampler.due_at else sampler.due_at) - now)
        finally:
            self._settling = False
        clip = self._clip.so_far()
        self._pace.note_frames(clip.codec, clip.sizes, clip.seconds)
        return clip

    def _is_good(self) -> bool:
        """Whether a picture is due, and the one that there is as good as the stream's are."""
        if time.monotonic() < self._track.sampler.due_at:
            return False
        return self._pace.settled(self._clip.codec, self._clip.sizes)

    def _read_ahead(self, clip: Clip) -> None:
        """Have a part of a clip decoded where pictures wait for each other: only the last frames are left then.

        Otherwise a clip takes less time when all of it is decoded at once.
        """
        threads = encoder_threads()
        # One piece of work at a time: the threads are all calls', and a sender may send what takes long.
        if (
            len(clip.frames) >= clip.ahead + AHEAD_FRAMES
            and time.monotonic() < threads.crowded_until
            and self._ahead.done()
        ):
            clip.ahead = len(clip.frames)
            self._ahead = threads.submit(clip.so_far().read_ahead)

    async def _hand_over(self, clip: Clip) -> None:
        due_at, came = self._track.sampler.due_at, time.time()
        try:
            size = await self._intake.take_due(self._participant_id, self._track, clip.read, came)
        except MediaError as error:
            self._counts.undecodable += 1
            self._failures += 1
            logger.debug("{}", error)
            # To ask at once for more of it makes nothing better.
            until = time.monotonic() + min(REST_SECONDS, REPEAT_SECONDS * 2**self._failures)
            while (left := until - time.monotonic()) > 0:
                await self._news.wait(left)
            return
        self._failures = 0
        if size is not None:
            self._pace.pixels = size[0] * size[1]
            self._counts.note_taken(due_at)

    # -- everything decoded --------------------------------------------------------------------------------------

    async def _decode(self, why: Fallback) -> None:
        """Have everything decoded, as long as there is a reason to.

        Raises:
            MediaStreamError: The track ended.
        """
        self.fallback = why
        self._counts.fallbacks[why] += 1
        log = logger.debug if why in (Fallback.CONFIGURED, Fallback.RATE) else logger.warning
        log("All of the {} of {} is decoded from now on: {}", self._track.source, self._participant_id, _WHY[why])
        self._decoder.start_over()
        # Of a clip that is full the end is missing: what comes now does not follow it.
        waiting = self._clip.frames if self._clip.whole else []
        self._clip = Clip()
        if waiting:
            for frame in waiting:
                self._decoder.put(frame)
        else:
            self._gate.open()
        try:
            await self._decode_while_needed(why)
        finally:
            self.fallback = self._measuring_since = None
            self._close()

    async def _decode_while_needed(self, why: Fallback) -> None:
        ask_at = time.monotonic()
        first_pause = pause = REST_SECONDS if why is Fallback.IGNORED else REPEAT_SECONDS
        retry_at = ask_at + RETRY_SECONDS
        answer_by, before = 0.0, 0
        while True:
            now = time.monotonic()
            if why is Fallback.RATE and self._pace.carries(self._track.sampler.period):
                return
            if now < answer_by and self._keyframes > before:
                return  # it answers after all
            if self._decoder.waits and now >= ask_at:
                ask_at, pause = now + pause, min(2 * pause, REST_SECONDS)
                await self._ask()
            elif why in (Fallback.IGNORED, Fallback.RATE) and now >= retry_at:
                retry_at = now + RETRY_SECONDS
                if why is Fallback.RATE:
                    self._measuring_since, self._clip = now, Clip()
                else:
                    answer_by, before = now + ANSWER_SECONDS, self._keyframes
                await self._ask()
            if not self._decoder.waits:
                pause = first_pause
            frame = await self._decoder.picture(ANSWER_SECONDS)
            if frame is not None and time.monotonic() >= self._track.sampler.due_at:
                self._pace.pixels = frame.width * frame.height
                offer(frame, time.time(), self._participant_id, self._track, self._intake, self._counts)

    def _measure(self) -> None:
        """See what a keyframe costs now: the stream may not be what it was when there were samples of it last."""
        if self._measuring_since is None or not self._clip.frames:
            return
        clip, pace = self._clip, Pace()
        pace.pixels = self._pace.pixels
        if len(clip.frames) == 1:
            self._answered = time.monotonic() - self._measuring_since
            self._counts.keyframes_came += 1
        if len(clip.frames) > 1 and (len(clip.frames) > MOST or pace.settled(clip.codec, clip.sizes)):
            pace.note_answer(self._answered)
            pace.note_frames(clip.codec, clip.sizes, clip.seconds)
            self._pace, self._measuring_since, self._clip = pace, None, Clip()

    # -- what happens --------------------------------------------------------------------------------------------

    def _take(self, frame: EncodedFrame) -> None:
        self._codec = frame.codec
        self._frames += 1
        keyframe = is_keyframe(frame.codec.name, frame.data)
        if keyframe:
            self._keyframes += 1
        if self.fallback is not None:
            self._decoder.put(frame)
            if self._measuring_since is None:
                return
        if keyframe:
            self._clip = Clip([frame])
        else:
            self._clip.add(frame)
        self._measure()
        if self._settling and not keyframe:
            self._read_ahead(self._clip)
            if not self._is_good():
                return  # to wake the task for each frame would cost more than the frame
        self._news.tell()


__all__ = ["Camera", "IgnoredError"]
