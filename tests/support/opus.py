"""Opus senders that leave silence out (DTX), by libopus itself: PyAV's encoder has no such option."""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache
from typing import Any

import numpy as np
import pytest
from aiortc import RTCRtpSender
from av import AudioFrame

RATE = 48_000
_VOIP, _SET_BITRATE, _SET_DTX = 2048, 4002, 4016
_LONGEST = 1275
_NOTHING = 2
"""Bytes of a packet that need not be sent (``opus_encode``)."""


@cache
def _library() -> Any:
    name = ctypes.util.find_library("opus")
    if name is None:
        pytest.skip("needs libopus (Debian, Ubuntu: apt install libopus0)")
    library = ctypes.CDLL(name)
    library.opus_encoder_create.restype = ctypes.c_void_p
    library.opus_encoder_create.argtypes = [ctypes.c_int32, ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
    library.opus_encoder_destroy.argtypes = [ctypes.c_void_p]
    library.opus_encoder_ctl.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.opus_encode.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int32]
    return library


class LeavingOut:
    """An encoder of mono sound, in the place of aiortc's.

    Attributes:
        encoded: Packets that were encoded.
        sent: Those that were sent.
    """

    def __init__(self, *, sends_all: bool = False) -> None:
        """Begin.

        Args:
            sends_all: Whether packets with nothing in them are sent. Else the first of each pause, as WebRTC does.
        """
        self.encoded = 0
        self.sent = 0
        self._sends_all = sends_all
        self._pausing = False
        self._encoder: int = _library().opus_encoder_create(RATE, 1, _VOIP, None)
        for request, value in ((_SET_BITRATE, 32_000), (_SET_DTX, 1)):
            assert not _library().opus_encoder_ctl(self._encoder, request, ctypes.c_int(value))

    def __del__(self) -> None:
        _library().opus_encoder_destroy(self._encoder)

    def encode(self, frame: AudioFrame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """As aiortc's encoders do: no payload at all leaves the frame out."""
        payload = self._packet_of(frame.to_ndarray()[0])
        self.encoded += 1
        paused, self._pausing = self._pausing, len(payload) <= _NOTHING
        if paused and self._pausing and not self._sends_all:
            return [], 0
        self.sent += 1
        return [payload], frame.pts or 0

    def _packet_of(self, samples: np.ndarray) -> bytes:
        samples, packet = np.ascontiguousarray(samples, np.int16), ctypes.create_string_buffer(_LONGEST)
        size = _library().opus_encode(self._encoder, samples.ctypes.data, len(samples), packet, _LONGEST)
        assert size > 0
        return packet.raw[:size]


class Stretching(LeavingOut):
    """Sends sound as what tells how silence sounds: 0.12 seconds of it, each 0.32 seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._unsent = np.zeros(0, np.int16)

    def encode(self, frame: AudioFrame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        self._unsent = np.concatenate([self._unsent, frame.to_ndarray()[0]])
        self.encoded += 1
        if self.encoded % 16:
            return [], 0
        now, self._unsent = self._unsent[:5760], self._unsent[5760:]
        self.sent += 1
        return [self._packet_of(now)], self.sent * 5760


def encode_by(encoder: LeavingOut, sender: RTCRtpSender) -> LeavingOut:
    """Have a sender's sound encoded, before it has sent any."""
    vars(sender)["_RTCRtpSender__encoder"] = encoder
    return encoder


__all__ = ["LeavingOut", "Stretching", "encode_by"]
