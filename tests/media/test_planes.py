"""Encoding of decoded frames from their planes, held against encoding the same frames' red, green and blue."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from io import BytesIO

import cv2
import numpy as np
import pytest
from av import CodecContext, VideoFrame
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from deepguard.config.models import VideoParams
from deepguard.errors import MediaError
from deepguard.media.encode import EncodedPicture, encode_picture
from deepguard.media.planes import encode_frame, thumbnail_of_planes
from deepguard.media.stillness import SECONDS, Stillness
from deepguard.media.thumbnail import is_black, thumbnail_of_frame
from deepguard.model import SampleFormat

BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)
RED, GREEN, BLUE, WHITE, BLACK = (230, 20, 20), (20, 200, 30), (10, 30, 220), (255, 255, 255), (0, 0, 0)
WIDTH, HEIGHT = 80, 48
DECODERS = {"libvpx": "vp8", "libx264": "h264"}

LUMA_DB = 46
"""Peak signal to noise of one path's luma against the other's, at least; 47.1 to 54.6 was measured. With a range or a
matrix that is not converted it is 15 to 30."""

QUALITY_DB = 0.6
"""By how much one path's luma may be further from the frame's own than the other's; 0.46 of 47.5 was measured, where
BT.709 is scaled down, and 0.25 otherwise. Both are what rounding once more makes."""

MEAN_LEVELS = 0.4
"""Between the mean luma, blue and red of both paths; up to 0.28 was measured."""

SIZE = 0.06
"""By how much one path's bytes may be more or fewer; 0.045 was measured with WebP, and 0.011 with JPEG."""

THUMBNAIL_LEVELS = 2
"""Between any two points of both thumbnails; that is also the most that was measured."""


def scene(width: int, height: int, at: int = 0) -> np.ndarray:
    """Soft colours that move, with a camera's noise: red, green and blue, shape (height, width, 3)."""
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    waves = [np.sin(6 * x + at / 5), np.sin(5 * y + 2 + at / 7), np.cos(7 * (x + y) / 2 + at / 3)]
    noise = np.random.default_rng(at).normal(0, 3, (height, width, 3))
    return np.clip(128 + 100 * np.stack(waves, axis=-1) + noise, 0, 255).astype(np.uint8)


def stripes() -> np.ndarray:
    """Five vertical stripes: red, green, blue, white, black."""
    return np.repeat(np.array([[RED, GREEN, BLUE, WHITE, BLACK]], np.uint8), WIDTH // 5, axis=1).repeat(HEIGHT, axis=0)


def frame_of(
    rgb: np.ndarray,
    pixel_format: str = "yuv420p",
    space: int = Colorspace.ITU601,
    value_range: int = ColorRange.MPEG,
) -> VideoFrame:
    return VideoFrame.from_ndarray(rgb, "rgb24").reformat(
        format=pixel_format, dst_colorspace=space, dst_color_range=value_range
    )


def untagged(frame: VideoFrame) -> VideoFrame:
    frame.colorspace, frame.color_range = 2, 0
    return frame


def coded(codec: str, frames: list[VideoFrame], bit_rate: int = 1_500_000) -> Iterator[VideoFrame]:
    """The frames as they come out of a decoder, with the tags that went into the encoder."""
    encoder, decoder = CodecContext.create(codec, "w"), CodecContext.create(DECODERS[codec], "r")
    assert isinstance(encoder, VideoCodecContext)
    assert isinstance(decoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frames[0].width, frames[0].height, frames[0].format.name
    encoder.time_base, encoder.framerate, encoder.bit_rate = Fraction(1, 30), Fraction(30), bit_rate
    encoder.colorspace, encoder.color_range = frames[0].colorspace, frames[0].color_range
    encoder.options = {"deadline": "realtime", "lag-in-frames": "0"} if codec == "libvpx" else {"preset": "veryfast"}
    for number, frame in enumerate([*frames, None]):
        if frame is not None:
            frame.pts = number
        for packet in encoder.encode(frame):
            yield from decoder.decode(packet)
    yield from decoder.decode(None)


def rows_of(frame: VideoFrame, plane: int) -> np.ndarray:
    source = frame.planes[plane]
    return np.frombuffer(bytes(source), np.uint8).reshape(-1, source.line_size)[:, : source.width]


def exact_rgb_of(frame: VideoFrame, weights: tuple[float, float], *, limited: bool) -> np.ndarray:
    """A frame of three planes by the formulas of the standards: red, green and blue, not rounded."""
    luma = rows_of(frame, 0).astype(float)
    blue, red = (
        rows_of(frame, plane).repeat(2, axis=0).repeat(2, axis=1)[: frame.height, : frame.width] - 128.0
        for plane in (1, 2)
    )
    if limited:
        luma, blue, red = (luma - 16) * 255 / 219, blue * 255 / 224, red * 255 / 224
    of_red, of_blue = weights
    r, b = luma + 2 * (1 - of_red) * red, luma + 2 * (1 - of_blue) * blue
    g = (luma - of_red * r - of_blue * b) / (1 - of_red - of_blue)
    return np.clip(np.stack([r, g, b], axis=-1), 0, 255)


def rgb_of(frame: VideoFrame, weights: tuple[float, float] = BT601, *, limited: bool = True) -> np.ndarray:
    """The same as bytes."""
    return np.rint(exact_rgb_of(frame, weights, limited=limited)).astype(np.uint8)


def picture(encoded: EncodedPicture) -> Image.Image:
    return Image.open(BytesIO(encoded.data))


def shown(encoded: EncodedPicture) -> np.ndarray:
    """Luma, blue and red of an encoded picture, shape (height, width, 3)."""
    return np.asarray(picture(encoded).convert("YCbCr"), float)


def decibel(one: np.ndarray, other: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2))


def assert_same_picture(
    frame: VideoFrame,
    params: VideoParams,
    rgb: np.ndarray | None = None,
    weights: tuple[float, float] = BT601,
    *,
    limited: bool = True,
) -> None:
    """Hold one path against the other, and both against the frame.

    Args:
        frame: Of three planes.
        params: How both encode.
        rgb: What the other path encodes; None: what the formulas give.
        weights: Of the frame's colour space.
        limited: The frame's range.
    """
    size = frame.width, frame.height
    rgb = rgb_of(frame, weights, limited=limited) if rgb is None else rgb
    encoded, expected = encode_frame(frame, params), encode_picture(rgb, size, "RGB", params)
    assert (encoded.width, encoded.height, encoded.format) == (expected.width, expected.height, expected.format)
    assert picture(encoded).format == picture(expected).format == params.format.upper()
    assert picture(encoded).size == (encoded.width, encoded.height)
    ours, theirs = shown(encoded), shown(expected)
    assert decibel(ours[..., 0], theirs[..., 0]) > LUMA_DB
    assert np.abs((ours - theirs).mean(axis=(0, 1))).max() < MEAN_LEVELS
    exact = exact_rgb_of(frame, weights, limited=limited) @ (BT601[0], 1 - sum(BT601), BT601[1])
    exact = cv2.resize(exact, (encoded.width, encoded.height), interpolation=cv2.INTER_AREA)
    assert decibel(ours[..., 0], exact) > decibel(theirs[..., 0], exact) - QUALITY_DB
    assert len(encoded.data) == pytest.approx(len(expected.data), rel=SIZE)


def assert_stripes(encoded: EncodedPicture, colours: tuple[tuple[int, ...], ...], tolerance: int) -> None:
    found = picture(encoded).convert("RGB")
    for number, colour in enumerate(colours):
        pixel = found.getpixel(((2 * number + 1) * found.width // 10, found.height // 2))
        assert pixel == pytest.approx(colour, abs=tolerance)


@pytest.mark.parametrize("max_edge", [None, 200, 640])
@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (361, 241)])
def test_vp8_as_by_way_of_rgb(size: tuple[int, int], max_edge: int | None) -> None:
    for frame in coded("libvpx", [frame_of(scene(*size, at)) for at in range(3)]):
        assert frame.format.name == "yuv420p"
        # As Pipecat does, which does not take odd sizes.
        rgb = cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2RGB_I420) if size[0] % 2 == 0 else None
        assert_same_picture(frame, VideoParams(max_edge=max_edge), rgb)


@pytest.mark.parametrize(
    ("space", "weights"), [(Colorspace.ITU601, BT601), (Colorspace.ITU709, BT709)], ids=["BT.601", "BT.709"]
)
@pytest.mark.parametrize("value_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("max_edge", [None, 200])
def test_h264_as_its_tags_say(
    space: Colorspace, weights: tuple[float, float], value_range: ColorRange, max_edge: int | None
) -> None:
    frames = [frame_of(scene(640, 360, at), "yuv420p", space, value_range) for at in range(3)]
    decoded = list(coded("libx264", frames))
    assert len(decoded) == 3
    for frame in decoded:
        assert (frame.colorspace, frame.color_range) == (frames[0].colorspace, value_range)
        limited = value_range == ColorRange.MPEG
        assert_same_picture(frame, VideoParams(max_edge=max_edge), weights=weights, limited=limited)
        rgb = rgb_of(frame, weights, limited=limited)
        assert difference(thumbnail_of_planes(frame), thumbnail_of_frame(rgb, (640, 360), "RGB")) <= THUMBNAIL_LEVELS


@pytest.mark.parametrize("encoding", ["jpeg", "webp"])
@pytest.mark.parametrize("space", [Colorspace.ITU601, Colorspace.ITU709, Colorspace.SMPTE240M, Colorspace.BT2020])
def test_colours_come_out_as_they_went_in(space: Colorspace, encoding: str) -> None:
    params = VideoParams.model_validate({"format": encoding, "quality": 95})
    assert_stripes(encode_frame(frame_of(stripes(), space=space), params), (RED, GREEN, BLUE, WHITE, BLACK), 8)


def test_what_is_not_tagged_is_bt_601_in_limited_range() -> None:
    encoded = encode_frame(untagged(frame_of(stripes())), VideoParams(quality=95))
    assert_stripes(encoded, (RED, GREEN, BLUE, WHITE, BLACK), 4)


@pytest.mark.parametrize("encoding", ["jpeg", "webp"])
@pytest.mark.parametrize("max_edge", [None, 64])
def test_white_stays_white_and_black_stays_black(max_edge: int | None, encoding: str) -> None:
    params = VideoParams.model_validate({"format": encoding, "quality": 95, "max_edge": max_edge})
    # 235 and 16 are white and black; what an encoder's ringing lays beyond them is no whiter and no blacker.
    for luma, level in ((235, 255), (245, 255), (16, 0), (9, 0)):
        frame = VideoFrame(200, 150, "yuv420p")
        for plane, value in zip(frame.planes, (luma, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        assert picture(encode_frame(frame, params)).convert("RGB").getextrema() == ((level, level),) * 3
        assert (thumbnail_of_planes(frame) == level).all()


@pytest.mark.parametrize("tagged", [True, False])
@pytest.mark.parametrize("max_edge", [None, 200])
def test_yuvj420p_is_full_range_with_and_without_a_tag(max_edge: int | None, tagged: bool) -> None:
    frame = frame_of(scene(640, 360), "yuvj420p", value_range=ColorRange.JPEG)
    assert_same_picture(frame if tagged else untagged(frame), VideoParams(max_edge=max_edge), limited=False)


@pytest.mark.parametrize("max_edge", [None, 64])
@pytest.mark.parametrize(
    "pixel_format",
    ["nv12", "nv21", "yuv422p", "yuvj422p", "yuv444p", "yuv420p10le", "yuva420p", "yuyv422", "rgb24", "bgra", "gbrp"],
)
def test_any_pixel_format(pixel_format: str, max_edge: int | None) -> None:
    full = pixel_format.startswith("yuvj") or pixel_format in {"rgb24", "bgra", "gbrp"}
    frame = frame_of(stripes(), pixel_format, value_range=ColorRange.JPEG if full else ColorRange.MPEG)
    before = [bytes(plane) for plane in frame.planes], frame.colorspace, frame.color_range
    encoded = encode_frame(frame, VideoParams(quality=95, max_edge=max_edge))
    assert (encoded.width, encoded.height) == ((WIDTH, HEIGHT) if max_edge is None else (64, 38))
    assert_stripes(encoded, (RED, GREEN, BLUE, WHITE, BLACK), 12)
    expected = thumbnail_of_frame(stripes(), (WIDTH, HEIGHT), "RGB")
    assert difference(thumbnail_of_planes(frame), expected) <= THUMBNAIL_LEVELS
    assert ([bytes(plane) for plane in frame.planes], frame.colorspace, frame.color_range) == before


@pytest.mark.parametrize("encoding", ["jpeg", "webp"])
@pytest.mark.parametrize("pixel_format", ["gray", "gray10le", "ya8"])
def test_grey_is_full_range(pixel_format: str, encoding: str) -> None:
    ramp = np.arange(256, dtype=np.uint8).repeat(2)[None].repeat(64, axis=0)
    frame = VideoFrame.from_ndarray(ramp, "gray").reformat(format=pixel_format)
    params = VideoParams.model_validate({"format": encoding, "quality": 95})
    found = np.asarray(picture(encode_frame(frame, params)).convert("L"), int)
    assert np.abs(found - ramp).max() <= 6
    assert difference(thumbnail_of_planes(frame), thumbnail_of_frame(ramp, (512, 64), "L")) <= 1


def test_grey_that_is_tagged_as_limited_is_widened() -> None:
    frame = VideoFrame.from_ndarray(np.tile(np.array([16, 235], np.uint8).repeat(64), (64, 1)), "gray")
    frame.color_range = ColorRange.MPEG
    assert picture(encode_frame(frame, VideoParams(quality=95))).getextrema() == (0, 255)


@pytest.mark.parametrize("encoding", ["jpeg", "webp"])
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (3, 1), (2, 5), (17, 33), (97, 64), (322, 7), (999, 3)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "nv12"])
def test_odd_sizes(pixel_format: str, size: tuple[int, int], encoding: str) -> None:
    width, height = size
    # Red up to the last column and row. What stands in memory behind them must not show, nor get into the bytes.
    frame, other = (red_frame(size, pixel_format, behind) for behind in (7, 250))
    for max_edge in (None, 64):
        params = VideoParams.model_validate({"format": encoding, "quality": 95, "max_edge": max_edge})
        encoded = encode_frame(frame, params)
        expected = encode_picture(bytes((254, 0, 0)) * (width * height), size, "RGB", params)
        found = picture(encoded).convert("RGB")
        assert found.size == (encoded.width, encoded.height) == (expected.width, expected.height)
        assert np.abs(np.asarray(found, int) - (254, 0, 0)).max() <= 10
        assert encode_frame(other, params).data == encoded.data
    assert np.abs(thumbnail_of_planes(frame).astype(int) - 76).max() <= 1
    assert (thumbnail_of_planes(other) == thumbnail_of_planes(frame)).all()


def red_frame(size: tuple[int, int], pixel_format: str, behind: int) -> VideoFrame:
    frame = VideoFrame(*size, pixel_format)
    values = {"yuv420p": (81, 90, 240), "nv12": (81, (90, 240)), "yuvj420p": (76, 85, 255)}
    for plane, value in zip(frame.planes, values[pixel_format], strict=True):
        sample = np.atleast_1d(np.array(value, np.uint8))
        rows = np.full((plane.height, plane.line_size), behind, np.uint8)
        rows[:, : plane.width * sample.size] = np.tile(sample, plane.width)
        plane.update(rows.tobytes())
    return frame


def test_lines_that_lie_upside_down_in_memory() -> None:
    frame = frame_of(scene(640, 360))
    frame.pts, frame.time_base = 0, Fraction(1, 30)
    graph = Graph()
    source = graph.add_buffer(width=640, height=360, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add("vflip"), graph.add("buffersink")).configure()
    graph.push(frame)
    turned = graph.pull()
    assert isinstance(turned, VideoFrame)
    assert turned.planes[0].line_size < 0
    upright = VideoFrame.from_ndarray(turned.to_ndarray(), "yuv420p")
    assert upright.planes[0].line_size > 0
    assert encode_frame(turned, VideoParams()).data == encode_frame(upright, VideoParams()).data


def test_webp_as_by_way_of_rgb() -> None:
    params = VideoParams(format="webp", quality=80)
    for frame in coded("libvpx", [frame_of(scene(640, 480))]):
        assert encode_frame(frame, params).format is SampleFormat.WEBP
        assert_same_picture(frame, params)


def test_quality_counts() -> None:
    frame = frame_of(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    low, high = (len(encode_frame(frame, VideoParams(quality=quality)).data) for quality in (10, 95))
    assert low < high


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (VideoFrame(), "0x0"),
        (VideoFrame(16_384, 2, "gray"), "no edge over 16383"),
        (VideoFrame(10_000, 5_001, "gray"), "at most 50 million"),
        (VideoFrame(16, 16, "rgb4"), "rgb4 cannot be read"),
        (VideoFrame(16, 16, "yaf32le"), "more than 16 bits a sample, yaf32le, cannot be read"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_nonsense_is_refused_in_words(frame: VideoFrame, words: str) -> None:
    for refused in (lambda: encode_frame(frame, VideoParams()), lambda: thumbnail_of_planes(frame)):
        with pytest.raises(MediaError, match=words):
            refused()


def difference(one: np.ndarray, other: np.ndarray) -> int:
    """The most by which two thumbnails differ in any point."""
    assert one.shape == other.shape
    assert one.dtype == other.dtype == np.uint8
    return int(np.abs(one.astype(int) - other).max())


def dark(width: int, height: int, at: int, level: float) -> np.ndarray:
    """What a covered lens shows: so much glow, and noise."""
    noise = np.random.default_rng(at).normal(level, 5, (height, width, 3))
    return np.clip(noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("codec", ["libvpx", "libx264"])
@pytest.mark.parametrize("size", [(320, 240), (1280, 720)])
@pytest.mark.parametrize("kind", ["moves", "stands still", "black", "dark", "not quite black", "bright"])
def test_thumbnails_and_what_they_tell_as_by_way_of_rgb(codec: str, size: tuple[int, int], kind: str) -> None:
    pictures = {
        "moves": lambda at: scene(*size, at),
        "stands still": lambda at: np.roll(scene(*size), at // 99, axis=1),
        "black": lambda at: dark(*size, at, 0),
        "dark": lambda at: dark(*size, at, 15),
        "not quite black": lambda at: dark(*size, at, 32),
        "bright": lambda at: np.clip(scene(*size, at).astype(int) + 60, 0, 255).astype(np.uint8),
    }[kind]
    ours, theirs = Stillness(), Stillness()
    told = set()
    for at, frame in enumerate(coded(codec, [frame_of(pictures(at)) for at in range(8)])):
        thumbnail = thumbnail_of_planes(frame)
        rgb = cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2RGB_I420)
        expected = thumbnail_of_frame(rgb, size, "RGB")
        assert difference(thumbnail, expected) <= THUMBNAIL_LEVELS
        assert is_black(thumbnail) == is_black(expected) == (kind in {"black", "dark"})
        seconds = ours.seconds(thumbnail, at), theirs.seconds(expected, at)
        assert seconds[0] == seconds[1]
        told.add(seconds[0] >= SECONDS)
    assert (True in told) == (kind not in {"moves", "bright"})


def test_threads_do_not_disturb_each_other() -> None:
    # One frame for all of them; its format is one that has to be converted first.
    frame = frame_of(scene(320, 240), "yuv422p", Colorspace.ITU709)
    params = VideoParams(max_edge=200)
    expected = encode_frame(frame, params).data, thumbnail_of_planes(frame).tobytes()
    together = threading.Barrier(8)

    def work(_: int) -> None:
        together.wait()
        for _ in range(20):
            assert (encode_frame(frame, params).data, thumbnail_of_planes(frame).tobytes()) == expected

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_the_encoder_lets_go_of_the_interpreter() -> None:
    # Full range, so that there is nothing to do but to compress.
    frame = frame_of(scene(1920, 1080), "yuvj420p", value_range=ColorRange.JPEG)
    encode_frame(frame, VideoParams())
    interval = sys.getswitchinterval()

    def others_ran() -> bool:
        """Whether a thread that waits for its turn gets one while a picture is compressed."""
        gate, waits, ran = threading.Lock(), threading.Event(), threading.Event()

        def wait_at_the_gate() -> None:
            waits.set()
            with gate:
                ran.set()

        with gate:
            other = threading.Thread(target=wait_at_the_gate)
            other.start()
            waits.wait()
            sys.setswitchinterval(100)  # nobody is made to let go
        encode_frame(frame, VideoParams())
        turned = ran.is_set()
        sys.setswitchinterval(interval)
        other.join()
        return turned

    try:
        assert any(others_ran() for _ in range(50))
    finally:
        sys.setswitchinterval(interval)


def test_the_libraries_are_imported_when_a_frame_is_there() -> None:
    program = "import sys, deepguard.media.planes; print(sorted({'av', 'simplejpeg', 'pipecat'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
