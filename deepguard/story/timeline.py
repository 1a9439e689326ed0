"""What happened around an incident, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from deepguard.model import Labelled
from deepguard.store.incidents import StoredIncident
from deepguard.store.material import CallRow, ChangeRow, Material, SampleRow, VerdictRow
from deepguard.story.evidence import Basis, Evidence
from deepguard.story.settings import Setting, rule
from deepguard.story.telling import Told, told


class Heard(NamedTuple):
    """A verdict.

    Attributes:
        at: When it came.
        verdict: The verdict.
        counts: Whether a change of level rests on it.
    """

    at: float
    verdict: VerdictRow
    counts: bool = False


class Lost(NamedTuple):
    """A sample of which no verdict came."""

    at: float
    sample: SampleRow


class Changed(NamedTuple):
    """A change of level, of coverage or of disagreement.

    Attributes:
        at: When.
        change: The change.
        basis: The verdicts that it rests on.
        rule: The setting that it follows from, where that is known.
        blind: Why the track was not being watched then; empty when it was, or nobody knows.
    """

    at: float
    change: ChangeRow
    basis: Basis = Basis()
    rule: Setting | None = None
    blind: str = ""


class Began(NamedTuple):
    """The call began."""

    at: float


class Ended(NamedTuple):
    """The call ended."""

    at: float
    reason: str


class Other(NamedTuple):
    """Another incident of the same participant opened, or ended."""

    at: float
    stored: StoredIncident
    is_over: bool


class Found(NamedTuple):
    """Somebody said what was found out."""

    at: float
    label: Labelled


Moment: TypeAlias = Heard | Lost | Changed | Began | Ended | Other | Found | Told

_ORDER: dict[type, int] = {Began: 0, Heard: 1, Lost: 2, Changed: 3, Told: 4, Other: 5, Ended: 6, Found: 7}


@dataclass(frozen=True, slots=True)
class Story:
    """The story of an incident.

    Attributes:
        material: What it is made of.
        moments: What happened, in order: from the call's beginning to the incident's end, and what was done about it.
        began_at: Where its time begins: with the call where that is known.
        kept_days: Days that history is kept.
    """

    material: Material
    moments: tuple[Moment, ...]
    began_at: float
    kept_days: float

    @property
    def call(self) -> CallRow | None:
        """The call; None when it has been deleted."""
        return self.material.call


def tell(material: Material, *, keep_days: float) -> Story:
    """Make the story of an incident.

    Args:
        material: What is written down of it.
        keep_days: Days that history is kept.
    """
    incident = material.stored.incident
    end = incident.resolved_at if incident.resolved_at is not None else float("inf")
    moments: list[Moment] = [*_changes(material, end)]
    counting = {number for one in moments if isinstance(one, Changed) for number in one.basis.verdicts}
    moments += (Heard(one.at, one, one.number in counting) for one in material.verdicts if one.at <= end)
    moments += (Lost(one.at, one) for one in material.samples if one.at <= end)
    # What became of the coverage later is no part of it.
    about = (one for one in told(material, keep_days * 86400.0) if one.kind.startswith("incident.") or one.at <= end)
    moments += about
    if material.call is not None:
        moments.append(Began(material.call.started_at))
        if material.call.ended_at is not None:
            moments.append(Ended(material.call.ended_at, material.call.reason))
    moments += _others(material)
    if material.label is not None:
        moments.append(Found(material.label.at, material.label))
    moments.sort(key=lambda one: (one.at, _ORDER[type(one)]))
    first = material.call.started_at if material.call else min(one.at for one in moments)
    return Story(material, tuple(moments), first, keep_days)


def _changes(material: Material, end: float) -> Iterator[Changed]:
    blind: dict[str, str] = {}
    evidence = Evidence(material.verdicts, material.call)
    for change in material.changes:
        if change.at > end:
            continue
        if change.what == "coverage":
            blind[change.source] = "" if change.after == "covered" else change.after
        if change.what != "level":
            yield Changed(change.at, change)
            continue
        basis = evidence.of(change)
        follows = rule(change.rule, change.verdicts, material.call, material.configuration)
        yield Changed(change.at, change, basis, follows, _blind(change.source, blind))


def _blind(source: str, blind: dict[str, str]) -> str:
    """Why a track is not being watched, or a participant of whom no track is; empty when that is not so."""
    if source:
        return blind.get(source, "")
    return next(iter(blind.values())) if blind and all(blind.values()) else ""


def _others(material: Material) -> Iterator[Other]:
    for stored in material.others:
        yield Other(stored.incident.opened_at, stored, is_over=False)
        if stored.incident.resolved_at is not None:
            yield Other(stored.incident.resolved_at, stored, is_over=True)


__all__ = ["Began", "Changed", "Ended", "Found", "Heard", "Lost", "Moment", "Other", "Story", "tell"]
