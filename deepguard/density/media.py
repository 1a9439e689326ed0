"""What callers send, encoded once before anybody calls: sending it costs no encoder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from deepguard.density.speech import RATE, synthesise_speech

Codec: TypeAlias = Literal["vp8", "h264"]

WIDTH, HEIGHT = 1280, 720
FPS = 30
BIT_RATE = 1_500_000
CLIP_SECONDS = 8.0
SETTLED_SECONDS = 2.0
"""The clip begins so long after the encoder did, with a keyframe that was asked for: as in the middle of a call."""

PACKET_SAMPLES = RATE // 50
"""Of one Opus packet: 20 ms."""
VOICE_BIT_RATE = 32_000
QUIETEST = 127
"""Of RFC 6464's levels: silence."""

_NOISES = 16
_TEXTURE = 1024


@dataclass(frozen=True, slots=True)
class Clip:
    """Encoded video.

    Attributes:
        codec: What it is encoded with.
        frames: One encoded frame each; the first is a keyframe, and no other is.
    """

    codec: Codec
    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Sound:
    """Encoded audio.

    Attributes:
        packets: Opus, 20 ms each.
        levels: The loudness of each as RFC 6464 says it: 0 is as loud as can be, 127 is silence.
    """

    packets: tuple[bytes, ...]
    levels: tuple[int, ...]


def make_clip(codec: Codec, seconds: float = CLIP_SECONDS) -> Clip:
    """A lively picture of 1280x720 at 30 fps and about 1.5 Mbit/s.

    Args:
        codec: What to encode with.
        seconds: How long.
    """
    encoder = _vp8() if codec == "vp8" else _h264()
    frames: list[bytes] = []
    scene = _Scene()
    begin = round(SETTLED_SECONDS * FPS)
    for number in range(begin + round(seconds * FPS)):
        picture = av.VideoFrame.from_ndarray(scene.picture(number), format="yuv420p")
        picture.pts, picture.time_base = number, Fraction(1, FPS)
        if number == begin:
            picture.pict_type = PictureType.I
        frames += [bytes(packet) for packet in encoder.encode(picture)]
    frames += [bytes(packet) for packet in encoder.encode(None)]
    return Clip(codec, tuple(frames[begin:]))


def make_speech(seconds: float = CLIP_SECONDS) -> Sound:
    """Somebody who talks without a pause."""
    return encode_sound(synthesise_speech(seconds))


def make_silence(seconds: float = 1.0) -> Sound:
    """A microphone in a silent room: packets go on, as from a client without discontinuous transmission."""
    return encode_sound(np.zeros(round(seconds * RATE), dtype=np.int16))


def level_of(samples: NDArray[np.int16]) -> int:
    """How loud samples are, as RFC 6464 says it: 0 is as loud as can be, 127 is silence."""
    loudness = math.sqrt(float(np.mean(np.square(samples.astype(np.float64))))) / 32767
    return min(QUIETEST, round(-20 * math.log10(loudness))) if loudness > 0 else QUIETEST


def encode_sound(samples: NDArray[np.int16]) -> Sound:
    """Samples as browsers send them: Opus, mono, 32 kbit/s.

    Args:
        samples: Mono, at 48 kHz; what is left after the last whole packet is not encoded.
    """
    encoder = cast("av.AudioCodecContext", av.CodecContext.create("libopus", "w"))
    encoder.bit_rate, encoder.sample_rate, encoder.layout, encoder.format = VOICE_BIT_RATE, RATE, "mono", "s16"
    encoder.options = {"application": "voip", "frame_duration": "20"}
    blocks = [samples[at : at + PACKET_SAMPLES] for at in range(0, len(samples) - PACKET_SAMPLES + 1, PACKET_SAMPLES)]
    packets: list[bytes] = []
    for number, block in enumerate(blocks):
        frame = av.AudioFrame.from_ndarray(block[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, number * PACKET_SAMPLES, Fraction(1, RATE)
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    # The last packet, which the encoder still holds for its look-ahead, is not worth a length of its own.
    return Sound(tuple(packets[: len(blocks)]), tuple(map(level_of, blocks))[: len(packets)])


def _vp8() -> VideoCodecContext:
    # As a browser's sender: in real time, at a constant rate, with keyframes only where somebody asks. The speed is a
    # fixed one: above 0 the encoder goes by the clock, and on another day it is another clip.
    return _video("libvpx", {"deadline": "realtime", "cpu-used": "-16", "error-resilient": "default"})


def _h264() -> VideoCodecContext:
    encoder = _video("libx264", {"preset": "veryfast", "tune": "zerolatency", "level": "31", "sc_threshold": "0"})
    encoder.profile = "Baseline"
    return encoder


def _video(name: str, options: dict[str, str]) -> VideoCodecContext:
    encoder = cast("VideoCodecContext", av.CodecContext.create(name, "w"))
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(FPS, 1), Fraction(1, FPS)
    encoder.bit_rate, encoder.gop_size, encoder.max_b_frames = BIT_RATE, 1_000_000, 0
    rate = str(BIT_RATE)
    encoder.options = {**options, "minrate": rate, "maxrate": rate, "bufsize": str(BIT_RATE // 2)}
    return encoder


class _Scene:
    """Somebody who sways before a textured wall, and the noise of a sensor."""

    def __init__(self) -> None:
        random = np.random.default_rng(29)
        self._wall = _texture(random, 90, 45)
        self._face = _texture(random, 150, 30)
        self._tint = _texture(random, 128, 14)
        self._noises = random.normal(0, 1.2, (_NOISES, HEIGHT, WIDTH)).round().astype(np.int8)
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
        self._inside = ((rows - HEIGHT / 2) / 260) ** 2 + ((columns - WIDTH / 2) / 190) ** 2 < 1

    def picture(self, number: int) -> NDArray[np.uint8]:
        """One picture as planes of YUV 4:2:0, one above the other, as PyAV takes them."""
        turn = 2 * math.pi * number / FPS
        wall = _cut(self._wall, 0, 0, HEIGHT, WIDTH)
        face = _cut(self._face, round(45 * math.sin(turn / 1.7)), round(18 * math.sin(turn / 0.9)), HEIGHT, WIDTH)
        inside = np.roll(self._inside, round(60 * math.sin(turn / 3.1)), axis=1)
        luma = np.where(inside, face, wall)
        luma += self._noises[number % _NOISES]
        chroma = _cut(self._tint, 0, 0, HEIGHT // 2, WIDTH // 2).ravel()
        planes = np.empty(HEIGHT * WIDTH * 3 // 2, dtype=np.uint8)
        size = HEIGHT * WIDTH
        planes[:size] = np.clip(luma, 16, 235).ravel()
        planes[size:] = np.clip(np.concatenate([chroma, 255 - chroma]), 16, 240)
        return planes.reshape(HEIGHT * 3 // 2, WIDTH)


def _texture(random: np.random.Generator, middle: float, depth: float) -> NDArray[np.int16]:
    """Detail of all sizes, as in pictures of the world; behind its edges it begins anew, for a picture's size."""
    spectrum = np.fft.rfft2(random.normal(0, 1, (_TEXTURE, _TEXTURE * 2)))
    across, down = np.fft.rfftfreq(_TEXTURE * 2)[None, :], np.fft.fftfreq(_TEXTURE)[:, None]
    frequency = np.hypot(across, down)
    frequency[0, 0] = np.inf
    plane = np.fft.irfft2(spectrum / frequency**1.2, (_TEXTURE, _TEXTURE * 2))
    texture = (middle + depth * plane / plane.std()).astype(np.int16)
    return np.pad(texture, ((0, HEIGHT), (0, WIDTH)), mode="wrap")


def _cut(texture: NDArray[np.int16], across: int, down: int, height: int, width: int) -> NDArray[np.int16]:
    top, left = down % _TEXTURE, across % (_TEXTURE * 2)
    return texture[top : top + height, left : left + width]


__all__ = ["Clip", "Codec", "Sound", "encode_sound", "level_of", "make_clip", "make_silence", "make_speech"]
