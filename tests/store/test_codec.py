"""What was written is what is read, whatever was in it; what nobody can read is called so."""

import json
import math
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.model import Incident, Level, Notification, NotificationKind, Picture, Resolution, SampleFormat, Source
from deepguard.store.codec import LONGEST_DETAIL, NOT_STORED, decode, encode
from deepguard.store.text import LONGEST, storable, to_json
from deepguard.testing import make_notification

texts = st.text(st.characters(), max_size=30) | st.sampled_from(["\x00", "\ud800", "\u202e", "</script>", "\\u0000"])
times = st.floats(allow_nan=False, allow_infinity=False)
incidents = st.builds(
    Incident,
    id=texts,
    call_id=texts,
    participant_id=texts,
    opened_at=times,
    level=st.sampled_from(Level),
    peak=st.sampled_from(Level),
    sources=st.lists(st.sampled_from(Source), unique=True).map(tuple),
    updated_at=times,
    resolved_at=st.none() | times,
    resolution=st.none() | st.sampled_from(Resolution),
    detail=texts,
    context=st.dictionaries(texts, texts, max_size=3),
    acknowledged_at=st.none() | times,
    acknowledged_by=texts,
)


def told(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Notification]:
    return st.builds(
        Notification,
        id=texts,
        kind=st.sampled_from(NotificationKind),
        call_id=texts,
        participant_id=texts,
        at=times,
        title=texts,
        detail=texts,
        level=st.sampled_from(Level),
        incident=st.none() | incidents,
        source=st.none() | st.sampled_from(Source),
        detector=texts,
        simulated=st.booleans(),
        items=items,
    )


singles = told(st.just(()))


@given(told(st.lists(singles, max_size=3).map(tuple)))
def test_what_was_written_is_read(notification: Notification) -> None:
    text = encode(notification)
    assert text.isascii()
    assert "\x00" not in text
    assert decode(text) == notification


@given(singles)
def test_what_a_newer_version_adds_is_left_out(notification: Notification) -> None:
    data = json.loads(encode(notification))
    data["mood"] = {"new": [1]}
    if data["incident"]:
        data["incident"]["mood"] = 7
    assert decode(json.dumps(data)) == notification


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_what_is_no_notification_is_called_so(text: str) -> None:
    with pytest.raises(ValueError, match="not a notification that this version can read"):
        decode(text)


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "incident.escalated"},
        {"level": 9},
        {"level": "alert"},
        {"source": "thermal"},
        {"items": [7]},
        {"items": 7},
        {"incident": {"id": "x"}},
        {"incident": 7},
        {"kind": None},
    ],
)
def test_what_a_newer_version_changes_cannot_be_read(changed: dict[str, Any]) -> None:
    data = json.loads(encode(make_notification())) | changed
    with pytest.raises(ValueError, match="not a notification"):
        decode(json.dumps(data))


@pytest.mark.parametrize("name", ["id", "kind", "title", "at"])
def test_what_lacks_something_cannot_be_read(name: str) -> None:
    data = json.loads(encode(make_notification()))
    del data[name]
    with pytest.raises(ValueError, match="not a notification"):
        decode(json.dumps(data))


def test_what_is_found_out_anew_and_pictures_are_not_written() -> None:
    secret = make_notification(
        thread="T-1", ack_url="https://guard.example/ack/token", picture=Picture(b"face", SampleFormat.JPEG, 1.0)
    )
    text = encode(secret)
    assert "T-1" not in text
    assert "token" not in text
    assert "face" not in text
    known = {field.name for field in fields(Notification)}
    assert known >= NOT_STORED
    assert json.loads(text).keys() == known - NOT_STORED


def test_no_text_from_outside_makes_a_row_as_large_as_it_likes() -> None:
    long = "x" * 1_000_000
    big = make_notification(participant_id=long, call_id=long, detail=long, detector=long)
    assert big.incident
    context = {f"{n}{long}": long for n in range(3)}
    big = replace(big, incident=replace(big.incident, detail=long, context=context, acknowledged_by=long))
    assert len(encode(big)) < LONGEST_DETAIL + 20 * LONGEST
    assert decode(encode(big)).participant_id == "x" * LONGEST


@given(st.text(st.characters()))
def test_any_text_can_be_stored(text: str) -> None:
    kept = storable(text)
    assert "\x00" not in kept
    assert kept.encode().decode() == kept
    assert len(kept) == len(text[:LONGEST])
    if "\x00" not in text and text.isascii():
        assert kept == text[:LONGEST]


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", math.nan, 10**400, [object()]])
def test_any_value_can_be_json(value: object) -> None:
    assert to_json({"value": value}).isascii()
