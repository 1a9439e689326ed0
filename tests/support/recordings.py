"""Recorded calls, random or of a kind, and stores with such calls in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from deepguard.model import (
    BlindReason,
    Call,
    Coverage,
    CoverageChanged,
    DisagreementChanged,
    Incident,
    Judgement,
    Label,
    Labelled,
    Level,
    LevelChanged,
    Resolution,
    SampleFormat,
    SampleOutcome,
    SampleRecord,
    Source,
    Verdict,
)
from deepguard.store.entry import ShadowChanged
from deepguard.store.incidents import StoredIncident
from deepguard.store.recording import RecordedPolicy, Recording

AT = 1_795_000_000.0

texts = st.one_of(
    st.sampled_from(
        ["", "Ada", "a suspicious verdict on the camera", "Zoë\n\u202e\x1b[31m", '","check":"0"}', "\U0001f600"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30),
)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=30)
numbers = st.floats(allow_nan=False, allow_infinity=False)
dates = st.floats(0, 2e11)
counts = st.integers(0, 2**31 - 1)
mappings = st.dictionaries(st.text(max_size=10), st.text(max_size=30), max_size=3)
settings = st.dictionaries(
    st.text(max_size=10),
    st.one_of(st.integers(-(2**60), 2**60), numbers, st.booleans(), st.none(), mappings),
    max_size=3,
)
levels = st.sampled_from(Level)
sources = st.sampled_from(Source)
coverages = st.sampled_from([None, *BlindReason])
verdicts = st.builds(
    Verdict,
    texts,
    texts,
    sources,
    st.sampled_from(Judgement),
    numbers,
    texts,
    texts,
    st.none() | numbers,
    texts,
    st.none() | names,
    st.none() | numbers,
    st.dictionaries(texts, st.one_of(numbers, st.booleans(), texts, st.none()), max_size=3),
    st.none() | st.sampled_from(BlindReason),
)
samples = st.builds(
    SampleRecord,
    texts,
    texts,
    texts,
    sources,
    numbers,
    numbers,
    st.sampled_from(SampleOutcome),
    texts,
    st.none() | st.sampled_from(SampleFormat),
    counts,
    counts,
    counts,
)
policies = st.builds(RecordedPolicy, texts, settings, texts)


@st.composite
def recordings(draw: Any, call_id: st.SearchStrategy[str] = names) -> Recording:
    """A call as the store may hold one, also a most unlikely one."""
    one = draw(call_id)
    changed = st.builds(
        LevelChanged, st.just(one), texts, st.none() | sources, levels, levels, numbers, texts, texts, counts
    )
    covered = st.builds(
        CoverageChanged,
        st.just(one),
        texts,
        sources,
        st.builds(Coverage, coverages),
        st.builds(Coverage, coverages, texts),
        numbers,
    )
    disagreed = st.builds(DisagreementChanged, st.just(one), texts, sources, texts, texts, numbers)
    incidents = st.builds(
        Incident,
        names.map(lambda name: f"{one}/{name}"),
        st.just(one),
        texts,
        dates,
        levels,
        levels,
        st.lists(sources, max_size=3).map(tuple),
        dates,
        dates,
        st.sampled_from(Resolution),
        texts,
        mappings,
        st.none() | dates,
        texts,
    )
    stored = st.builds(StoredIncident, incidents, texts, st.booleans())
    opened = draw(st.lists(stored, max_size=3, unique_by=lambda stored: stored.incident.id))
    about = [(stored.incident.participant_id, stored.incident.id) for stored in opened] + [("missed", "")]
    labels = [
        Labelled(one, who, draw(st.sampled_from(Label)), draw(dates), draw(texts), incident_id, draw(texts))
        for who, incident_id in about
        if draw(st.booleans())
    ]
    shadows = draw(st.dictionaries(names, policies, max_size=2))
    return Recording(
        call=Call(one, draw(dates), draw(mappings)),
        detector=draw(texts),
        simulated=draw(st.booleans()),
        ended_at=draw(dates),
        reason=draw(texts),
        config_hash=draw(texts),
        policy=draw(policies),
        verdicts=tuple(draw(st.lists(verdicts, max_size=4))),
        transitions=tuple(draw(st.lists(st.one_of(changed, covered, disagreed), max_size=4))),
        samples=tuple(draw(st.lists(samples, max_size=3))),
        incidents=tuple(sorted(opened, key=lambda stored: (stored.incident.opened_at, stored.incident.id))),
        labels=tuple(sorted(labels, key=lambda label: (label.at, label.incident_id))),
        shadows=tuple(
            RecordedPolicy(policy.origin, policy.thresholds, policy.failed, name)
            for name, policy in sorted(shadows.items())
        ),
        shadow_changes=tuple(draw(st.lists(st.builds(ShadowChanged, names, changed), max_size=2))),
    )


def recorded(call_id: str = "call-1", **over: Any) -> Recording:
    """A call with something of everything in it."""
    level = LevelChanged(call_id, "Ada", None, Level.CLEAR, Level.ALERT, AT + 2, "an alert verdict", "thresholds.x", 1)
    incident = Incident(
        f"inc_{call_id}", call_id, "Ada", AT + 2, Level.ALERT, Level.ALERT, (Source.CAMERA,), AT + 2, AT + 60
    )
    incident = replace(incident, resolution=Resolution.CALL_ENDED)
    fields: dict[str, Any] = {
        "call": Call(call_id, AT, {"queue": "x"}),
        "detector": "test",
        "ended_at": AT + 60,
        "reason": "ended",
        "config_hash": "c0ffee",
        "policy": RecordedPolicy("built in", {"alert_after": 1}),
        "verdicts": (
            Verdict("Ada", "track-1", Source.CAMERA, Judgement.CLEAR, AT + 1, "test", signals={"face": True}),
            Verdict("Ada", "track-1", Source.CAMERA, Judgement.ALERT, AT + 2, "test", score=0.97, sample_id="s2"),
        ),
        "transitions": (
            CoverageChanged(call_id, "Ada", Source.CAMERA, Coverage(BlindReason.STARTING), Coverage(), AT + 1),
            level,
        ),
        "samples": (
            SampleRecord(
                "s2",
                "Ada",
                "track-1",
                Source.CAMERA,
                AT + 1.5,
                AT + 2,
                SampleOutcome.JUDGED,
                "",
                SampleFormat.JPEG,
                8,
                6,
                9,
            ),
        ),
        "incidents": (StoredIncident(incident, "test", False),),
        "labels": (Labelled(call_id, "Ada", Label.CONFIRMED, AT + 90, "Zoë", f"inc_{call_id}"),),
        "shadows": (RecordedPolicy("./strict.py", {}, "too slow", "strict"),),
        "shadow_changes": (ShadowChanged("strict", level),),
    }
    return Recording(**(fields | over))


def many(most: int = 3, least: int = 0) -> st.SearchStrategy[list[Recording]]:
    """Several calls, each with an id of its own."""
    return st.lists(recordings(), min_size=least, max_size=most, unique_by=lambda one: one.call.id)


__all__ = ["AT", "many", "recorded", "recordings"]
