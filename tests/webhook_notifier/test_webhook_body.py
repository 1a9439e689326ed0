"""The body of a webhook: what the schema says, whatever a caller is called."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from deepguard import Incident, Level, Notification, NotificationKind, Picture, Resolution, SampleFormat, Source
from deepguard.testing import make_notification
from deepguard_webhook.body import MANY, body_of

SCHEMA: dict[str, Any] = json.loads(files("deepguard_webhook").joinpath("schema.json").read_text(encoding="utf-8"))
HOSTILE = '"}],{\\ \x00\x1b[31m\u202e\u2028<!channel>\ud83d \udc00\ud800 {} %s ' + "\U0001f600" * 10_000


def closed(schema: Any) -> Any:
    """The schema without room for what it does not name: what is sent must be documented."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: closed(part) for name, part in schema.items()}
    if parts.get("type") == "object" and "properties" in parts:
        parts.setdefault("additionalProperties", False)
    return parts


CHECK = Draft202012Validator(closed(SCHEMA))

texts = st.one_of(
    st.text(), st.just(HOSTILE), st.text(st.characters(categories=["Cs", "Cc", "So"]), max_size=20), st.just("")
)
times = st.floats(0, 4e9)
sources = st.sampled_from(Source)
levels = st.sampled_from(Level)
kinds = st.sampled_from(NotificationKind)
singles = st.sampled_from([one for one in NotificationKind if one is not NotificationKind.DIGEST])
incidents = st.builds(
    Incident,
    id=st.just("inc_1"),
    call_id=texts,
    participant_id=texts,
    opened_at=times,
    level=levels,
    peak=levels,
    sources=st.lists(sources, unique=True).map(tuple),
    updated_at=times,
    resolved_at=st.none() | times,
    resolution=st.none() | st.sampled_from(Resolution),
    detail=texts,
    context=st.dictionaries(texts, texts, max_size=40),
    acknowledged_at=st.none() | times,
    acknowledged_by=texts,
)


@st.composite
def notifications(draw: st.DrawFn, of: st.SearchStrategy[NotificationKind]) -> Notification:
    kind = draw(of)
    return Notification(
        id="ntf_1",
        kind=kind,
        call_id=draw(texts),
        participant_id=draw(texts),
        at=draw(times),
        title=draw(texts),
        detail=draw(texts),
        level=draw(levels),
        incident=draw(incidents) if kind.startswith("incident.") else None,
        source=draw(sources) if kind.startswith("coverage.") else None,
        detector=draw(texts),
        unwatched=draw(st.booleans()),
        simulated=draw(st.booleans()),
        items=tuple(draw(st.lists(notifications(singles), min_size=1, max_size=3)))
        if kind is NotificationKind.DIGEST
        else (),
        ack_url=draw(st.sampled_from(["", "https://guard.example/ack/inc_1"])),
    )


def test_the_schema_is_one_and_its_examples_show_every_type() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for example in SCHEMA["examples"]:
        CHECK.validate(example)
    assert [example["type"] for example in SCHEMA["examples"]] == [kind.value for kind in NotificationKind]


def test_the_schema_demands_what_belongs_to_a_type() -> None:
    by_type = {example["type"]: example for example in SCHEMA["examples"]}
    for name, member in (("incident.updated", "incident"), ("coverage.lost", "source"), ("digest", "items")):
        data = {key: value for key, value in by_type[name]["data"].items() if key != member}
        assert not CHECK.is_valid({**by_type[name], "data": data})


@settings(max_examples=200, deadline=None)
@given(notifications(kinds))
def test_every_notification_fits_the_schema_and_every_decoder(notification: Notification) -> None:
    body = body_of(notification)
    assert body.isascii()
    message = json.loads(body)
    CHECK.validate(message)
    # A lone surrogate would fail here, as it does in the decoders of other languages.
    json.dumps(message, ensure_ascii=False).encode()
    assert (message["type"], message["data"]["id"]) == (notification.kind.value, notification.id)
    assert len(message["data"].get("items", ())) == len(notification.items)


@pytest.mark.parametrize("kind", NotificationKind)
def test_what_the_guard_makes_fits_the_schema(kind: NotificationKind) -> None:
    items = (make_notification(), make_notification()) if kind is NotificationKind.DIGEST else ()
    notification = make_notification(kind=kind, items=items)
    if kind is not NotificationKind.DIGEST:
        CHECK.validate(json.loads(body_of(notification)))
    else:
        told = replace(notification, incident=None, call_id="", participant_id="")
        message = json.loads(body_of(told))
        CHECK.validate(message)
        assert message["data"]["items"] == [json.loads(body_of(item)) for item in items]


def test_everything_that_is_known_of_an_incident_is_told() -> None:
    incident = Incident(
        id="inc_1",
        call_id="s-41",
        participant_id="Zoë",
        opened_at=1_000_000_000,
        level=Level.SUSPICIOUS,
        peak=Level.ALERT,
        sources=(Source.CAMERA, Source.MICROPHONE),
        updated_at=1_000_000_000.5,
        resolved_at=1_000_000_001,
        resolution=Resolution.CALL_ENDED,
        detail="why",
        context={"customer": "4711"},
        acknowledged_at=1_000_000_000.25,
        acknowledged_by="Sam",
    )
    notification = Notification(
        id="ntf_1",
        kind=NotificationKind.RESOLVED,
        call_id="s-41",
        participant_id="Zoë",
        at=1_000_000_001,
        title="Simulation: over",
        detail="more",
        level=Level.SUSPICIOUS,
        incident=incident,
        detector="scenario",
        simulated=True,
        thread="a thread",
        ack_url="https://guard.example/ack/inc_1",
    )
    assert json.loads(body_of(notification)) == {
        "type": "incident.resolved",
        "timestamp": "2001-09-09T01:46:41.000Z",
        "data": {
            "id": "ntf_1",
            "title": "Simulation: over",
            "detail": "more",
            "level": "suspicious",
            "covered": True,
            "simulated": True,
            "call": "s-41",
            "participant": "Zoë",
            "detector": "scenario",
            "incident": {
                "id": "inc_1",
                "level": "suspicious",
                "peak": "alert",
                "call": "s-41",
                "participant": "Zoë",
                "sources": ["camera", "microphone"],
                "opened_at": "2001-09-09T01:46:40.000Z",
                "updated_at": "2001-09-09T01:46:40.500Z",
                "resolved_at": "2001-09-09T01:46:41.000Z",
                "resolution": "call_ended",
                "acknowledged_at": "2001-09-09T01:46:40.250Z",
                "acknowledged_by": "Sam",
                "detail": "why",
                "context": {"customer": "4711"},
            },
            "ack_url": "https://guard.example/ack/inc_1",
        },
    }


def test_the_picture_is_never_sent() -> None:
    picture = Picture(b"\xff\xd8biometric", SampleFormat.JPEG, captured_at=1.0)
    notification = make_notification()
    assert body_of(replace(notification, picture=picture)) == body_of(notification)


def test_an_endless_name_is_cut_and_says_so() -> None:
    data = json.loads(body_of(make_notification(participant_id="x" * 10_000)))["data"]
    assert data["participant"] == data["incident"]["participant"] == "x" * 255 + "…"


def test_a_long_digest_names_every_incident_in_brief() -> None:
    items = tuple(make_notification(participant_id=f"{number} {HOSTILE}", title=HOSTILE) for number in range(300))
    digest = Notification("ntf_1", NotificationKind.DIGEST, "", "", 1.0, "300 notifications", items=items)
    body = body_of(digest)
    message = json.loads(body)
    CHECK.validate(message)
    told = message["data"]["items"]
    assert [one["data"]["incident"]["id"] for one in told] == [item.incident.id for item in items if item.incident]
    assert [one["data"]["participant"].split()[0] for one in told] == [str(number) for number in range(300)]
    alone = json.loads(body_of(items[0]))["data"]
    assert alone["detail"]
    assert not told[0]["data"]["detail"]
    ordinary = tuple(make_notification(participant_id=f"participant {number}") for number in range(300))
    assert len(body_of(replace(digest, items=ordinary))) < 2 * MANY
