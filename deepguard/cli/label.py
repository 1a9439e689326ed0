"""`deepguard label`: somebody says whether an incident was right, or that one was missed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepguard.cli.showing import moment, one_of, print_json, say
from deepguard.cli.stored import ByOption, ConfigOption, JsonOption, load, who, whole_call_id, whole_incident_id, write
from deepguard.errors import DeepguardError
from deepguard.model import Label
from deepguard.text import LABEL_WORDS, one_line

if TYPE_CHECKING:
    import sqlalchemy as sa

    from deepguard.model import Labelled

_USUAL = f"{Label.FALSE_POSITIVE}, {Label.CONFIRMED}, or {Label.MISSED} (of a call)"


def label(
    incident: Annotated[
        str, typer.Argument(help="The incident's id, or its first 12 characters; with `missed` the call's.")
    ],
    label: Annotated[str | None, typer.Argument(help=f"What was found out: {_USUAL}.", show_default=False)] = None,
    participant: Annotated[
        str | None, typer.Option(help="Who was fake, where no incident was about it; needed where several took part.")
    ] = None,
    comment: Annotated[str, typer.Option(help="What else is to be known.", show_default=False)] = "",
    by: ByOption = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the label back.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether an incident was right, or that a deepfake was missed: for whoever tunes the thresholds."""
    chosen = _chosen(label, participant, remove=remove)
    setup = load(config)
    missed = chosen is Label.MISSED or (chosen is None and participant is not None)

    def work(db: sa.Connection) -> tuple[Labelled | None, Labelled | None, str]:
        from deepguard.model import Labelled
        from deepguard.store import incidents, labels, participants

        if missed:
            call_id = whole_call_id(db, incident)
            name = _participant(participants.of_call(db, call_id), participant, call_id)
            about, incident_id = (call_id, name), ""
            if not remove and (ids := incidents.ids_about(db, call_id, name)):
                raise DeepguardError(
                    f"it was not missed: {ids[0]} is about '{one_line(name, 64)}' of this call; label that one"
                )
        else:
            incident_id = whole_incident_id(db, incident)
            (stored,) = incidents.find(db, ids=[incident_id])
            about = (stored.incident.call_id, stored.incident.participant_id)
        subject = f"{incident_id or f'call {one_line(about[0], 64)}'} ({one_line(about[1], 64)})"
        if remove or chosen is None:
            before = labels.unlabel(db, incident_id=incident_id, call_id=about[0], participant_id=about[1])
            return None, before, subject
        made = Labelled(*about, chosen, time.time(), who(by), incident_id, comment)
        return made, labels.label(db, made), subject

    made, before, subject = write(setup.config, work)
    if as_json:
        print_json({"label": label_dict(made), "replaced": label_dict(before)})
    else:
        say(_words(made, before, subject))


def label_dict(labelled: Labelled | None) -> dict[str, Any] | None:
    """A label as programs read it; None when there is none."""
    if labelled is None:
        return None
    return {
        "label": labelled.label.value,
        "incident": labelled.incident_id or None,
        "call": labelled.call_id,
        "participant": labelled.participant_id,
        "at": labelled.at,
        "by": labelled.by,
        "comment": labelled.comment,
    }


def label_words(labelled: Labelled) -> str:
    """A label in words, for example ``false positive, says Zoë: her new camera``."""
    comment = one_line(labelled.comment)
    by = one_line(labelled.by, 64) or "somebody"
    return f"{LABEL_WORDS[labelled.label]}, says {by}{f': {comment}' if comment else ''}"


def _chosen(label: str | None, participant: str | None, *, remove: bool) -> Label | None:
    """What was found out; None when a label is to be taken back.

    Raises:
        DeepguardError: What was written does not go together.
    """
    if remove:
        if label is not None and label != Label.MISSED:
            raise DeepguardError("--remove takes back whatever the label is; leave the label out")
        return None if label is None else Label.MISSED
    if label is None:
        raise DeepguardError(f"say what was found out: {_USUAL}; or --remove")
    (word,) = one_of([label], [one.value for one in Label], "there is no label")
    if participant is not None and word != Label.MISSED:
        raise DeepguardError("--participant goes with `missed`; an incident is about one participant")
    return Label(word)


def _participant(known: list[str], participant: str | None, call_id: str) -> str:
    shown = f"call {one_line(call_id, 64)}"
    if participant is not None:
        if known:
            one_of([participant], known, f"{shown} has no participant")
        return participant
    if len(known) == 1:
        return known[0]
    names = ", ".join(one_line(name, 64) for name in known) or "none that is known"
    raise DeepguardError(f"say with --participant who was fake in {shown}; its participants: {names}")


def _words(made: Labelled | None, before: Labelled | None, subject: str) -> str:
    was = f" ({label_words(before)}, {moment(before.at)})" if before is not None else ""
    if made is None:
        return f"{subject} has no label any more{was}." if was else f"{subject} had no label. Nothing was changed."
    replaced = f" It was labelled before{was}; that is replaced." if was else ""
    return f"{subject} is labelled {label_words(made)}.{replaced}"
