"""What can be seen in a picture.

The face is a part of NASA's portrait of Eileen Collins, which is in the public domain.
"""

import itertools
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from deepguard.detectors.embedded.faces import FaceFinder
from deepguard.detectors.embedded.pictures import TRACKS, PictureAssessor
from deepguard.model import BlindReason, Judgement, Sample, SampleFormat, Signal, Source

PORTRAIT = Path(__file__).parent / "data" / "astronaut.jpg"
NOT_ASSESSED = "deepfake: not assessed"
START = 1_700_000_000.0
numbers = itertools.count()


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    """A portrait, 448 x 336 pixels; the face is about a hundred pixels wide, around (227, 117)."""
    return Image.open(PORTRAIT).convert("RGB")


@pytest.fixture
def assessor() -> PictureAssessor:
    return PictureAssessor()


def encoded(picture: Image.Image, form: SampleFormat = SampleFormat.JPEG, quality: int = 75) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, form.name, quality=quality)
    return buffer.getvalue()


def sample(data: bytes, at: float = START, **over: Any) -> Sample:
    fields = {"track_id": "camera-1", "source": Source.CAMERA, "format": SampleFormat.JPEG} | over
    return Sample(id=f"s{next(numbers)}", call_id="c", participant_id="alice", data=data, captured_at=at, **fields)


def noisy(scene: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """The scene as a sensor sees it."""
    return Image.fromarray((scene + rng.normal(0, 2, scene.shape)).clip(0, 255).astype(np.uint8))


def number(signals: Any, name: str) -> float:
    value: Signal = signals[name]
    assert isinstance(value, int | float)
    return value


@pytest.mark.parametrize("form", [SampleFormat.JPEG, SampleFormat.WEBP])
def test_a_face_is_seen_and_nothing_is_claimed(
    assessor: PictureAssessor, portrait: Image.Image, form: SampleFormat
) -> None:
    finding = assessor.assess(sample(encoded(portrait, form), format=form))
    assert finding.judgement is Judgement.UNKNOWN
    assert finding.blind is BlindReason.NOT_ASSESSED
    assert finding.message.startswith(f"{NOT_ASSESSED}; one face of ")
    assert finding.signals.keys() == {
        *("face", "faces", "face_width", "face_height", "face_share", "sharpness"),
        *("brightness", "black", "frozen", "width", "height"),
    }
    assert (finding.signals["face"], finding.signals["faces"]) == (True, 1)
    assert 80 <= number(finding.signals, "face_width") <= 120
    assert 80 <= number(finding.signals, "face_height") <= 120
    assert 0.04 <= number(finding.signals, "face_share") <= 0.1
    assert number(finding.signals, "sharpness") > 0.5
    assert number(finding.signals, "brightness") == pytest.approx(
        np.asarray(portrait.convert("L")).mean() / 255, abs=0.02
    )
    assert (finding.signals["black"], finding.signals["frozen"]) == (False, False)
    assert (finding.signals["width"], finding.signals["height"]) == (448, 336)
    assert finding.model.startswith("opencv-")


def test_sizes_are_told_in_pixels_of_the_sample(assessor: PictureAssessor, portrait: Image.Image) -> None:
    finding = assessor.assess(sample(encoded(portrait.resize((448 * 5, 336 * 5)))))
    assert 400 <= number(finding.signals, "face_width") <= 600
    assert (finding.signals["width"], finding.signals["height"]) == (2240, 1680)
    assert 0.04 <= number(finding.signals, "face_share") <= 0.1


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: ImageEnhance.Brightness(picture).enhance(0.15),
        lambda picture: ImageEnhance.Contrast(picture).enhance(0.5),
        lambda picture: picture.filter(ImageFilter.GaussianBlur(3)),
        lambda picture: picture.rotate(20),
        lambda picture: picture.rotate(-20),
        lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda picture: picture.convert("L"),
    ],
    ids=["dark", "flat", "blurred", "tilted left", "tilted right", "mirrored", "grey"],
)
def test_a_face_is_found_in_worse_pictures(assessor: PictureAssessor, portrait: Image.Image, change: Any) -> None:
    assert assessor.assess(sample(encoded(change(portrait)))).signals["face"] is True


def test_where_the_face_is(portrait: Image.Image) -> None:
    for angle in (0, 20):
        grey = np.asarray(portrait.rotate(angle, center=(227, 117)).convert("L"))
        (face,) = FaceFinder().find(grey)
        assert abs(face.x + face.width / 2 - 227) < 25
        assert abs(face.y + face.height / 2 - 117) < 25


def test_several_faces_the_largest_first(assessor: PictureAssessor, portrait: Image.Image) -> None:
    scene = Image.new("RGB", (720, 336), (110, 110, 110))
    scene.paste(portrait.resize((314, 235)), (0, 60))
    scene.paste(portrait.crop((60, 0, 448, 336)), (332, 0))
    finding = assessor.assess(sample(encoded(scene)))
    assert finding.signals["faces"] == 2
    assert finding.message.startswith(f"{NOT_ASSESSED}; 2 faces, the largest of ")
    first, second = FaceFinder().find(np.asarray(scene.convert("L")))
    assert first.area > second.area
    assert first.x > second.x


def test_blur_lowers_sharpness(assessor: PictureAssessor, portrait: Image.Image) -> None:
    values = []
    for radius in (0, 1, 2, 4):
        picture = portrait.filter(ImageFilter.GaussianBlur(radius))
        values.append(number(assessor.assess(sample(encoded(picture, quality=90))).signals, "sharpness"))
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.5 > values[-1]


def test_no_face(assessor: PictureAssessor, portrait: Image.Image) -> None:
    finding = assessor.assess(sample(encoded(portrait.transpose(Image.Transpose.FLIP_TOP_BOTTOM))))
    assert (finding.blind, finding.judgement) == (BlindReason.NO_FACE, Judgement.UNKNOWN)
    assert finding.message == f"{NOT_ASSESSED}; no face found"
    assert [finding.signals[name] for name in ("face", "faces", "face_width", "face_share")] == [False, 0, 0, 0]


def test_a_black_picture(assessor: PictureAssessor) -> None:
    noise = np.random.default_rng(1).normal(8, 5, (360, 640)).clip(0, 255).astype(np.uint8)
    for picture in (Image.new("RGB", (640, 360)), Image.fromarray(noise)):
        finding = assessor.assess(sample(encoded(picture)))
        assert (finding.blind, finding.signals["black"]) == (BlindReason.BLACK_PICTURE, True)
        assert finding.message == f"{NOT_ASSESSED}; the picture is black"


def test_a_dark_room_with_a_lit_face_is_not_black(assessor: PictureAssessor, portrait: Image.Image) -> None:
    scene = Image.new("RGB", (640, 480))
    scene.paste(portrait.crop((150, 40, 310, 200)), (240, 100))
    assert assessor.assess(sample(encoded(scene))).signals["black"] is False


def test_the_third_picture_alike_is_frozen_whatever_the_encoder_made_of_it(
    assessor: PictureAssessor, portrait: Image.Image
) -> None:
    findings = [
        assessor.assess(sample(encoded(portrait, quality=quality), START + n))
        for n, quality in enumerate((75, 70, 80, 75, 90))
    ]
    assert [finding.signals["frozen"] for finding in findings] == [False, False, True, True, True]
    assert [finding.blind for finding in findings[1:3]] == [BlindReason.NOT_ASSESSED, BlindReason.FROZEN_PICTURE]
    assert findings[4].message == f"{NOT_ASSESSED}; the picture has been frozen for 4 s"
    assert findings[4].signals["face"] is True


def test_a_head_that_moves_by_a_pixel_is_not_frozen(assessor: PictureAssessor, portrait: Image.Image) -> None:
    rng = np.random.default_rng(2)
    for n in range(5):
        scene = np.asarray(portrait).copy()
        head = scene[40:200, 150:310]
        scene[40:200, 150:310] = np.roll(head, n % 2, axis=(0, 1))
        finding = assessor.assess(sample(encoded(noisy(scene, rng)), START + 5 * n))
        assert finding.signals["frozen"] is False


def test_a_still_picture_with_a_sensor_s_noise_is_frozen(assessor: PictureAssessor, portrait: Image.Image) -> None:
    rng = np.random.default_rng(3)
    scene = np.asarray(portrait)
    findings = [assessor.assess(sample(encoded(noisy(scene, rng)), START + n)) for n in range(3)]
    assert findings[-1].blind is BlindReason.FROZEN_PICTURE


def test_movement_thaws(assessor: PictureAssessor, portrait: Image.Image) -> None:
    still, moved = encoded(portrait), encoded(portrait.rotate(3))
    pictures = [still] * 3 + [moved] + [still] * 3
    findings = [assessor.assess(sample(data, START + n)) for n, data in enumerate(pictures)]
    assert [finding.signals["frozen"] for finding in findings] == [False, False, True, False, False, False, True]


def test_three_pictures_within_a_moment_are_not_frozen(assessor: PictureAssessor, portrait: Image.Image) -> None:
    data = encoded(portrait)
    for n in range(5):
        finding = assessor.assess(sample(data, START + n / 30))
        assert finding.signals["frozen"] is False


def test_tracks_are_compared_each_with_itself(assessor: PictureAssessor, portrait: Image.Image) -> None:
    still, other = encoded(portrait), encoded(portrait.rotate(5))
    findings = []
    for n in range(3):
        findings.append(assessor.assess(sample(still, START + n)))
        assessor.assess(sample(other if n % 2 else still, START + n, track_id="camera-2"))
    assert findings[-1].signals["frozen"] is True
    assert assessor.assess(sample(still, START + 3, track_id="camera-3")).signals["frozen"] is False


def test_another_resolution_is_another_picture(assessor: PictureAssessor, portrait: Image.Image) -> None:
    data = encoded(portrait)
    frozen = [assessor.assess(sample(data, START + n)).signals["frozen"] for n in range(3)]
    larger = encoded(portrait.resize((896, 672)))
    frozen += [assessor.assess(sample(larger, START + 3 + n)).signals["frozen"] for n in range(3)]
    assert frozen == [False, False, True, False, False, True]


def test_a_shared_screen_stands_still_and_shows_no_face_by_its_nature(assessor: PictureAssessor) -> None:
    slide = Image.new("RGB", (640, 360), (250, 250, 250))
    findings = [assessor.assess(sample(encoded(slide), START + n, source=Source.SCREEN)) for n in range(3)]
    assert {finding.blind for finding in findings} == {BlindReason.NOT_ASSESSED}
    assert (findings[-1].signals["frozen"], findings[-1].signals["face"]) == (True, False)
    black = assessor.assess(sample(encoded(Image.new("RGB", (640, 360))), source=Source.SCREEN))
    assert black.blind is BlindReason.BLACK_PICTURE


def test_the_memory_of_tracks_is_bounded_and_the_longest_silent_is_forgotten(assessor: PictureAssessor) -> None:
    data = encoded(Image.new("RGB", (64, 64), (200, 200, 200)))

    def frozen(track: int, at: float) -> Signal:
        return assessor.assess(sample(data, at, track_id=f"camera-{track}")).signals["frozen"]

    for n in range(2):
        for track in range(TRACKS):
            frozen(track, START + n)
    # One more than is remembered: the one that was seen last is the one that is still known.
    frozen(TRACKS, START + 2)
    assert frozen(TRACKS - 1, START + 2) is True
    assert frozen(0, START + 2) is False


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """The same JPEG, its header claiming another size."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + jpeg[at + 4 :]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "could not be decoded"),
        ("text", "could not be decoded"),
        ("truncated", "could not be decoded"),
        ("png", "could not be decoded"),
        ("webp", "could not be decoded"),
        ("large", "refused: 9000 x 9000 pixels"),
        ("bomb", "could not be decoded"),
    ],
)
def test_what_cannot_be_read_is_an_error(
    assessor: PictureAssessor, portrait: Image.Image, name: str, words: str
) -> None:
    png = BytesIO()
    portrait.save(png, "PNG")
    jpeg = encoded(portrait)
    data = {
        "empty": b"",
        "text": b"this is not a picture" * 100,
        "truncated": jpeg[: len(jpeg) // 2],
        "png": png.getvalue(),
        "webp": encoded(portrait, SampleFormat.WEBP),
        "large": with_size(jpeg, 9000, 9000),
        "bomb": with_size(jpeg, 65_000, 65_000),
    }[name]
    finding = assessor.assess(sample(data))
    assert finding.judgement is Judgement.ERROR
    assert finding.message.startswith(NOT_ASSESSED)
    assert words in finding.message


def test_the_smallest_and_the_oddest_pictures_are_measured(assessor: PictureAssessor) -> None:
    for size in ((1, 1), (3, 2), (2000, 1), (1, 2000)):
        finding = assessor.assess(sample(encoded(Image.new("RGB", size, (200, 200, 200)))))
        assert finding.blind is BlindReason.NO_FACE
        assert (finding.signals["width"], finding.signals["height"]) == size
