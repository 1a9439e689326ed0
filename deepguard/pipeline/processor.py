"""The guard as a processor of any Pipecat pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InputImageRawFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from deepguard.guard.guard import Guard
from deepguard.model import Source

SOURCES = {
    None: Source.CAMERA,
    "camera": Source.CAMERA,
    "microphone": Source.MICROPHONE,
    "screenVideo": Source.SCREEN,
}
"""Pipecat's ``transport_source`` of a frame; a transport that names none has only a camera."""


class DeepfakeGuardProcessor(FrameProcessor):
    """Shows a call's media to its guard, and passes every frame on at once.

    Works behind any transport. Speech is taken from ``VADUserStartedSpeakingFrame`` and ``VADUserStoppedSpeakingFrame``
    where the pipeline has them, else from ``UserStartedSpeakingFrame`` and ``UserStoppedSpeakingFrame``.
    """

    def __init__(
        self,
        guard: Guard | None = None,
        *,
        participant_id: str = "caller",
        screen: bool = False,
        track_id: Callable[[Source], str] = str,
        **kwargs: Any,
    ) -> None:
        """Prepare to feed ``guard``, which somebody else starts and stops.

        Args:
            guard: The call's guard; None until ``guard`` is set, and nothing is looked at until then.
            participant_id: Whose media comes through this pipeline.
            screen: Whether a shared screen is sampled too.
            track_id: Gives the transport's id of a track, by source.
            **kwargs: For ``FrameProcessor``, for example ``name``.
        """
        super().__init__(**kwargs)
        self.guard = guard
        """The call's guard, None when nothing is to be looked at."""
        self._participant_id = participant_id
        self._screen = screen
        self._track_id = track_id
        self._has_vad = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass the frame on, then look at it.

        Args:
            frame: Any frame.
            direction: Where it goes.
        """
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        guard = self.guard
        if guard is None:
            return
        if isinstance(frame, InputImageRawFrame):
            self._on_picture(guard, frame)
        elif isinstance(frame, InputAudioRawFrame):
            guard.media.offer_audio(
                self._participant_id, frame.audio, frame.sample_rate, frame.num_channels, self._microphone_id
            )
        elif isinstance(frame, (VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame)):
            self._has_vad = True
            self._on_speech(guard, started=isinstance(frame, VADUserStartedSpeakingFrame))
        elif not self._has_vad and isinstance(frame, (UserStartedSpeakingFrame, UserStoppedSpeakingFrame)):
            # A turn ends later than the speech in it: where there is a VAD, it alone says what is speech.
            self._on_speech(guard, started=isinstance(frame, UserStartedSpeakingFrame))

    def _on_picture(self, guard: Guard, frame: InputImageRawFrame) -> None:
        source = SOURCES.get(frame.transport_source)
        if source is None or (source is Source.SCREEN and not self._screen):
            return
        guard.media.offer_picture(
            self._participant_id,
            source,
            frame.image,
            frame.size,
            frame.format or "RGB",
            self._camera_id if source is Source.CAMERA else self._screen_id,
        )

    def _on_speech(self, guard: Guard, *, started: bool) -> None:
        if started:
            guard.media.speech_started(self._participant_id, self._microphone_id)
        else:
            guard.media.speech_stopped(self._participant_id)

    def _camera_id(self) -> str:
        return self._track_id(Source.CAMERA)

    def _screen_id(self) -> str:
        return self._track_id(Source.SCREEN)

    def _microphone_id(self) -> str:
        return self._track_id(Source.MICROPHONE)
