"""The lines of an export: for each type its fields, and how a noun becomes a line and a line a noun.

``docs/recordings.md`` describes them. Whatever is changed here changes ``VERSION`` too: an older program must be able
to say that it cannot read an export.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deepguard.config.suggest import did_you_mean
from deepguard.model import (
    NO_SIGNALS,
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
    Transition,
    Verdict,
)
from deepguard.store.entry import ShadowChanged
from deepguard.store.incidents import StoredIncident
from deepguard.store.recording import RecordedPolicy, Recording
from deepguard.store.shapes import (
    Kind,
    count,
    date,
    flag,
    many,
    maybe,
    name,
    number,
    settings,
    signals,
    text,
    texts,
    word_in,
    word_of,
)
from deepguard.text import one_line

FORMAT = "deepguard-export"
VERSION = 1

REQUIRED = object()

_source = word_of(Source)
_level = word_of(Level, str)
_coverage = word_in({"covered": None} | {one.value: one for one in BlindReason})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a line.

    Attributes:
        kind: Reads its value.
        default: What it is when it is left out; ``REQUIRED`` when it must not be.
    """

    kind: Kind
    default: Any = REQUIRED


_TEXT = Field(text, "")
_PARTICIPANT = Field(text)
_AT = Field(number)

_LEVEL = {
    "at": _AT,
    "participant": _PARTICIPANT,
    "source": Field(maybe(_source), None),
    "before": Field(_level),
    "after": Field(_level),
    "cause": _TEXT,
    "rule": _TEXT,
    "verdicts": Field(count, 0),
}

HEADER: Mapping[str, Field] = {
    "version": Field(count),
    "program": _TEXT,
    "exported_at": Field(maybe(number), None),
    "pseudonyms": Field(flag, False),
}

FIELDS: Mapping[str, Mapping[str, Field]] = {
    "call": {
        "id": Field(name),
        "started_at": Field(date),
        "ended_at": Field(maybe(date), None),
        "reason": _TEXT,
        "metadata": Field(texts, {}),
        "detector": _TEXT,
        "simulated": Field(flag, False),
        "config_hash": _TEXT,
        "policy": _TEXT,
        "thresholds": Field(settings, {}),
        "policy_failed": _TEXT,
        "unreadable": Field(count, 0),
    },
    "shadow": {"name": Field(name), "policy": _TEXT, "thresholds": Field(settings, {}), "failed": _TEXT},
    "verdict": {
        "at": _AT,
        "participant": _PARTICIPANT,
        "track": _TEXT,
        "source": Field(_source),
        "judgement": Field(word_of(Judgement)),
        "score": Field(maybe(number), None),
        "detector": _TEXT,
        "model": _TEXT,
        "message": _TEXT,
        "sample": Field(maybe(name), None),
        "captured_at": Field(maybe(number), None),
        "signals": Field(signals, NO_SIGNALS),
        "blind": Field(maybe(word_of(BlindReason)), None),
    },
    "sample": {
        "id": Field(text),
        "participant": _PARTICIPANT,
        "track": _TEXT,
        "source": Field(_source),
        "captured_at": Field(number),
        "ended_at": Field(number),
        "outcome": Field(word_of(SampleOutcome)),
        "reason": _TEXT,
        "format": Field(maybe(word_of(SampleFormat)), None),
        "width": Field(count, 0),
        "height": Field(count, 0),
        "size": Field(count, 0),
    },
    "level": _LEVEL,
    "coverage": {
        "at": _AT,
        "participant": _PARTICIPANT,
        "source": Field(_source),
        "before": Field(_coverage),
        "after": Field(_coverage),
        "detail": _TEXT,
    },
    "disagreement": {
        "at": _AT,
        "participant": _PARTICIPANT,
        "source": Field(_source),
        "before": _TEXT,
        "after": _TEXT,
    },
    "shadow-level": {"shadow": Field(name), **_LEVEL},
    "incident": {
        "id": Field(name),
        "participant": _PARTICIPANT,
        "opened_at": Field(date),
        "updated_at": Field(date),
        "resolved_at": Field(maybe(date), None),
        "resolution": Field(maybe(word_of(Resolution)), None),
        "level": Field(_level),
        "peak": Field(_level),
        "sources": Field(many(_source)),
        "detail": _TEXT,
        "context": Field(texts, {}),
        "acknowledged_at": Field(maybe(date), None),
        "acknowledged_by": _TEXT,
        "detector": _TEXT,
        "simulated": Field(flag, False),
    },
    "label": {
        "at": Field(date),
        "participant": _PARTICIPANT,
        "label": Field(word_of(Label)),
        "by": _TEXT,
        "incident": _TEXT,
        "comment": _TEXT,
    },
    "end-of-call": {"id": Field(name), "lines": Field(maybe(count), None)},
    "end-of-export": {"calls": Field(maybe(count), None), "lines": Field(maybe(count), None)},
}
"""The fields of each type of line but the first, which ``HEADER`` describes."""


def values(kind: str, fields: Mapping[str, Field], line: dict[str, Any]) -> dict[str, Any]:
    """Read the fields of a line.

    Args:
        kind: The line's type, for errors.
        fields: What it may have.
        line: The line.

    Returns:
        Every field, also those that were left out.

    Raises:
        ValueError: One is missing, unknown or wrong; says which, and what to do.
    """
    found: dict[str, Any] = {}
    for key, field in fields.items():
        if key in line:
            try:
                found[key] = field.kind(line[key])
            except ValueError as error:
                raise ValueError(f"{kind}: {key}: {error}") from None
        elif field.default is REQUIRED:
            raise ValueError(f"{kind}: {key} is missing")
        else:
            found[key] = field.default
    if len(line) > 1 + sum(key in line for key in fields):
        odd = next(key for key in line if key != "type" and key not in fields)
        raise ValueError(f"{kind}: there is no field '{one_line(odd, 64)}'{did_you_mean(odd, fields)}")
    return found


def written(kind: str, noun: Mapping[str, Any]) -> dict[str, Any]:
    """A line whose fields have these values; those that say nothing are left out."""
    fields = FIELDS[kind]
    return {"type": kind} | {key: value for key, value in noun.items() if value != fields[key].default}


class Draft:
    """A call on its way from the lines of an export."""

    def __init__(self, call: dict[str, Any]) -> None:
        """Begin with the line ``call``.

        Args:
            call: From ``values``.
        """
        self.id: str = call["id"]
        self._incidents: set[str] = set()
        self._labels: set[tuple[str, str]] = set()
        self._shadows: set[str] = set()
        self._parts: dict[str, list[Any]] = {}
        policy = RecordedPolicy(call["policy"], call["thresholds"], call["policy_failed"])
        self._recording = Recording(
            call=Call(self.id, call["started_at"], call["metadata"]),
            detector=call["detector"],
            simulated=call["simulated"],
            ended_at=call["ended_at"],
            reason=call["reason"],
            config_hash=call["config_hash"],
            policy=policy,
            unreadable=call["unreadable"],
        )

    def add(self, kind: str, line: dict[str, Any]) -> None:
        """Take one line of the call.

        Args:
            kind: Its type, one of ``FIELDS``.
            line: From ``values``.

        Raises:
            ValueError: It does not fit the lines before it.
        """
        part, noun = self._noun(kind, line)
        self._parts.setdefault(part, []).append(noun)

    def done(self) -> Recording:
        """The call."""
        return replace(self._recording, **{part: tuple(nouns) for part, nouns in self._parts.items()})

    def _noun(self, kind: str, line: dict[str, Any]) -> tuple[str, Any]:
        match kind:
            case "verdict":
                return "verdicts", Verdict(
                    line["participant"],
                    line["track"],
                    line["source"],
                    line["judgement"],
                    line["at"],
                    line["detector"],
                    line["model"],
                    line["score"],
                    line["message"],
                    line["sample"],
                    line["captured_at"],
                    line["signals"],
                    line["blind"],
                )
            case "sample":
                names = {"participant_id": line.pop("participant"), "track_id": line.pop("track")}
                return "samples", SampleRecord(**line, **names)
            case "level":
                return "transitions", self._level(line)
            case "coverage":
                before, after = Coverage(line["before"]), Coverage(line["after"], line["detail"])
                return "transitions", CoverageChanged(
                    self.id, line["participant"], line["source"], before, after, line["at"]
                )
            case "disagreement":
                return "transitions", DisagreementChanged(
                    self.id, line["participant"], line["source"], line["before"], line["after"], line["at"]
                )
            case "shadow":
                self._only_once(self._shadows, line["name"], "the shadow policy", line["name"])
                return "shadows", RecordedPolicy(line["policy"], line["thresholds"], line["failed"], line["name"])
            case "shadow-level":
                return "shadow_changes", ShadowChanged(line["shadow"], self._level(line))
            case "incident":
                return "incidents", self._incident(line)
            case "label":
                return "labels", self._label(line)
        raise ValueError(f"{kind}: does not belong into a call")

    def _level(self, line: dict[str, Any]) -> LevelChanged:
        return LevelChanged(
            self.id,
            line["participant"],
            line["source"],
            line["before"],
            line["after"],
            line["at"],
            line["cause"],
            line["rule"],
            line["verdicts"],
        )

    def _incident(self, line: dict[str, Any]) -> StoredIncident:
        self._only_once(self._incidents, line["id"], "the incident", line["id"])
        detector, simulated, participant = line.pop("detector"), line.pop("simulated"), line.pop("participant")
        return StoredIncident(Incident(call_id=self.id, participant_id=participant, **line), detector, simulated)

    def _label(self, line: dict[str, Any]) -> Labelled:
        about = (line["incident"], "" if line["incident"] else line["participant"])
        self._only_once(self._labels, about, "the label of", line["incident"] or line["participant"])
        return Labelled(
            self.id, line["participant"], line["label"], line["at"], line["by"], line["incident"], line["comment"]
        )

    def _only_once(self, known: set[Any], key: Any, what: str, shown: str) -> None:
        if key in known:
            raise ValueError(f"{what} '{one_line(shown, 64)}' is in this call twice")
        known.add(key)


def lines_of(recording: Recording) -> Iterator[dict[str, Any]]:
    """The lines of a call, from ``call`` to the one before ``end-of-call``."""
    call, policy = recording.call, recording.policy
    yield written(
        "call",
        {
            "id": call.id,
            "started_at": call.started_at,
            "ended_at": recording.ended_at,
            "reason": recording.reason,
            "metadata": _texts(call.metadata),
            "detector": recording.detector,
            "simulated": recording.simulated,
            "config_hash": recording.config_hash,
            "policy": policy.origin,
            "thresholds": dict(policy.thresholds),
            "policy_failed": policy.failed,
            "unreadable": recording.unreadable,
        },
    )
    for shadow in recording.shadows:
        about = {"name": shadow.name, "policy": shadow.origin}
        yield written("shadow", about | {"thresholds": dict(shadow.thresholds), "failed": shadow.failed})
    for verdict in recording.verdicts:
        yield written("verdict", _verdict(verdict))
    for sample in recording.samples:
        yield written("sample", _sample(sample))
    for change in recording.transitions:
        yield _transition(change)
    for changed in recording.shadow_changes:
        yield written("shadow-level", {"shadow": changed.shadow, **_changed(changed.change)})
    for stored in recording.incidents:
        yield written("incident", _incident(stored))
    for label in recording.labels:
        about = {"at": label.at, "participant": label.participant_id, "label": label.label.value}
        yield written("label", about | {"by": label.by, "incident": label.incident_id, "comment": label.comment})


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    # Who starts a call, and hooks, may have given something else.
    return {key: value if isinstance(value, str) else str(value) for key, value in given.items()}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "at": verdict.received_at,
        "participant": verdict.participant_id,
        "track": verdict.track_id,
        "source": verdict.source.value,
        "judgement": verdict.judgement.value,
        "score": verdict.score,
        "detector": verdict.detector,
        "model": verdict.model,
        "message": verdict.message,
        "sample": verdict.sample_id,
        "captured_at": verdict.captured_at,
        "signals": dict(verdict.signals),
        "blind": verdict.blind.value if verdict.blind else None,
    }


def _sample(sample: SampleRecord) -> dict[str, Any]:
    return {
        "id": sample.id,
        "participant": sample.participant_id,
        "track": sample.track_id,
        "source": sample.source.value,
        "captured_at": sample.captured_at,
        "ended_at": sample.ended_at,
        "outcome": sample.outcome.value,
        "reason": sample.reason,
        "format": sample.format.value if sample.format else None,
        "width": sample.width,
        "height": sample.height,
        "size": sample.size,
    }


def _transition(change: Transition) -> dict[str, Any]:
    match change:
        case LevelChanged():
            return written("level", _changed(change))
        case CoverageChanged():
            before, after = ((one.blind.value if one.blind else "covered") for one in (change.before, change.after))
            about = {"at": change.at, "participant": change.participant_id, "source": change.source.value}
            return written("coverage", about | {"before": before, "after": after, "detail": change.after.detail})
        case DisagreementChanged():
            about = {"at": change.at, "participant": change.participant_id, "source": change.source.value}
            return written("disagreement", about | {"before": change.before, "after": change.after})


def _changed(change: LevelChanged) -> dict[str, Any]:
    return {
        "at": change.at,
        "participant": change.participant_id,
        "source": change.source.value if change.source else None,
        "before": str(change.before),
        "after": str(change.after),
        "cause": change.cause,
        "rule": change.rule,
        "verdicts": max(0, change.verdicts),
    }


def _incident(stored: StoredIncident) -> dict[str, Any]:
    incident = stored.incident
    return {
        "id": incident.id,
        "participant": incident.participant_id,
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "resolved_at": incident.resolved_at,
        "resolution": incident.resolution.value if incident.resolution else None,
        "level": str(incident.level),
        "peak": str(incident.peak),
        "sources": [source.value for source in incident.sources],
        "detail": incident.detail,
        "context": _texts(incident.context),
        "acknowledged_at": incident.acknowledged_at,
        "acknowledged_by": incident.acknowledged_by,
        "detector": stored.detector,
        "simulated": stored.simulated,
    }


__all__ = ["FIELDS", "FORMAT", "HEADER", "VERSION", "Draft", "lines_of", "values", "written"]
