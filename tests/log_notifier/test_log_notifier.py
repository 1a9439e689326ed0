"""The log notifier: what it writes, and what nobody can make it write."""

import asyncio
import json
import os
import re
import shlex
import stat
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger
from pydantic import ValidationError

import deepguard_log
from deepguard import Level, NotificationKind, NotifyError, Source
from deepguard.testing import make_notification
from deepguard_log.config import LogConfig
from deepguard_log.lines import json_line, text_line
from deepguard_log.notifier import LogNotifier

HOSTILE = '{name} {0} {} <red>x</red> \\<b> "quoted" \\ \r\nINFO forged line\x1b[31m\x00\u202e\u2028\x85 level=clear'


@pytest.fixture
def logged():
    """What loguru wrote, as a terminal and as JSON would get it."""
    lines = {"text": [], "json": []}
    sinks = [
        logger.add(lambda line: lines["text"].append(str(line)), format="{level}|{message}", colorize=True),
        logger.add(lambda line: lines["json"].append(json.loads(line)["record"]), serialize=True),
    ]
    yield lines
    for sink in sinks:
        logger.remove(sink)


def with_incident(notification, **over):
    """The same notification with other values in its incident."""
    return replace(notification, incident=replace(notification.incident, **over))


async def sent(notification, **settings):
    notifier = LogNotifier(LogConfig(**settings))
    await notifier.start()
    await notifier.send(notification)
    await notifier.close()


def test_the_type_is_offered_through_the_hook():
    (offered,) = deepguard_log.deepguard_register_notifiers()
    assert (offered.name, offered.config) == ("log", LogConfig)
    assert isinstance(offered.factory(LogConfig()), LogNotifier)


def test_a_text_line_says_who_what_and_where():
    notification = make_notification(participant_id="Zoë B", call_id="s-41", id="ntf_1", detector="dataspike")
    assert text_line(with_incident(notification, id="inc_1")) == (
        'incident.opened level=alert participant="Zoë B" incident=inc_1 call=s-41 detector=dataspike '
        'notification=ntf_1 title="Zoë B may be a deepfake" '
        'detail="Reason: an alert verdict on the camera. At alert since it began: the camera."'
    )


@pytest.mark.parametrize("kind", NotificationKind)
@pytest.mark.parametrize("simulated", [True, False])
def test_every_kind_says_what_it_is_and_whether_it_is_real(kind, simulated):
    notification = make_notification(kind=kind, simulated=simulated)
    line = text_line(notification)
    assert line.split()[: 1 + simulated] == ["SIMULATED"] * simulated + [kind.value]
    record = json.loads(json_line(notification))
    assert (record["kind"], record["simulated"], record["id"]) == (kind.value, simulated, notification.id)
    assert (record["incident"] is None) == (notification.incident is None)


def test_a_json_line_holds_the_whole_incident():
    notification = make_notification(kind=NotificationKind.RESOLVED, at=5.0)
    taken = {"acknowledged_at": 4.0, "acknowledged_by": "Zoë"}
    told = with_incident(notification, id="inc_1", context={"customer": "4711"}, **taken)
    assert json.loads(json_line(told))["incident"] == {
        "id": "inc_1",
        "opened_at": 5.0,
        "updated_at": 5.0,
        "resolved_at": 5.0,
        "resolution": "cleared",
        "acknowledged_at": 4.0,
        "acknowledged_by": "Zoë",
        "level": "clear",
        "peak": "alert",
        "sources": ["camera"],
        "detail": "a clear verdict on the camera",
        "context": {"customer": "4711"},
    }


@given(st.one_of(st.text(), st.just(HOSTILE)), st.one_of(st.text(), st.just(HOSTILE)))
def test_whatever_a_name_holds_a_line_is_one_line_of_the_same_fields(name, title):
    notification = make_notification(participant_id=name, call_id=name, title=title, detail=name, detector="d")
    line = text_line(notification)
    assert line.isprintable()
    keys = [word.split("=")[0] for word in shlex.split(line)[1:]]
    known = ["level", "participant", "incident", "call", "detector", "notification", "title", "detail"]
    empty = {
        key for key, value in {"participant": name, "call": name, "title": title, "detail": name}.items() if not value
    }
    assert keys == [key for key in known if key not in empty]
    record = json_line(notification)
    assert record.isascii()
    assert record.isprintable()
    assert json.loads(record)["participant"] == name


def test_an_endless_name_is_cut():
    line = text_line(make_notification(participant_id="x" * 100_000, call_id="\x1b" * 100_000, title="t", detail="d"))
    assert len(line) < 5000


@pytest.mark.parametrize("form", ["text", "json"])
async def test_hostile_names_pass_through_loguru_unharmed(logged, form):
    notification = make_notification(participant_id=HOSTILE, title=HOSTILE)
    await sent(notification, format=form)
    expected = text_line(notification) if form == "text" else json_line(notification)
    (line,) = logged["text"]
    assert line == f"WARNING|{expected}\n"
    (record,) = logged["json"]
    assert record["message"] == expected


@pytest.mark.parametrize("kind", NotificationKind)
async def test_the_level_is_for_what_needs_somebody(logged, kind):
    await sent(make_notification(kind=kind), level="CRITICAL")
    (record,) = logged["json"]
    needs_somebody = kind in (NotificationKind.OPENED, NotificationKind.COVERAGE_LOST)
    assert record["level"]["name"] == ("CRITICAL" if needs_somebody else "INFO")


async def test_the_file_gets_json_lines_whatever_the_format(tmp_path, logged):
    path = tmp_path / "alerts.jsonl"
    notifier = LogNotifier(LogConfig(path=str(path)))
    await notifier.start()
    sent_ones = [make_notification(participant_id=HOSTILE, source=Source.CAMERA) for _ in range(3)]
    for count, notification in enumerate(sent_ones, 1):
        await notifier.send(notification)
        # Each is there at once, not only when the file is closed.
        assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [n.id for n in sent_ones[:count]]
    await notifier.close()
    await notifier.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert logged["text"][0].startswith("WARNING|incident.opened level=alert")


async def test_a_rotated_file_is_left_alone(tmp_path):
    path = tmp_path / "alerts.jsonl"
    notifier = LogNotifier(LogConfig(path=str(path)))
    await notifier.start()
    await notifier.send(make_notification())
    path.rename(tmp_path / "alerts.jsonl.1")
    await notifier.send(make_notification())
    await notifier.close()
    assert len(path.read_text().splitlines()) == len((tmp_path / "alerts.jsonl.1").read_text().splitlines()) == 1


async def test_the_file_is_written_away_from_the_event_loop(tmp_path, monkeypatch):
    notifier = LogNotifier(LogConfig(path=str(tmp_path / "a")))
    loop_went_on = asyncio.Event()
    loop = asyncio.get_running_loop()
    real_write = os.write

    def write(descriptor, content):
        # Only returns when the event loop runs while this one waits.
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(5)
        loop.call_soon_threadsafe(loop_went_on.set)
        return real_write(descriptor, content)

    monkeypatch.setattr("deepguard_log.appender.os.write", write)
    await notifier.send(make_notification())
    await asyncio.wait_for(loop_went_on.wait(), 5)
    await notifier.close()


def link(path):
    target = path.with_name("precious")
    target.write_text("keep\n")
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (link, "it is a symbolic link"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: os.mkfifo(path), "it is not an ordinary file"),
    ],
)
async def test_what_is_not_an_ordinary_file_is_refused_and_the_log_still_has_the_line(tmp_path, logged, make, reason):
    path = tmp_path / "alerts"
    make(path)
    notifier = LogNotifier(LogConfig(path=str(path)))
    await notifier.start()
    assert re.search(f"cannot append to .*: {reason}", logged["text"][0])
    notification = make_notification()
    with pytest.raises(NotifyError, match=reason) as caught:
        await notifier.send(notification)
    assert (caught.value.refused, caught.value.retryable) == (True, True)
    await notifier.close()
    assert text_line(notification) in logged["text"][1]
    if make is link:
        assert path.with_name("precious").read_text() == "keep\n"


async def test_a_missing_folder_is_named(tmp_path):
    notifier = LogNotifier(LogConfig(path=str(tmp_path / "nowhere" / "a")))
    with pytest.raises(NotifyError, match=r"nowhere/a': No such file or directory"):
        await notifier.send(make_notification())
    await notifier.close()


async def test_a_full_disk_is_worth_another_attempt_which_repeats_nothing(tmp_path, monkeypatch, logged):
    path = tmp_path / "alerts"
    notifier = LogNotifier(LogConfig(path=str(path)))
    real_write, room = os.write, [10]

    def write(descriptor, content):
        if not room:
            return real_write(descriptor, content)
        if not room[0]:
            room.pop()
            raise OSError(28, os.strerror(28))
        taken, room[0] = room[0], 0
        return real_write(descriptor, content[:taken])

    monkeypatch.setattr("deepguard_log.appender.os.write", write)
    notification = make_notification()
    with pytest.raises(NotifyError, match="No space left on device") as caught:
        await notifier.send(notification)
    assert (caught.value.refused, caught.value.retryable) == (False, True)
    await notifier.send(notification)
    await notifier.close()
    torn, whole = path.read_text().splitlines()
    assert (len(torn), json.loads(whole)["id"]) == (10, notification.id)
    assert len(logged["text"]) == 1


@pytest.mark.parametrize(
    "settings", [{"format": "xml"}, {"level": "LOUD"}, {"path": ""}, {"path": "a\0b"}, {"file": "x"}]
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        LogConfig(**settings)


def test_level_of_the_notification_is_in_the_line():
    assert " level=suspicious " in text_line(make_notification(level=Level.SUSPICIOUS))
