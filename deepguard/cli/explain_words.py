"""What `deepguard explain` says, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from deepguard.cli.durations import span
from deepguard.cli.explain_ways import way_words
from deepguard.cli.incidents import SHOWN_ID, ended
from deepguard.cli.label import label_words
from deepguard.cli.showing import moment, plural, thresholds_words, value_words
from deepguard.config.snapshot import SHOWN_HASH
from deepguard.model import BlindReason
from deepguard.story.folding import Line, Run
from deepguard.story.settings import Setting
from deepguard.story.telling import Told
from deepguard.story.timeline import Began, Changed, Ended, Found, Heard, Lost, Other, Story
from deepguard.text import BLIND_WORDS, one_line

MARK = "*"
"""Stands beside the verdicts that a change rests on."""

_LAST_WORDS = {"expired": "expired without an answer", "dropped": "was dropped"}
_KINDS = {
    "incident.opened": "INCIDENT OPENED",
    "incident.updated": "incident updated",
    "incident.repeated": "incident repeated",
    "incident.acknowledged": "incident acknowledged",
    "incident.resolved": "INCIDENT RESOLVED",
    "coverage.lost": "coverage lost",
    "coverage.regained": "coverage regained",
}


def facts(story: Story) -> Iterator[tuple[str, str]]:
    """What stands above the time line: names, and what is known of them."""
    stored, call = story.material.stored, story.call
    incident = stored.incident
    yield "Incident", incident.id
    yield "Participant", one_line(incident.participant_id)
    yield "Tracks", ", ".join(incident.sources) or "none that is known"
    over = ended(incident)
    until = (
        f"for {span(incident.resolved_at - incident.opened_at)}: {over}"
        if incident.resolved_at is not None
        else f"open for {span(max(0.0, story.material.now - incident.opened_at))}"
    )
    yield "Since", f"{moment(incident.opened_at)}, {until}"
    if story.material.label is not None:
        yield "Label", label_words(story.material.label)
    imported = f", imported {moment(call.imported_at)}" if call and call.imported_at else ""
    yield "Call", one_line(incident.call_id) + imported
    yield "Detector", f"{stored.detector} (simulation: not a real finding)" if stored.simulated else stored.detector
    if call is None:
        return
    yield "Policy", call.policy or "not recorded: the call is older than that"
    if call.policy_failed:
        yield "", f"It failed, and the built-in one took over: {one_line(call.policy_failed)}"
    if call.thresholds:
        yield "Thresholds", thresholds_words(call.thresholds)
    yield "Configuration", _configuration(story)


def entries(story: Story, lines: Iterable[Line]) -> Iterator[tuple[str, list[str]]]:
    """The time line: when, and what happened then."""
    before: Line | None = None
    for line in lines:
        said = list(_said(line, story))
        if isinstance(line, Changed) and isinstance(before, Changed) and _follows(line, before):
            said = said[:1]
        yield f"{since(story, line.at):>7} {_clock(line.at)}{_mark(line)}", said
        before = line


def remarks(story: Story) -> Iterator[str]:
    """What stands below the time line."""
    if any(isinstance(one, Heard) and one.counts for one in story.moments):
        yield f"{MARK} a change of level rests on this verdict."
    if story.call is None:
        yield (
            f"What is known of the call has been deleted: history is kept for {story.kept_days:g} days "
            "(store.keep_days)."
        )
    elif _imported(story):
        yield "The call was imported: who was told of it is not known here."
    elif story.material.configuration is None:
        yield "Its configuration is not in the store: who was not told, and by which line, is not known."


def since(story: Story, at: float) -> str:
    """Minutes and seconds since the call began; with a sign before that."""
    seconds = int(abs(at - story.began_at))
    hours, minutes = divmod(seconds // 60, 60)
    sign = "-" if at < story.began_at and seconds else ""
    return f"{sign}{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{sign}{minutes:02}:{seconds % 60:02}"


def setting_words(says: Setting) -> str:
    """A setting with its place, for example ``deepguard.yaml:12:18: policy.thresholds.alert_after: 2``."""
    value = "" if says.value is None else f": {value_words(says.value)}"
    match says.origin:
        case "file":
            return f"{says.where}: {says.path}{value}"
        case "default":
            return f"{says.path}{value}, the default"
        case "hook":
            where = f"{says.where}: " if says.where else ""
            own = "" if says.value is not None else ", which gave this participant thresholds of their own"
            return f"{where}{says.path}{value}, by a deepguard_thresholds hook{own}"
        case "policy":
            rule = f" by its rule {one_line(says.path)}" if says.path else ""
            return f"decided by {one_line(says.where)}{rule}"
    return f"{says.path}{value} (its configuration is not in the store)"


def _said(line: Line, story: Story) -> Iterator[str]:
    match line:
        case Began():
            yield "The call began."
        case Ended(reason=reason):
            yield f"The call ended ({one_line(reason, 40) or 'nobody knows why'})."
        case Heard(verdict=verdict):
            yield _verdict(verdict.source, _judged(verdict), verdict.detector, verdict.message)
        case Lost(sample=sample):
            why = f": {one_line(sample.reason)}" if sample.reason else ""
            yield f"{sample.source}: a sample {_LAST_WORDS.get(sample.outcome, sample.outcome)}{why}"
        case Run():
            yield _run(line, story)
        case Changed():
            yield from _changed(line)
        case Told():
            yield (
                f"{_KINDS.get(line.kind, line.kind)}: {line.title}" if line.title else _KINDS.get(line.kind, line.kind)
            )
            for way in line.ways:
                yield way_words(way, story)
            if not line.ways and not _imported(story) and story.material.configuration is not None:
                yield "nobody was told: the configuration names no notifier"
        case Other(stored=stored, is_over=is_over):
            yield f"Another incident, {stored.incident.id[:SHOWN_ID]}, {'ended' if is_over else 'opened'}."
        case Found(label=label):
            yield f"Labelled {label_words(label)}."


def _verdict(source: str, judged: str, detector: str, message: str) -> str:
    said = one_line(message)
    return f"{source}: {judged} ({one_line(detector, 64)}){f': {said}' if said else ''}"


def _judged(verdict: Any) -> str:
    if verdict.blind:
        return f"not watched, {_blind(verdict.blind)}"
    return verdict.judgement if verdict.score is None else f"{verdict.judgement} {verdict.score:.2f}"


def _run(run: Run, story: Story) -> str:
    until = since(story, run.until)
    if isinstance(run.first, Lost):
        sample = run.first.sample
        last = {"expired": "expired", "dropped": "were dropped"}.get(sample.outcome, sample.outcome)
        return f"… {run.times} samples of the {sample.source} {last}, until {until}"
    verdict = run.first.verdict
    kind = f"not watched ({_blind(verdict.blind)})" if verdict.blind else verdict.judgement
    scores = ""
    if run.lowest is not None and run.highest is not None:
        scores = f", scores {run.lowest:.2f} to {run.highest:.2f}"
    by = one_line(verdict.detector, 64)
    return f"… {run.times} {kind} verdicts on the {verdict.source} ({by}), until {until}{scores}"


def _changed(changed: Changed) -> Iterator[str]:
    change = changed.change
    match change.what:
        case "coverage":
            is_watched = change.after == "covered"
            after = (
                f"watched; until now: {_blind(change.before)}" if is_watched else f"NOT WATCHED: {_blind(change.after)}"
            )
            more = one_line(change.cause)
            yield f"{change.source}: {after}{f' ({more})' if more else ''}"
            return
        case "disagreement":
            said = one_line(change.after)
            yield f"{change.source}: the detectors " + (f"disagree: {said}" if said else "agree again")
            return
    subject = change.source or "the participant"
    # Whoever is not watched is not called clear.
    is_blind = changed.blind and change.after == "clear"
    after = f"no longer {change.before}, NOT WATCHED: {_blind(changed.blind)}" if is_blind else change.after.upper()
    yield f"LEVEL of {subject}: {change.before} -> {after}"
    if change.cause:
        yield f"because: {one_line(change.cause)}"
    if changed.rule is not None:
        yield setting_words(changed.rule)
    elif not change.rule:
        yield "the policy did not say which rule"
    if changed.basis.missing:
        yield f"{plural(changed.basis.missing, 'verdict', 'verdicts')} that it rests on are not in the store"


def _follows(one: Changed, before: Changed) -> bool:
    """Whether a change of the participant's level has the reason that was just told of a track's."""
    now, then = one.change, before.change
    return (
        (now.what, then.what) == ("level", "level")
        and not now.source
        and (one.at, now.cause, now.rule) == (before.at, then.cause, then.rule)
    )


def _mark(line: Line) -> str:
    return f" {MARK} " if isinstance(line, Heard) and line.counts else "   "


def _blind(reason: str) -> str:
    words = BLIND_WORDS[BlindReason(reason)] if reason in frozenset(BlindReason) else one_line(reason, 64)
    return words[:1].lower() + words[1:]


def _clock(at: float) -> str:
    return moment(at)[11:]


def _configuration(story: Story) -> str:
    call, kept = story.call, story.material.configuration
    if call is None or not call.config_hash:
        return "not recorded: the call is older than that"
    if kept is None:
        return f"{call.config_hash[:SHOWN_HASH]}, which is not in the store"
    return f"{one_line(kept.file) or 'the defaults, without a file'}, {kept.hash[:SHOWN_HASH]}"


def _imported(story: Story) -> bool:
    return bool(story.call and story.call.imported_at)


__all__ = ["MARK", "entries", "facts", "remarks", "setting_words", "since"]
