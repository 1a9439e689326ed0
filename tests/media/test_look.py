"""Whether a raw frame is black, and whether a track's pictures move."""

from __future__ import annotations

import numpy as np
import pytest

from deepguard.errors import MediaError
from deepguard.media.look import Look, Lookout
from deepguard.media.stillness import PICTURES
from deepguard.media.thumbnail import LONGEST_EDGE, is_black, thumbnail_of_frame

MODES = {"RGB": 3, "BGR": 3, "RGBA": 4, "RGBX": 4, "BGRA": 4, "BGRX": 4, "ARGB": 4, "ABGR": 4, "L": 1, "YCbCr": 3}
BLACK = {"YCbCr": (0, 128, 128), "ARGB": (255, 0, 0, 0), "ABGR": (255, 0, 0, 0)}
GREY = {"YCbCr": (100, 128, 128), "ARGB": (255, 100, 100, 100), "ABGR": (255, 100, 100, 100)}


def plain(mode: str, colour: dict[str, tuple[int, ...]], value: int, size: tuple[int, int] = (64, 48)) -> bytes:
    alpha = (255,) if MODES[mode] == 4 else ()
    pixel = colour.get(mode, (value,) * (MODES[mode] - len(alpha)) + alpha)
    return bytes(pixel) * (size[0] * size[1])


def scene(shift: int = 0, noise: int = 0) -> np.ndarray:
    """Squares on grey, moved by some pixels, as a sensor sees it."""
    picture = np.full((360, 640), 60, np.int16)
    for n in range(6):
        picture[100:260, 40 + 100 * n + shift : 90 + 100 * n + shift] = 200
    picture += np.random.default_rng(noise).normal(0, 2, picture.shape).astype(np.int16)
    return picture.clip(0, 255).astype(np.uint8)


def seen(lookout: Lookout, picture: np.ndarray, at: float) -> Look:
    return lookout.see(thumbnail_of_frame(picture, (picture.shape[1], picture.shape[0]), "L"), at)


@pytest.mark.parametrize("mode", MODES)
def test_black_is_told_in_every_pixel_format(mode: str) -> None:
    black = thumbnail_of_frame(plain(mode, BLACK, 0), (64, 48), mode)
    grey = thumbnail_of_frame(plain(mode, GREY, 100), (64, 48), mode)
    assert black.shape == grey.shape == (6, 8)
    assert (is_black(black), is_black(grey)) == (True, False)
    assert grey.mean() == pytest.approx(100, abs=2)


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (640, 360), (1280, 720), (3840, 2160), (2000, 1)])
def test_a_thumbnail_is_small_whatever_the_picture(size: tuple[int, int]) -> None:
    thumbnail = thumbnail_of_frame(bytes(size[0] * size[1] * 3), size, "RGB")
    assert max(thumbnail.shape) <= LONGEST_EDGE
    assert is_black(thumbnail)


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(MediaError, match="bytes"):
        thumbnail_of_frame(b"too short", (64, 48), "RGB")
    with pytest.raises(MediaError, match="unknown"):
        thumbnail_of_frame(bytes(64), (8, 8), "P")


def test_a_covered_lens_with_noise_is_black_and_a_lit_corner_is_not() -> None:
    noise = np.random.default_rng(1).normal(8, 5, (360, 640)).clip(0, 255).astype(np.uint8)
    lit = noise.copy()
    lit[:60, :60] = 180
    assert seen(Lookout(), noise, 0.0).black_seconds == 0
    assert seen(Lookout(), lit, 0.0).black_seconds is None


def test_black_counts_from_the_first_black_picture_and_ends_with_the_next_that_is_not() -> None:
    lookout, dark = Lookout(), np.zeros((360, 640), np.uint8)
    told = [seen(lookout, picture, at).black_seconds for at, picture in enumerate([scene(), dark, dark, scene(), dark])]
    assert told == [None, 0, 1, None, 0]


def test_the_same_picture_is_still_from_the_third_on_until_something_moves() -> None:
    lookout = Lookout()
    pictures = [scene(noise=n) for n in range(4)] + [scene(shift=2, noise=n) for n in range(PICTURES)]
    assert [seen(lookout, picture, 2.0 * n).still_seconds for n, picture in enumerate(pictures)] == [
        *(0, 0, 4, 6),
        *(0, 0, 4),
    ]
