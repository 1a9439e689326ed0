"""docs/detectors.md: its tables and examples are those of the detectors that there are."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from deepguard import Detector, Source
from deepguard.config.loading import load_config
from deepguard.detectors.embedded.finding import NOT_ASSESSED, Finding
from deepguard.detectors.embedded.pictures import PictureAssessor
from deepguard.detectors.embedded.sound import assess_sound
from deepguard.detectors.several import build_detector
from deepguard.model import Sample, SampleFormat
from deepguard.plugins import PluginHost
from support.caller import calling
from support.pages import ROOT, code, files, module_of, snippets, table
from support.program import DEEPGUARD, running

PAGE = ROOT / "docs" / "detectors.md"
PORTRAIT = ROOT / "tests" / "detectors" / "embedded" / "data" / "astronaut.jpg"
NAMES = ("dataspike", "second", "embedded")
ENVIRON = {"DATASPIKE_API_KEY": "key-of-the-account"}


def loaded(name: str, folder: Path) -> Detector:
    """The detector that one of the page's files asks for."""
    (folder / name).write_text(files(PAGE)[name])
    host = PluginHost()
    entry = load_config(folder / name, host, ENVIRON).detector
    return build_detector(entry, host.detector_types)


async def test_several_are_what_the_page_says_of_them(tmp_path: Path) -> None:
    detector = loaded("detectors.several.yaml", tmp_path)
    assert f"`{detector.name}`" in PAGE.read_text()
    assert (detector.assesses_deepfakes, detector.simulated, detector.local) == (True, False, False)
    entry = load_config(tmp_path / "detectors.several.yaml", PluginHost(), ENVIRON).detector
    assert (entry.names, entry.title) == (NAMES, detector.name)


async def test_the_table_of_detectors_says_what_they_say_of_themselves(tmp_path: Path) -> None:
    (tmp_path / "embedded.yaml").write_text("detector: {type: embedded}")
    host = PluginHost()
    entry = load_config(tmp_path / "embedded.yaml", host, {}).detector
    there = [
        loaded("detectors.dataspike.yaml", tmp_path),
        host.detector_types[entry.type].factory(entry.options),
        loaded("detectors.scenario.yaml", tmp_path),
    ]
    rows = table(PAGE, "`detector: {type: …}`")
    assert [code(row[0])[0] for row in rows] == [detector.name for detector in there]
    for row, detector in zip(rows, there, strict=True):
        assert row[2].startswith("yes") is (detector.assesses_deepfakes and not detector.simulated)
        assert ("simulated" in row[2]) is detector.simulated
        assert row[3].startswith("no") is detector.local


@pytest.mark.parametrize(
    ("environ", "chosen"), [(ENVIRON, "dataspike"), ({}, "embedded")], ids=["with a key", "without a key"]
)
def test_auto_takes_what_the_page_says(tmp_path: Path, environ: dict[str, str], chosen: str) -> None:
    (tmp_path / "deepguard.yaml").write_text("detector: {type: auto}")
    assert load_config(tmp_path / "deepguard.yaml", PluginHost(), environ).detector.type == chosen


def test_the_tables_of_settings_are_up_to_date() -> None:
    writer = module_of(PAGE.with_name("settings_reference.py"))
    page = PAGE.read_text()
    assert writer.page_with_tables(page) == page, "run: python docs/settings_reference.py"
    for name, model in next(models for path, models in writer.PAGES.items() if path.name == PAGE.name).items():
        assert f"<!-- {name}: " in page
        assert all(f"| `{setting}` |" in page for setting in model.model_fields)


def sample(source: Source, sample_format: SampleFormat, data: bytes) -> Sample:
    return Sample(
        id="s",
        call_id="c",
        participant_id="p",
        track_id="t",
        source=source,
        format=sample_format,
        data=data,
        captured_at=0.0,
    )


def test_the_tables_of_signals_are_what_is_measured() -> None:
    def told(heading: str) -> list[str]:
        return [name for row in table(PAGE, heading) for name in code(row[0])]

    seen = PictureAssessor().assess(sample(Source.CAMERA, SampleFormat.JPEG, PORTRAIT.read_bytes()))
    heard = assess_sound(sample(Source.MICROPHONE, SampleFormat.PCM, bytes(96_000)))
    assert told("signal of a picture") == list(seen.signals)
    assert told("signal of a piece of sound") == list(heard.signals)
    for finding in (seen, heard):
        assert isinstance(finding, Finding)
        assert finding.judgement == "unknown"
        assert finding.message.startswith(NOT_ASSESSED)
    assert f"*{NOT_ASSESSED}*" in PAGE.read_text()


async def test_a_served_detector_judges_a_real_call_as_dataspike_would(tmp_path: Path) -> None:
    (tmp_path / "demo.yaml").write_text("detector: {type: scenario, timeline: [{at: 0, all: alert}]}")
    (tmp_path / "deepguard.yaml").write_text("{}")
    process = await asyncio.create_subprocess_exec(
        *(DEEPGUARD, "detector", "serve", "--config", "demo.yaml", "--port", "0"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        said = await asyncio.wait_for(process.stdout.readline(), 30)
        address = re.search(r"ws://\S+:\d+", said.decode())
        assert address, said
        variables = {"DATASPIKE_WS_URL": address[0], "DATASPIKE_API_KEY": "anything"}
        async with running(cwd=tmp_path, env=variables) as program, calling(program.url) as caller:
            verdict = await caller.until(lambda event: event["type"] == "verdict")
            opened = await caller.until(lambda event: event.get("kind") == "incident.opened")
            state = caller.events[0]
    finally:
        process.terminate()
        await process.wait()
    assert (verdict["detector"], verdict["score"]) == ("dataspike", None)
    assert "simulated" in verdict["message"]
    assert opened["simulated"] is False
    assert state["detector"]["label"] == "Dataspike"


def test_each_snippet_is_one_that_a_test_uses() -> None:
    used = {"detectors.dataspike.yaml", "detectors.scenario.yaml", "detectors.several.yaml"}
    assert set(files(PAGE)) == used
    commands = [one.text for one in snippets(PAGE) if one.language == "bash"]
    assert len(snippets(PAGE)) == len(used) + len(commands)
    # What these do is tried above, on free ports.
    assert commands == [
        "deepguard detector serve --config config/scenario-demo.yaml\n",
        "DATASPIKE_WS_URL=ws://localhost:8765 DATASPIKE_API_KEY=anything deepguard run\n",
    ]
