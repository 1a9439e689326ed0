"""What people are told of incidents and of coverage, in words: pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from deepguard.model import (
    BlindReason,
    CoverageChanged,
    Incident,
    Level,
    Notification,
    NotificationKind,
    Resolution,
    Source,
)
from deepguard.policy.ids import NewId, new_id
from deepguard.text import BLIND_WORDS, one_line


def incident_notification(
    incident: Incident,
    kind: NotificationKind,
    *,
    at: float | None = None,
    detector: str = "",
    simulated: bool = False,
    make_id: NewId = new_id,
) -> Notification:
    """Tell that an incident opened, was updated, lasts, was acknowledged or was resolved.

    Args:
        incident: As it is now.
        kind: What happened to it.
        at: When; default: when the incident last changed. To be said for one that is repeated.
        detector: Which detector watches the call.
        simulated: Whether the verdicts were scripted.
        make_id: Makes the notification's id.
    """
    at = incident.updated_at if at is None else at
    return Notification(
        id=make_id("ntf_"),
        kind=kind,
        call_id=incident.call_id,
        participant_id=incident.participant_id,
        at=at,
        title=_title(_incident_title(incident, kind), simulated),
        detail=_incident_detail(incident, kind, at),
        level=incident.level,
        incident=incident,
        detector=detector,
        simulated=simulated,
    )


def coverage_notification(
    change: CoverageChanged,
    *,
    level: Level,
    detector: str = "",
    simulated: bool = False,
    make_id: NewId = new_id,
) -> Notification:
    """Tell that a track is no longer watched, or is watched again.

    Args:
        change: What changed; lost or regained is decided by its ``after``.
        level: The participant's level now.
        detector: Which detector watches the call.
        simulated: Whether the verdicts were scripted.
        make_id: Makes the notification's id.
    """
    who, track = _who(change.participant_id), _TRACKS[change.source]
    if change.after.blind is None:
        kind = NotificationKind.COVERAGE_REGAINED
        title, detail = f"{who}: {track} is being watched again", ""
    else:
        kind = NotificationKind.COVERAGE_LOST
        title, detail = f"{who}: {track} is not being watched", _blind_detail(change.after.blind, change.after.detail)
    return Notification(
        id=make_id("ntf_"),
        kind=kind,
        call_id=change.call_id,
        participant_id=change.participant_id,
        at=change.at,
        title=_title(title, simulated),
        detail=detail,
        level=level,
        source=change.source,
        detector=detector,
        simulated=simulated,
    )


def digest_notification(items: Sequence[Notification], *, now: float, make_id: NewId = new_id) -> Notification:
    """Tell in one what could not be told one by one.

    Its detail has a line for each incident and each track whose coverage changed, with the last that was told of it.

    Args:
        items: What it stands for (at least one), oldest first; those of a digest among them are taken one by one.
        now: Unix time in seconds.
        make_id: Makes the notification's id.
    """
    flat = tuple(one for item in items for one in (item.items or (item,)))
    last: dict[object, Notification] = {}
    for item in flat:
        last[item.incident.id if item.incident else (item.call_id, item.participant_id, item.source)] = item
    detectors = {item.detector for item in flat}
    simulated = all(item.simulated for item in flat)
    count = f"{len(flat)} notification{'' if len(flat) == 1 else 's'}"
    return Notification(
        id=make_id("ntf_"),
        kind=NotificationKind.DIGEST,
        call_id="",
        participant_id="",
        at=now,
        title=_title(f"{count}: {_summary(last.values())}", simulated),
        detail="\n".join(_digest_line(item) for item in last.values()),
        level=max(item.level for item in flat),
        detector=detectors.pop() if len(detectors) == 1 else "",
        simulated=simulated,
        items=flat,
    )


def test_notification(*, now: float) -> Notification:
    """Tell a destination that it is being tried.

    Args:
        now: Unix time in seconds.
    """
    return Notification(
        id=new_id("ntf_"),
        kind=NotificationKind.TEST,
        call_id="",
        participant_id="",
        at=now,
        title="This is a test of deepguard's notifications",
        detail="Nothing has happened. Whoever reads this would be told of a deepfake on a call in the same way.",
    )


_TRACKS = {Source.CAMERA: "the camera", Source.MICROPHONE: "the microphone", Source.SCREEN: "the shared screen"}


def _blind_detail(reason: BlindReason, detail: str) -> str:
    more = one_line(detail)
    return f"{BLIND_WORDS[reason]}{f' ({more})' if more else ''}."


def _who(participant_id: str) -> str:
    return one_line(participant_id) or "The participant"


def _title(title: str, simulated: bool) -> str:
    # Here and not in each notifier: one that shows nothing but the title must not raise a false alarm.
    return f"Simulation: {title}" if simulated else title


def _incident_title(incident: Incident, kind: NotificationKind) -> str:
    who = _who(incident.participant_id)
    if kind is NotificationKind.RESOLVED:
        return f"{who}{_ENDS[incident.resolution or Resolution.CLEARED]}"
    if kind is NotificationKind.ACKNOWLEDGED:
        return f"{who} is suspected to be a deepfake: acknowledged by {_acknowledger(incident)}"
    if incident.level != Level.ALERT:
        return f"{who} is still suspicious, but no longer at alert"
    return f"{who} may still be a deepfake" if kind is NotificationKind.REPEATED else f"{who} may be a deepfake"


_ENDS = {
    Resolution.CLEARED: " is no longer suspected to be a deepfake",
    Resolution.CALL_ENDED: ": the call ended while a deepfake was suspected",
    Resolution.GUARD_LOST: ": the guard of the call stopped while a deepfake was suspected",
}


def _acknowledger(incident: Incident) -> str:
    return one_line(incident.acknowledged_by, 100) or "somebody"


def _incident_detail(incident: Incident, kind: NotificationKind, at: float) -> str:
    sentences = []
    if incident.detail:
        sentences.append(f"Reason: {one_line(incident.detail).rstrip('.')}.")
    if incident.sources:
        sentences.append(f"At alert since it began: {', '.join(_TRACKS[source] for source in incident.sources)}.")
    if kind is NotificationKind.REPEATED:
        sentences.append(f"It has lasted for {_span(at - incident.opened_at)}, and nobody has acknowledged it.")
    elif incident.acknowledged_at is not None and kind is not NotificationKind.ACKNOWLEDGED:
        sentences.append(f"Acknowledged by {_acknowledger(incident)}.")
    return " ".join(sentences)


def _span(seconds: float) -> str:
    number, unit = (seconds / 60, "minute") if seconds >= 60 else (seconds, "second")
    whole = max(0, int(number))
    return f"{whole} {unit}{'' if whole == 1 else 's'}"


def _summary(items: Collection[Notification]) -> str:
    incidents = [item.incident for item in items if item.incident]
    resolved = sum(incident.resolved_at is not None for incident in incidents)
    coverage = sum(item.source is not None for item in items)
    counts = {
        "open": len(incidents) - resolved,
        "resolved": resolved,
        "with a change of coverage": coverage,
        "other": len(items) - len(incidents) - coverage,
    }
    nouns = {"open": "incident", "resolved": "incident", "with a change of coverage": "track", "other": "message"}
    told = [
        f"{number} {nouns[what]}{'' if number == 1 else 's'} {what}".removesuffix(" other")
        for what, number in counts.items()
        if number
    ]
    return ", ".join(told)


def _digest_line(item: Notification) -> str:
    # Two people may have one name, and one person two incidents.
    return f"{item.title} ({item.incident.id})" if item.incident else item.title


__all__ = ["coverage_notification", "digest_notification", "incident_notification", "test_notification"]
