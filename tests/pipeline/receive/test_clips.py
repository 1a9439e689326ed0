"""A clip's last picture is the same, however much of it was decoded before it was wanted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from aiortc import RTCRtpCodecParameters

from deepguard.density.media import Codec, make_clip
from deepguard.errors import MediaError
from deepguard.media.picture import FramePicture
from deepguard.pipeline.receive.clip import MOST_AHEAD, Clip
from deepguard.pipeline.receive.frames import EncodedFrame

FRAMES = 12


@pytest.fixture(scope="module", params=["vp8", "h264"])
def frames(request: pytest.FixtureRequest) -> list[EncodedFrame]:
    """A keyframe, and those after it."""
    name: Codec = request.param
    codec = RTCRtpCodecParameters(mimeType=f"video/{name.upper()}", clockRate=90_000)
    encoded = make_clip(name, FRAMES / 30).frames[:FRAMES]
    return [EncodedFrame(codec, data, 3000 * number) for number, data in enumerate(encoded)]


def pixels(picture: FramePicture) -> bytes:
    return picture.frame.to_ndarray().tobytes()


def ahead(frames: list[EncodedFrame]) -> Clip:
    """A clip of which some frames were decoded while it came."""
    clip = Clip(frames[:1])
    for frame in frames[1:]:
        clip.add(frame)
        if len(clip.frames) % 5 == 0:
            clip.so_far().read_ahead()
    return clip.so_far()


def test_it_is_the_same_picture(frames: list[EncodedFrame]) -> None:
    expected = pixels(Clip(frames).read())
    assert pixels(ahead(frames).read()) == expected
    assert pixels(Clip(frames[:-1]).read()) != expected


def test_what_comes_after_it_was_taken_does_not_show_in_it(frames: list[EncodedFrame]) -> None:
    clip = Clip(frames[:6])
    taken = clip.so_far()
    clip.add(frames[6])
    assert pixels(taken.read()) == pixels(Clip(frames[:6]).read())


def test_of_many_at_once_some_are_decoded_ahead_and_all_are_read(frames: list[EncodedFrame]) -> None:
    expected = pixels(Clip(frames).read())
    clips = [ahead(frames) for _ in range(MOST_AHEAD + 4)]
    with ThreadPoolExecutor(4) as threads:
        assert all(pixels(picture) == expected for picture in threads.map(Clip.read, clips))


def test_one_that_was_read_is_not_begun_again(frames: list[EncodedFrame]) -> None:
    clip = Clip(frames)
    clip.read()
    clip.read_ahead()
    with pytest.raises(MediaError, match="could not be decoded"):
        clip.read()
