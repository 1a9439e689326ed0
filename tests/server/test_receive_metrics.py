"""What GET /metrics tells of the receive paths, before, during and after a real call."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from deepguard.pipeline.receive.counts import LATE_SECONDS
from support.caller import VOICE_RATE, calling
from support.program import running
from support.serving import serving
from support.speech import speech

LEVELS = ("kernel", "datagram", "packet", "decoded")
REASONS = ("configured", "codec", "ignored", "rate", "internals")
SOURCES = ("camera", "microphone", "screen")
LABELLED = {
    "deepguard_receive_tracks": ("gauge", "level", LEVELS),
    "deepguard_receive_packets_taken": ("counter", "source", SOURCES),
    "deepguard_receive_packets_held": ("counter", "source", SOURCES),
    "deepguard_receive_fallbacks": ("counter", "reason", REASONS),
}
PLAIN = (
    "deepguard_keyframes_asked",
    "deepguard_keyframes_came",
    "deepguard_pictures_undecodable",
    "deepguard_microphones_distrusted",
)
EARLIEST = "kernel" if sys.platform == "linux" else "datagram"
SAMPLED = "detector: {type: embedded}\nvideo: {normal_fps: 0.5}\n"
Values = Mapping[tuple[str, str], float]


def values_of(families: list[Metric]) -> Values:
    """Every sample by its name and its only label, or an empty text."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in families
        for sample in family.samples
        if len(sample.labels) < 2
    }


async def scraped(http: aiohttp.ClientSession) -> Values:
    async with http.get("/metrics") as response:
        return values_of(list(read_text(await response.text())))


async def until(http: aiohttp.ClientSession, holds: Callable[[Values], bool]) -> Values:
    async with asyncio.timeout(40):
        while not holds(values := await scraped(http)):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.1)
    return values


def tracks(values: Values) -> dict[str, float]:
    return {level: values["deepguard_receive_tracks", level] for level in LEVELS}


async def test_before_the_first_call_everything_is_there_and_nothing_is_counted(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, SAMPLED) as (_, url),
        aiohttp.ClientSession(url) as http,
        http.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"}) as response,
    ):
        families = {family.name: family for family in read_openmetrics(await response.text())}
    for name, (kind, label, values) in LABELLED.items():
        assert families[name].type == kind
        assert [sample.labels for sample in families[name].samples] == [{label: value} for value in values], name
    for name in PLAIN:
        assert families[name].type == "counter"
        assert [sample.labels for sample in families[name].samples] == [{}], name
    late = families["deepguard_picture_lateness_seconds"]
    assert late.type == "histogram"
    bounds = [float(sample.labels["le"]) for sample in late.samples if sample.name.endswith("_bucket")]
    assert bounds == [*LATE_SECONDS, float("inf")]
    told = (*LABELLED, *PLAIN, late.name)
    assert {sample.value for name in told for sample in families[name].samples} == {0.0}


async def test_a_call_is_seen_in_them_while_it_lasts(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text(SAMPLED)
    async with running(cwd=tmp_path) as program, aiohttp.ClientSession(program.url) as http:
        async with calling(program.url, voice=speech(VOICE_RATE).tobytes()):
            values = await until(
                http,
                lambda values: (
                    values["deepguard_picture_lateness_seconds_count", ""] >= 2
                    and values["deepguard_receive_packets_held_total", "camera"] > 0
                    and values["deepguard_receive_packets_taken_total", "microphone"] > 0
                ),
            )
            assert tracks(values) == {level: 2.0 if level == EARLIEST else 0.0 for level in LEVELS}
        ended = await until(http, lambda values: values["deepguard_calls", ""] == 0)
        assert tracks(ended) == dict.fromkeys(LEVELS, 0.0)
    # Each picture is made from a keyframe of its own.
    pictures = values["deepguard_picture_lateness_seconds_count", ""]
    assert values["deepguard_keyframes_came_total", ""] >= pictures
    assert values["deepguard_keyframes_asked_total", ""] >= values["deepguard_keyframes_came_total", ""]
    assert values["deepguard_receive_packets_taken_total", "camera"] > 0
    assert values["deepguard_pictures_undecodable_total", ""] == 0
    assert values["deepguard_microphones_distrusted_total", ""] == 0
    for name in ("taken", "held"):
        assert values[f"deepguard_receive_packets_{name}_total", "screen"] == 0
    assert {values["deepguard_receive_fallbacks_total", reason] for reason in REASONS} == {0.0}
    assert values["deepguard_picture_lateness_seconds_sum", ""] > 0
    bounds = (*map(str, LATE_SECONDS), "+Inf")
    buckets = [values["deepguard_picture_lateness_seconds_bucket", bound] for bound in bounds]
    assert buckets == sorted(buckets)
    assert buckets[-1] == pictures


async def test_a_camera_of_which_all_is_decoded_says_why(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text("detector: {type: embedded}\nvideo: {normal_fps: 2, decode: all}\n")
    async with running(cwd=tmp_path) as program, aiohttp.ClientSession(program.url) as http, calling(program.url):
        values = await until(http, lambda values: values["deepguard_picture_lateness_seconds_count", ""] >= 2)
    fallbacks = {reason: values["deepguard_receive_fallbacks_total", reason] for reason in REASONS}
    assert fallbacks == {reason: 1.0 if reason == "configured" else 0.0 for reason in REASONS}
    assert values["deepguard_receive_packets_held_total", "camera"] == 0
