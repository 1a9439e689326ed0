"""What a guard decides live and what a replay decides on the same verdicts is the same, byte for byte."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings

from deepguard.model import Judgement, Source, Verdict
from deepguard.plugins import PluginHost
from deepguard.replay.candidate import Candidate, Named
from deepguard.replay.outcome import recorded, same
from deepguard.replay.settings import settings_yaml
from deepguard.store.entry import Entry
from deepguard.store.export import Export, read_export
from deepguard.store.history import write_history
from deepguard.store.importing import write_recordings
from deepguard.store.recording import Recording
from deepguard.store.recordings import read
from deepguard.store.store import Store
from deepguard.thresholds import Thresholds
from support.streams import AT, DETECTORS, as_bytes, guarded, streams, thresholds

STRANGE = """
    from deepguard import Judgement, Level, PolicyStep, hookimpl

    class Strange:
        def initial(self):
            return {"seen": 0}

        def advance(self, state, verdict, now):
            if verdict.message == "boom" and state["seen"] >= 3:
                raise ValueError("boom")
            state["seen"] += 1
            level = Level((state["seen"] + (verdict.judgement is Judgement.ALERT)) % 3)
            tracks = {verdict.source: level} if level else {}
            return PolicyStep(state, tracks, level, f"verdict {state['seen']} at {now}", "strange", state["seen"])

    @hookimpl
    def deepguard_policy(call, thresholds):
        return Strange()
"""
STRICT = """
    from dataclasses import replace
    from deepguard import hookimpl

    @hookimpl
    def deepguard_thresholds(call, participant_id, defaults):
        if participant_id == "Bo":
            return replace(defaults, alert_after=2, clear_after=3, scores=None)
        return defaults if participant_id else replace(defaults, dwell=1.0)
"""

many = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=40
)


class Books:
    """A store, and another one into which its calls are handed on."""

    def __init__(self, folder: Path, empty: Path, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._numbers = count()
        self.folder = folder
        self._stores = []
        for name in ("first.db", "second.db"):
            shutil.copy(empty, folder / name)
            store = Store(f"sqlite:///{folder / name}")
            runner.run(store.open())
            self._stores.append(store)

    def guard(self, verdicts: list[Verdict], limits: Thresholds, policy: Path | None) -> Recording:
        """Have a guard judge a call by these, and read what it wrote down."""
        host = PluginHost()
        if policy is not None:
            host.load_file(policy)
        call_id = f"call-{next(self._numbers)}"
        entries = self._runner.run(guarded(call_id, verdicts, limits, host))
        return self._written(call_id, entries)

    def hand_on(self, recording: Recording) -> Recording:
        """Export a call, import it into the other store, and read it there."""
        export = Export("0", AT)
        lines = [export.begin(), *export.call(recording), export.end()]
        (read_back,) = read_export(io.BytesIO(b"".join(lines)), "x")
        other = self._stores[1]
        self._runner.run(other.write(lambda db: write_recordings(db, [read_back])))
        return self._read(other, recording.call.id)

    def candidate(self, limits: Thresholds, policy: Path | None) -> Candidate:
        config = self.folder / "deepguard.yaml"
        detectors = "".join(f"  - {{type: embedded, name: {name}}}\n" for name in DETECTORS)
        config.write_text(f"detector:\n{detectors}{settings_yaml(limits)}", encoding="utf-8")
        return Candidate(Named(config, policy))

    def close(self) -> None:
        for store in self._stores:
            self._runner.run(store.close())

    def _written(self, call_id: str, entries: list[Entry]) -> Recording:
        self._runner.run(self._stores[0].write(lambda db: write_history(db, entries, "process")))
        return self._read(self._stores[0], call_id)

    def _read(self, store: Store, call_id: str) -> Recording:
        (found,) = self._runner.run(store.read(lambda db: read(db, [call_id], samples=False)))
        return found


@pytest.fixture
def books(tmp_path: Path, sqlite_with_tables: Path) -> Iterator[Books]:
    with asyncio.Runner() as runner:
        made = Books(tmp_path, sqlite_with_tables, runner)
        yield made
        made.close()


def written(folder: Path, source: str) -> Path:
    file = folder / "mine.py"
    file.write_text(dedent(source), encoding="utf-8")
    return file


def see_the_same(books: Books, verdicts: list[Verdict], limits: Thresholds, policy: Path | None) -> Recording:
    recording = books.guard(verdicts, limits, policy)
    assert len(recording.verdicts) == len(verdicts)
    candidate = books.candidate(limits, policy)
    live = recorded(recording)
    for again in (recording, books.hand_on(recording)):
        replayed = candidate.play(again).outcome
        assert as_bytes(replayed) == as_bytes(live)
        assert replayed.told == live.told
        assert bool(replayed.failed) == bool(live.failed)
        assert same(live, replayed)
    return recording


@many
@given(verdicts=streams(), limits=thresholds())
def test_the_built_in_policy(books: Books, verdicts: list[Verdict], limits: Thresholds) -> None:
    see_the_same(books, verdicts, limits, None)


@many
@given(verdicts=streams(), limits=thresholds())
def test_a_policy_of_a_file_also_one_that_fails_on_the_way(
    books: Books, verdicts: list[Verdict], limits: Thresholds
) -> None:
    see_the_same(books, verdicts, limits, written(books.folder, STRANGE))


@many
@given(verdicts=streams(), limits=thresholds())
def test_thresholds_of_each_participant(books: Books, verdicts: list[Verdict], limits: Thresholds) -> None:
    see_the_same(books, verdicts, limits, written(books.folder, STRICT))


def alerts(times: int) -> list[Verdict]:
    return [
        Verdict("Bo", "track", Source.CAMERA, Judgement.ALERT, AT + number, "first", message="boom")
        for number in range(times)
    ]


def test_a_policy_that_fails_live_fails_in_the_replay(books: Books) -> None:
    recording = see_the_same(books, alerts(8), Thresholds(), written(books.folder, STRANGE))
    assert "ValueError: boom" in recording.policy.failed
    replayed = books.candidate(Thresholds(), books.folder / "mine.py").play(recording).outcome
    assert replayed.failed.endswith("mine.py:10: ValueError: boom")


def test_participants_have_thresholds_of_their_own(books: Books) -> None:
    recording = see_the_same(books, alerts(2), Thresholds(), written(books.folder, STRICT))
    (change, *_) = [change for change in recording.levels if change.source is None]
    assert change.at == AT  # suspicious at the first alert, and an alert at the second
    assert [str(one.after) for one in recording.levels if one.source is None] == ["suspicious", "alert"]


def test_other_thresholds_decide_otherwise(books: Books) -> None:
    recording = books.guard(alerts(3), Thresholds(), None)
    other = books.candidate(Thresholds(alert_after=3), None).play(recording).outcome
    assert not same(recorded(recording), other)
    assert [incident.opened_at for incident in other.incidents] == [AT + 2]
