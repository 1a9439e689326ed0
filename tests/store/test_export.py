"""What is exported is read as it was; what was changed since is refused, and the line named."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepguard.errors import DeepguardError
from deepguard.model import Call, Judgement, Source, Verdict
from deepguard.store import export
from deepguard.store.export import Export, ExportError, read_export
from deepguard.store.recording import Recording
from support.recordings import many

AT = 1_795_000_000.0
UNHURRIED: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

CALL = Recording(
    call=Call("call-1", AT, {"queue": "wire-transfers"}),
    detector="test",
    ended_at=AT + 60,
    reason="ended",
    verdicts=(
        Verdict("Ada", "track-1", Source.CAMERA, Judgement.CLEAR, AT + 1, "test", score=0.1),
        Verdict("Ada", "track-1", Source.CAMERA, Judgement.ALERT, AT + 2, "test", score=0.97),
    ),
)
BY_HAND = """
{"type": "deepguard-export", "version": 1}
{"type": "call", "id": "call-1", "started_at": 0}

{"type": "verdict", "at": 1, "participant": "Ada", "source": "camera", "judgement": "alert"}
{"type": "end-of-call", "id": "call-1"}
""".lstrip()


def exported(recordings: Iterable[Recording]) -> bytes:
    made = Export("0.1.0", AT)
    return made.begin() + b"".join(line for one in recordings for line in made.call(one)) + made.end()


def reading(data: bytes | str, *, edited: bool = False) -> list[Recording]:
    raw = data.encode() if isinstance(data, str) else data
    return list(read_export(io.BytesIO(raw), "calls.jsonl", edited=edited))


def refused(data: bytes | str, *, edited: bool = False) -> ExportError:
    with pytest.raises(ExportError) as caught:
        reading(data, edited=edited)
    assert str(caught.value).startswith(f"calls.jsonl:{caught.value.line}: ")
    assert str(caught.value).isprintable()
    return caught.value


@settings(**UNHURRIED)
@given(many())
def test_what_was_exported_is_read_as_it_was(recordings: list[Recording]) -> None:
    data = exported(recordings)
    assert data.isascii()
    assert reading(data) == recordings
    assert reading(data, edited=True) == recordings


def test_numbers_are_read_to_the_last_bit() -> None:
    score = 0.1 + 0.2
    verdict = Verdict("Ada", "", Source.CAMERA, Judgement.CLEAR, 1795000000.1234567, "t", score=score, captured_at=-0.0)
    (found,) = reading(exported([Recording(call=Call("c", AT), verdicts=(verdict,))]))
    assert (found.verdicts[0].score, found.verdicts[0].received_at) == (0.30000000000000004, 1795000000.1234567)
    assert str(found.verdicts[0].captured_at) == "-0.0"


# -- damage ------------------------------------------------------------------------------------------------------


def first_difference(data: bytes, damaged: bytes) -> int:
    lines, others = (re.findall(rb"[^\n]*\n|[^\n]+", one) for one in (data, damaged))
    both = zip(lines, others, strict=False)
    return next((number for number, (a, b) in enumerate(both, 1) if a != b), 1 + min(len(lines), len(others)))


@st.composite
def damages(draw: st.DrawFn) -> tuple[bytes, bytes]:
    data = exported(draw(many(2, least=1)))
    lines = data.splitlines(keepends=True)
    one, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    match draw(st.sampled_from(["flip", "cut", "delete", "swap", "duplicate", "insert", "edit", "crlf"])):
        case "flip":
            place, bit = draw(st.integers(0, len(data) - 1)), draw(st.integers(0, 7))
            return data, data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
        case "cut":
            return data, data[: draw(st.integers(0, len(data) - 1))]
        case "delete":
            del lines[one]
        case "swap":
            lines[one], lines[other] = lines[other], lines[one]
        case "duplicate":
            lines.insert(one, lines[one])
        case "insert":
            lines.insert(one, draw(st.sampled_from([b"\n", b"{}\n", b"\x00\n", lines[other]])))
        case "edit":
            fields = json.loads(lines[one])
            fields[draw(st.sampled_from(list(fields)))] = draw(st.sampled_from([None, 0, "x", [], 1e300]))
            lines[one] = json.dumps(fields, separators=(",", ":")).encode() + b"\n"
        case "crlf":
            lines[one] = lines[one][:-1] + b"\r\n"
    return data, b"".join(lines)


@settings(max_examples=400, **UNHURRIED)
@given(damages())
def test_whatever_is_damaged_is_refused_and_its_line_named(damage: tuple[bytes, bytes]) -> None:
    data, damaged = damage
    if data == damaged:
        reading(damaged)
        return
    assert refused(damaged).line == first_difference(data, damaged)


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (lambda lines: lines[:3] + lines[4:], 4, "does not follow the one before: a line is missing"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], 4, "does not follow the one before"),
        (lambda lines: [*lines[:3], lines[3].replace(b"0.97", b"0.07"), *lines[4:]], 4, "this line was changed"),
        (lambda lines: lines[:4], 5, "the file ends here, and is not whole: the line 'end-of-call' of call 'call-1'"),
        (lambda lines: lines[:5], 6, "the file ends here, and is not whole: the line 'end-of-export' is missing"),
        (lambda lines: [*lines[:4], lines[4][:20]], 5, "the file is cut off in this line"),
        (lambda lines: lines * 2, 7, "the export ended before this line"),
        (lambda lines: [], 1, "the file is empty"),
        (lambda lines: [b"PK\x03\x04\xff\n"], 1, "this is no export of deepguard"),
        (lambda lines: [b"[1]\n"], 1, "this is no export of deepguard"),
        (lambda lines: [b'{"type":"deepguard-export","version":2}\n'], 1, "a newer deepguard wrote this export"),
    ],
)
def test_the_error_says_what_is_wrong(change, line: int, says: str) -> None:
    lines = exported([CALL]).splitlines(keepends=True)
    assert len(lines) == 6
    error = refused(b"".join(change(lines)))
    assert (error.line, says in str(error)) == (line, True), str(error)


def test_a_changed_line_is_taken_where_that_was_said() -> None:
    data = exported([CALL]).replace(b"0.97", b"0.07")
    assert "say --edited" in str(refused(data))
    assert [verdict.score for verdict in reading(data, edited=True)[0].verdicts] == [0.1, 0.07]


# -- by hand -----------------------------------------------------------------------------------------------------


def test_a_recording_can_be_written_by_hand() -> None:
    (found,) = reading(BY_HAND, edited=True)
    assert found == Recording(
        call=Call("call-1", 0.0), verdicts=(Verdict("Ada", "", Source.CAMERA, Judgement.ALERT, 1.0, ""),)
    )
    assert reading("\ufeff" + BY_HAND.replace("\n", "\r\n"), edited=True) == [found]
    assert refused(BY_HAND).line == 1


@pytest.mark.parametrize(
    ("before", "after", "line", "says"),
    [
        ('"alert"', '"fake"', 4, "verdict: judgement: 'fake' is not known; there are: clear, suspicious"),
        ('"alert"', '"alrt"', 4, "verdict: judgement: 'alrt' is not known; did you mean 'alert'?"),
        ('"camera"', "7", 4, "verdict: source: must be one of camera, microphone, screen"),
        ('"at": 1', '"at": "1"', 4, "verdict: at: must be a number"),
        ('"at": 1', '"at": true', 4, "verdict: at: must be a number"),
        ('"at": 1', '"at": 1e999', 4, "verdict: at: must be a number that is not infinite"),
        ('"at": 1', f'"at": 1{"0" * 400}', 4, "verdict: at: must be a number that is not infinite"),
        ('"at": 1', f'"at": 1{"0" * 5000}', 4, "this line is no JSON object"),
        ('"at": 1', '"at": NaN', 4, "this line is no JSON object"),
        ('"at": 1, ', "", 4, "verdict: at is missing"),
        ('"at": 1', '"at": 1, "scor": 0.5', 4, "verdict: there is no field 'scor'; did you mean 'score'?"),
        ('"at": 1', '"at": 1, "signals": {"a": []}', 4, "verdict: signals: 'a' must be a number, a text, true"),
        ('"at": 1', '"at": 1, "signals": {"a": 1e999}', 4, "signals: 'a' must be a number that is not infinite"),
        ('"Ada"', '"\\u0000"', 4, "verdict: participant: must be a text without the character NUL"),
        ('"Ada"', '"\\ud800"', 4, "verdict: participant: must be a text without half a surrogate pair"),
        ('"Ada"', f'"{"x" * 2001}"', 4, "verdict: participant: must be a text of 2000 characters at most"),
        ('"verdict"', '"verdit"', 4, "there is no line of type 'verdit'; did you mean 'verdict'?"),
        ('"verdict"', "[]", 4, "there is no line of type ''"),
        ('"verdict"', '"call"', 4, "before this line, 'end-of-call' of call 'call-1' is missing"),
        ('"started_at": 0', '"started_at": 1e300', 2, "call: started_at: must be a Unix time in seconds"),
        ('"call-1", "started', '"", "started', 2, "call: id: must not be empty"),
        ('"end-of-call", "id": "call-1"', '"end-of-call", "id": "b"', 5, "the call that ends here is 'call-1'"),
        ('"version": 1', '"version": 99', 1, "a newer deepguard wrote this export: its format is 99"),
        ('"version": 1', '"version": 0', 1, "deepguard-export: version: must be 1"),
        ('"version": 1', '"version": "1"', 1, "deepguard-export: version: must be a whole number"),
        (
            '"id": "call-1", "started_at": 0',
            '"id": "call-1", "started_at": 0, "metadata": {"a": 1}',
            2,
            "values are texts",
        ),
        ("{", "[" * 100_000, 1, "this is no export of deepguard"),
    ],
)
def test_what_is_wrong_in_a_line_is_named(before: str, after: str, line: int, says: str) -> None:
    lines = list[str](BY_HAND.splitlines())
    lines[line - 1] = lines[line - 1].replace(before, after, 1)
    error = refused("\n".join(lines), edited=True)
    assert (error.line, says in str(error)) == (line, True), str(error)


def test_what_may_be_in_a_call_only_once_is_not_there_twice() -> None:
    lines = BY_HAND.splitlines(keepends=True)
    again = refused("".join([*lines, *lines[1:]]), edited=True)
    assert (again.line, "call 'call-1' is in this file twice" in str(again)) == (6, True)
    label = '{"type": "label", "at": 1, "participant": "Ada", "label": "missed"}\n'
    shadow = '{"type": "shadow", "name": "strict"}\n'
    for twice in (label, shadow):
        error = refused("".join([*lines[:2], twice, twice, *lines[3:]]), edited=True)
        assert (error.line, "is in this call twice" in str(error)) == (4, True)


# -- hostile -----------------------------------------------------------------------------------------------------


@settings(**UNHURRIED)
@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))),
    st.booleans(),
)
def test_garbage_is_refused_in_words(data: bytes, edited: bool) -> None:
    refused(data, edited=edited)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=300, **UNHURRIED)
@given(st.sampled_from(exported([CALL]).splitlines()), st.data())
def test_whatever_stands_in_a_field_is_read_or_refused_in_words(line: bytes, data: st.DataObject) -> None:
    fields = json.loads(line)
    fields[data.draw(st.sampled_from([*fields, "signals", "metadata", "sources"]))] = data.draw(json_values)
    changed = exported([CALL]).replace(line, json.dumps(fields).encode())
    with contextlib.suppress(ExportError):
        reading(changed, edited=True)


def test_a_line_without_end_is_not_read_to_its_end() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 < size < 2**21
            self.given += 1
            return b"x" * size

    stream = Endless()
    with pytest.raises(ExportError, match="longer than"):
        list(read_export(stream, "x"))  # pyright: ignore[reportArgumentType]
    assert stream.given == 1


def test_a_call_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = exported([CALL])
    monkeypatch.setattr(export, "MOST_LINES", 2)
    assert "larger than an export may hold" in str(refused(data))
    with pytest.raises(DeepguardError, match="call-1 cannot be exported"):
        exported([CALL])
