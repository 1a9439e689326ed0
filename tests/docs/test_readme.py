"""README.md: its snippets run, its commands and variables are those that there are."""

from __future__ import annotations

import ast
import base64
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

import aiohttp
import pytest
from pipecat.frames.frames import EndFrame, Frame, UserImageRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.tests.utils import run_test
from typer.main import get_command

from deepguard import Call, Guard, Thresholds
from deepguard.cli import app
from deepguard.config.loading import default_config, load_config
from deepguard.plugins import PluginHost
from support.dataspike_peer import Peer, Session, session
from support.pages import ROOT, code, files, snippets, table
from support.vendor_schema import FrameRequest, Type

PAGE = ROOT / "README.md"
KEY = "key-of-the-account"


def snippet(word: str) -> str:
    """The only snippet that holds a word."""
    (found,) = (one.text for one in snippets(PAGE) if word in one.text)
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment that says nothing."""
    monkeypatch.chdir(tmp_path)
    for variable in ("DATASPIKE_API_KEY", "DATASPIKE_WS_URL", "DEEPGUARD_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


# -- snippets --------------------------------------------------------------------------------------------------------


def test_the_yaml_loads_and_says_what_holds_anyway(folder: Path) -> None:
    (folder / "deepguard.yaml").write_text(snippet("yaml-language-server"))
    config = load_config(folder / "deepguard.yaml", PluginHost(), {})
    assert config == default_config(PluginHost(), {})


def test_the_notifiers_load(folder: Path) -> None:
    (folder / "deepguard.yaml").write_text(snippet("webhook_url"))
    environ = {
        "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T000/B000/" + "x" * 24,
        "WEBHOOK_SECRET": "whsec_" + base64.b64encode(bytes(32)).decode(),
        "SMTP_PASSWORD": "word",
    }
    config = load_config(folder / "deepguard.yaml", PluginHost(), environ)
    assert [entry.type for entry in config.notifiers] == ["log", "slack", "webhook", "email"]


def test_the_policy_changes_the_thresholds_of_the_calls_that_it_names(folder: Path) -> None:
    for name, text in files(PAGE).items():
        (folder / name).write_text(text)
    named = re.search(r"`(policy: \{.*?\})`", PAGE.read_text())
    assert named
    (folder / "deepguard.yaml").write_text(named[1])
    host = PluginHost()
    load_config(folder / "deepguard.yaml", host, {})

    def decided(metadata: Mapping[str, str]) -> Any:
        return host.first("deepguard_thresholds", call=Call("c", 0.0, metadata), defaults=Thresholds(2, 2, 2))

    assert decided({"queue": "wire-transfers"}) == Thresholds(1, 1, 3)
    assert decided({"queue": "support"}) == Thresholds(2, 2, 2)


def picture() -> Frame:
    frame = UserImageRawFrame(user_id="peer", image=bytes(64 * 48 * 3), size=(64, 48), format="RGB")
    frame.transport_source = "camera"
    return frame


async def event_of(guard: Guard, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first event of a guard's live stream that is wanted, of those that have been, too."""
    with guard.live.reader() as reader:
        async for event in reader.events():
            for one in (*event.get("recent", ()), event):
                if wanted(one):
                    return one
    raise AssertionError("the live stream ended")


async def run(compiled: CodeType, names: dict[str, Any]) -> None:
    """Run code that awaits at its top level."""
    await eval(compiled, names)


def compiled(text: str) -> CodeType:
    """Code that may await at its top level; where it says ``...`` it calls ``meanwhile``."""
    tree = ast.parse(text)
    meanwhile = ast.parse("await meanwhile()", mode="eval").body
    for statement in tree.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            statement.value = ast.copy_location(meanwhile, statement.value)
    tree = ast.fix_missing_locations(tree)
    return compile(tree, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


async def test_a_bot_s_own_pipeline_is_guarded(folder: Path) -> None:
    async def meanwhile() -> None:
        await run_test(names["pipeline"], frames_to_send=[picture()], expected_down_frames=[UserImageRawFrame])
        seen.append(await event_of(names["guard"], lambda event: event["type"] == "verdict"))

    seen: list[dict[str, Any]] = []
    names: dict[str, Any] = {
        "Pipeline": Pipeline,
        "transport": SimpleNamespace(input=IdentityFilter, output=IdentityFilter),
        "vad": IdentityFilter(),
        "session_id": "session-1",
        "meanwhile": meanwhile,
    }
    await run(compiled(snippet("Runtime.load")), names)
    assert (seen[0]["source"], seen[0]["detector"]) == ("camera", "embedded")
    snapshot = names["guard"].live.snapshot()
    assert snapshot["call"]["id"] == "session-1"
    assert snapshot["call"]["ended_at"] is not None


class UntilVerdict(FrameProcessor):
    """Holds back the end of a pipeline until a guard has had a verdict."""

    def __init__(self, guard: Guard) -> None:
        super().__init__()
        self._guard = guard

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, EndFrame):
            await event_of(self._guard, lambda event: event["type"] == "verdict")
        await self.push_frame(frame, direction)


@session
async def alerting(peer: Session) -> None:
    async for message in peer.ws:
        await peer.answer(FrameRequest().parse(message.data), Type.ALERT, "not who they seem")


async def test_a_bot_for_dataspike_s_own_processor_changes_only_the_import(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Peer(alerting) as peer, aiohttp.ClientSession() as http:
        monkeypatch.setenv("DATASPIKE_WS_URL", peer.url)
        names: dict[str, Any] = {"key": KEY, "session": http}
        await run(compiled(snippet("DataspikeDeepfakeProcessor(")), names)
        processor = names["processor"]
        await run_test(Pipeline([processor, UntilVerdict(processor.guard)]), frames_to_send=[picture()])
        await processor.stop()
        assert not http.closed
    assert peer.handshakes[0]["Authorization"] == f"Bearer {KEY}"
    assert capsys.readouterr().out == "caller not who they seem\n"


def test_each_snippet_is_one_that_a_test_here_uses() -> None:
    python_and_yaml = [one.text for one in snippets(PAGE) if one.language != "bash"]
    used = ["yaml-language-server", "webhook_url", "my_policy.py", "Runtime.load", "DataspikeDeepfakeProcessor("]
    assert len(python_and_yaml) == len(used)
    assert all(snippet(word) in python_and_yaml for word in used)


# -- commands and variables ------------------------------------------------------------------------------------------


def real_commands(command: Any, words: tuple[str, ...] = ()) -> dict[str, Any]:
    """Every command of the command line by the words that call it."""
    if not hasattr(command, "list_commands"):
        return {" ".join(words): command}
    found: dict[str, Any] = {}
    for name in command.list_commands(None):
        found |= real_commands(command.get_command(None, name), (*words, name))
    return found


def test_the_table_of_commands_is_the_command_line() -> None:
    told = [code(row[0])[0].replace("\\|", "|") for row in table(PAGE, "command")]
    parsed: dict[str, list[str]] = {}
    for one in told:
        name = re.match(r"deepguard ([a-z-]+(?: [a-z]+)*)", one)
        assert name, one
        # What stands in brackets may be left out; the rest are arguments, and options with their values.
        needed = re.sub(r"\[.*?\]", "", one[name.end() :])
        parsed[name[1]] = re.findall(r"\[(.*?)\]", one) + re.findall(r"--[a-z-]+(?: [^\s-]+)?|[A-Z]+", needed)
    real = real_commands(get_command(app))
    assert set(parsed) == set(real)
    for name, parts in parsed.items():
        options = {option for parameter in real[name].params for option in parameter.opts}
        arguments = {parameter.name for parameter in real[name].params if not parameter.opts[0].startswith("-")}
        for part in parts:
            if part.startswith("--"):
                assert part.split()[0] in options, (name, part)
            else:
                assert part.lower() in arguments, (name, part)


def test_the_table_of_variables_names_those_that_are_read() -> None:
    told = {code(row[0])[0] for row in table(PAGE, "variable")}
    example = set(re.findall(r"^# ([A-Z][A-Z0-9_]+)=", (ROOT / "env.example").read_text(), re.MULTILINE))
    source = "\n".join(path.read_text() for path in (ROOT / "deepguard").rglob("*.py"))
    assert told == example
    assert told == set(re.findall(r'"((?:DATASPIKE|DEEPGUARD)_[A-Z_]+)"', source))


def test_what_make_is_told_there_is_in_the_makefile() -> None:
    recipes = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in (PAGE, ROOT / "CONTRIBUTING.md"):
        text = page.read_text()
        lines = [line for one in snippets(page) for line in one.text.splitlines()]
        lines += re.findall(r"`(make [^`]*)`", text)
        for line in lines:
            words = shlex.split(line, comments=True)
            if words[:1] == ["make"]:
                assert {word for word in words[1:] if "=" not in word} <= recipes, line
            for path in re.findall(r"config/\S+?\.yaml", line):
                assert (ROOT / path).is_file(), line


def test_the_picture_is_small() -> None:
    (path,) = re.findall(r"!\[.+?\]\((\S+)\)", PAGE.read_text())
    assert (ROOT / path).stat().st_size < 200_000
