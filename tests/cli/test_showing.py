"""Tables, on wide terminals and on narrow ones."""

from __future__ import annotations

import pytest

from deepguard.cli.showing import print_table

HEADINGS = ("Id", "Status", "Notifier", "What", "Details")
ROWS = (
    (
        "38",
        "dead",
        "pager",
        "incident.opened: Zoë may be a deepfake",
        "[b]soc.example[/b] answered 400: \x1b[31mno " * 3,
    ),
    ("7", "pending", "電話", "incident.resolved: Bob is no longer suspected", ""),
)


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_table(HEADINGS, ROWS, whole=("Id",), below=(("What",), ("Details",)))
    return [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]


def test_where_there_is_room_each_row_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    heading, _, first, second = shown(capsys)
    assert heading.split() == list(HEADINGS)
    assert first.split()[:4] == ["38", "dead", "pager", "incident.opened:"]
    assert second.endswith("Bob is no longer suspected")


def test_where_there_is_none_words_stand_below_and_are_not_cut_into_letters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    lines = shown(capsys)
    assert [line.split() for line in lines[:3]] == [["Id", "Status", "Notifier"], ["What"], ["Details"]]
    assert lines[4:6] == [" 38   dead      pager", "    incident.opened: Zoë may be a deepfake"]
    assert " ".join(" ".join(lines[6:8]).split()) == " ".join(["[b]soc.example[/b] answered 400: [31mno"] * 3)
    assert lines[8:] == [" 7    pending   電話", "    incident.resolved: Bob is no longer suspected"]
    assert max(map(len, lines)) <= 72
