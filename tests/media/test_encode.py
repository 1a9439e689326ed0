"""Encoding of raw frames."""

import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from deepguard.config.models import VideoParams
from deepguard.errors import DeepguardError, MediaError
from deepguard.media.encode import encode_picture
from deepguard.model import SampleFormat

WIDTH, HEIGHT = 48, 32
RED, GREEN, BLUE = (230, 20, 20), (20, 200, 30), (10, 30, 220)


def stripes() -> np.ndarray:
    """Three vertical stripes: red, green, blue; shape (height, width, 3)."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for n, colour in enumerate((RED, GREEN, BLUE)):
        picture[:, 16 * n : 16 * (n + 1)] = colour
    return picture


def decode(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def assert_stripes(data: bytes, tolerance: int = 12) -> None:
    picture = decode(data).convert("RGB")
    for n, colour in enumerate((RED, GREEN, BLUE)):
        pixel = picture.getpixel(((2 * n + 1) * picture.width // 6, picture.height // 2))
        assert isinstance(pixel, tuple)
        assert pixel == pytest.approx(colour, abs=tolerance)


def raw(mode: str) -> bytes:
    rgb = stripes()
    alpha = np.full((HEIGHT, WIDTH, 1), 7, np.uint8)
    planes = {"R": rgb[..., :1], "G": rgb[..., 1:2], "B": rgb[..., 2:], "A": alpha, "X": alpha}
    return np.concatenate([planes[letter] for letter in mode], axis=2).tobytes()


@pytest.mark.parametrize("encoding", ["jpeg", "webp"])
@pytest.mark.parametrize("mode", ["RGB", "BGR", "RGBA", "RGBX", "BGRA", "BGRX", "ARGB", "ABGR"])
def test_colours_arrive_whatever_the_order_of_the_bytes(mode: str, encoding: str) -> None:
    params = VideoParams.model_validate({"format": encoding, "quality": 95})
    encoded = encode_picture(raw(mode), (WIDTH, HEIGHT), mode, params)
    assert (encoded.width, encoded.height, encoded.format) == (WIDTH, HEIGHT, SampleFormat(encoding))
    assert decode(encoded.data).format == encoding.upper()
    assert_stripes(encoded.data)


@pytest.mark.parametrize("encoding", ["jpeg", "webp"])
@pytest.mark.parametrize("max_edge", [None, 64])
@pytest.mark.parametrize("mode", ["L", "YCbCr"])
def test_grey_and_ycbcr(mode: str, max_edge: int | None, encoding: str) -> None:
    source = Image.fromarray(stripes()).resize((96, 64)).convert(mode)
    params = VideoParams.model_validate({"format": encoding, "quality": 95, "max_edge": max_edge})
    encoded = encode_picture(source.tobytes(), source.size, mode, params)
    assert (encoded.width, encoded.height) == ((96, 64) if max_edge is None else (64, 43))
    if mode == "YCbCr":
        assert_stripes(encoded.data)
    else:
        middle = decode(encoded.data).convert("L").getpixel((encoded.width // 2, encoded.height // 2))
        assert middle == pytest.approx(source.getpixel((48, 32)), abs=8)


@pytest.mark.parametrize(
    ("size", "max_edge", "expected"),
    [
        ((1920, 1080), 640, (640, 360)),
        ((1080, 1920), 640, (360, 640)),
        ((640, 480), 640, (640, 480)),
        ((320, 240), 640, (320, 240)),
        ((4000, 3), 64, (64, 1)),
    ],
)
def test_longer_pictures_are_scaled_down_and_keep_their_shape(
    size: tuple[int, int], max_edge: int, expected: tuple[int, int]
) -> None:
    encoded = encode_picture(bytes(size[0] * size[1] * 3), size, "RGB", VideoParams(max_edge=max_edge))
    assert (encoded.width, encoded.height) == expected == decode(encoded.data).size


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "BGRA"])
def test_scaling_keeps_colours(mode: str) -> None:
    pixels = np.frombuffer(raw(mode), np.uint8).reshape(HEIGHT, WIDTH, -1).repeat(8, axis=0).repeat(8, axis=1)
    params = VideoParams(max_edge=96, quality=95)
    assert_stripes(encode_picture(pixels, (8 * WIDTH, 8 * HEIGHT), mode, params).data)


def test_quality_counts() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    low, high = (len(encode_picture(noise, (64, 64), "RGB", VideoParams(quality=q)).data) for q in (10, 95))
    assert low < high


def test_any_buffer_is_taken() -> None:
    picture = stripes()
    mirrored = picture[:, ::-1]
    expected = encode_picture(picture.tobytes(), (WIDTH, HEIGHT), "RGB", VideoParams()).data
    for buffer in (bytearray(picture.tobytes()), memoryview(picture.tobytes()), picture, mirrored[:, ::-1]):
        assert encode_picture(buffer, (WIDTH, HEIGHT), "RGB", VideoParams()).data == expected
    # Not contiguous in memory: the rows must not come out shifted.
    turned = encode_picture(mirrored, (WIDTH, HEIGHT), "RGB", VideoParams(quality=95)).data
    assert_stripes(encode_picture(np.asarray(decode(turned))[:, ::-1], (WIDTH, HEIGHT), "RGB", VideoParams()).data, 20)


@pytest.mark.parametrize(
    ("size", "mode", "length", "words"),
    [
        ((4, 4), "RGB", 47, "4x4 pixels of RGB are 48 bytes, not 47"),
        ((4, 4), "RGBA", 48, "are 64 bytes, not 48"),
        ((4, 4), "RGB", 0, "not 0"),
        ((4, 4), "I420", 24, "'I420' is unknown"),
        ((4, 4), "rgb", 48, "'rgb' is unknown"),
        ((0, 4), "RGB", 0, "0x4"),
        ((4, -4), "RGB", 48, "4x-4"),
        ((10_000, 10_000), "RGB", 3, "at most 50 million"),
        ((20_000, 1), "L", 20_000, "no edge over 16383"),
    ],
)
def test_nonsense_is_refused_in_words(size: tuple[int, int], mode: str, length: int, words: str) -> None:
    with pytest.raises(MediaError, match=words) as caught:
        encode_picture(bytes(length), size, mode, VideoParams())
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, DeepguardError)


def test_threads_do_not_disturb_each_other() -> None:
    colours = [(n * 30, 255 - n * 30, 40) for n in range(8)]
    together = threading.Barrier(len(colours))

    def work(colour: tuple[int, int, int]) -> None:
        pixels = bytes(colour) * (64 * 64)
        together.wait()
        for _ in range(20):
            encoded = encode_picture(pixels, (64, 64), "RGB", VideoParams(quality=95, max_edge=64))
            assert decode(encoded.data).getpixel((32, 32)) == pytest.approx(colour, abs=6)

    with ThreadPoolExecutor(len(colours)) as pool:
        list(pool.map(work, colours))


def test_no_picture_in_a_repr() -> None:
    encoded = encode_picture(bytes(12), (2, 2), "RGB", VideoParams())
    assert "data" not in repr(encoded)
