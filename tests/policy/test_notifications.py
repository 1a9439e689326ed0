"""What people are told: plain sentences, whatever a name holds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.contracts import PolicyStep
from deepguard.model import (
    BlindReason,
    Coverage,
    CoverageChanged,
    NotificationKind,
    Resolution,
)
from deepguard.policy import notifications
from deepguard.policy.incidents import advance, end
from deepguard.policy.notifications import coverage_notification, digest_notification, incident_notification
from deepguard.testing import make_notification
from support.stories import (
    ACKNOWLEDGED,
    ALERT,
    CAMERA,
    CLEAR,
    MICROPHONE,
    OPENED,
    REPEATED,
    RESOLVED,
    SUSPICIOUS,
    UPDATED,
    follow,
)


@pytest.mark.parametrize(
    ("steps", "kind", "title", "detail"),
    [
        (
            [(ALERT, CLEAR)],
            OPENED,
            "p1 may be a deepfake",
            "Reason: cause 0. At alert since it began: the camera.",
        ),
        (
            [(ALERT, CLEAR), (ALERT, ALERT)],
            UPDATED,
            "p1 may be a deepfake",
            "Reason: cause 1. At alert since it began: the camera, the microphone.",
        ),
        (
            [(ALERT, CLEAR), (SUSPICIOUS, CLEAR)],
            UPDATED,
            "p1 is still suspicious, but no longer at alert",
            "Reason: cause 1. At alert since it began: the camera.",
        ),
        (
            [(ALERT, CLEAR), (CLEAR, CLEAR)],
            RESOLVED,
            "p1 is no longer suspected to be a deepfake",
            "Reason: cause 1. At alert since it began: the camera.",
        ),
    ],
)
def test_incident_notifications_say_it_in_plain_sentences(steps, kind, title, detail):
    kinds, incident = follow(steps)
    assert kinds[-1] is kind
    told = incident_notification(incident, kind, detector="dataspike", make_id=lambda prefix: prefix + "1")
    assert (told.id, told.kind, told.title, told.detail) == ("ntf_1", kind, title, detail)
    assert (told.call_id, told.participant_id, told.at, told.level) == ("c1", "p1", incident.updated_at, incident.level)
    assert (told.incident, told.detector, told.simulated) == (incident, "dataspike", False)


@pytest.mark.parametrize(
    ("resolution", "title"),
    [
        (Resolution.CALL_ENDED, "p1: the call ended while a deepfake was suspected"),
        (Resolution.GUARD_LOST, "p1: the guard of the call stopped while a deepfake was suspected"),
    ],
)
def test_an_end_without_an_answer_is_not_told_as_if_the_suspicion_were_gone(resolution, title):
    incident, kind = end(follow([(ALERT, CLEAR)])[1], resolution, 5.0)
    assert incident
    assert kind
    told = incident_notification(incident, kind)
    assert told.title == title
    assert told.level == ALERT


@pytest.mark.parametrize(("lasted", "words"), [(1.5, "1 second"), (60.0, "1 minute"), (900.0, "15 minutes")])
def test_a_repeat_says_how_long_it_lasts(lasted, words):
    _, incident = follow([(ALERT, CLEAR)])
    told = incident_notification(incident, REPEATED, at=lasted)
    assert (told.title, told.at) == ("p1 may still be a deepfake", lasted)
    assert told.detail.endswith(f" It has lasted for {words}, and nobody has acknowledged it.")


def test_a_repeat_of_one_that_fell_says_so():
    _, incident = follow([(ALERT, CLEAR), (SUSPICIOUS, CLEAR)])
    told = incident_notification(incident, REPEATED, at=9.0)
    assert told.title == "p1 is still suspicious, but no longer at alert"


@pytest.mark.parametrize(("by", "shown"), [("Ann\nB", "Ann B"), ("\x00", "somebody"), ("x" * 1000, "x" * 99 + "…")])
def test_who_acknowledged_it_is_told_then_and_later(by, shown):
    _, incident = follow([(ALERT, CLEAR)])
    taken = replace(incident, acknowledged_at=4.0, acknowledged_by=by)
    told = incident_notification(taken, ACKNOWLEDGED, at=4.0)
    assert told.title == f"p1 is suspected to be a deepfake: acknowledged by {shown}"
    assert "cknowledged" not in told.detail
    later, kind = end(taken, Resolution.CLEARED, 5.0)
    assert later
    assert kind
    assert incident_notification(later, kind).detail.endswith(f"Acknowledged by {shown}.")


def story(*kinds, **over):
    """Notifications of one incident."""
    first = make_notification(**over)
    assert first.incident
    return [
        replace(make_notification(kind=kind, **over), incident=replace(first.incident, resolved_at=at))
        for kind, at in kinds
    ]


def test_a_digest_names_each_incident_once_with_the_last_word_of_it():
    ann = story((OPENED, None), (RESOLVED, 3.0), participant_id="Ann")
    bob = story((OPENED, None), participant_id="Bob")
    lost = make_notification(kind=NotificationKind.COVERAGE_LOST, participant_id="Bob")
    (first, second) = (one.incident.id for one in (ann[0], bob[0]) if one.incident)
    told = digest_notification([ann[0], *bob, lost, ann[1]], now=7.0, make_id=lambda prefix: prefix + "1")
    assert told.title == "4 notifications: 1 incident open, 1 incident resolved, 1 track with a change of coverage"
    assert told.detail.splitlines() == [
        f"Ann is no longer suspected to be a deepfake ({first})",
        f"Bob may be a deepfake ({second})",
        "Bob: the camera is not being watched",
    ]
    assert (told.id, told.kind, told.at, told.level) == ("ntf_1", NotificationKind.DIGEST, 7.0, ALERT)
    assert (told.call_id, told.participant_id, told.incident, told.source) == ("", "", None, None)
    assert (told.items, told.detector) == ((ann[0], *bob, lost, ann[1]), "test")


def test_a_digest_of_a_digest_stands_for_all():
    items = [make_notification(participant_id=name) for name in ("Ann", "Bob", "Cid")]
    inner = digest_notification(items[:2], now=1.0)
    assert digest_notification([inner, items[2]], now=2.0).items == tuple(items)
    alone = digest_notification([notifications.test_notification(now=0.0)], now=2.0)
    assert (alone.title, alone.level) == ("1 notification: 1 message", CLEAR)


def test_a_digest_is_simulated_only_if_all_of_it_is():
    real, played = make_notification(), make_notification(simulated=True)
    assert not digest_notification([real, played], now=0.0).simulated
    told = digest_notification([played, played], now=0.0)
    assert told.simulated
    assert told.title.startswith("Simulation: 2 notifications: ")


@given(st.text(min_size=1))
def test_a_hostile_name_has_one_line_in_a_digest(name):
    told = digest_notification([make_notification(participant_id=name), make_notification()], now=0.0)
    assert len(told.detail.splitlines()) == 2
    assert told.detail.replace("\n", "").isprintable()


def test_a_test_says_that_nothing_has_happened():
    told = notifications.test_notification(now=3.0)
    assert (told.kind, told.at, told.call_id, told.level) == (NotificationKind.TEST, 3.0, "", CLEAR)
    assert "test" in told.title
    assert told.id.startswith("ntf_")


@pytest.mark.parametrize("reason", BlindReason)
def test_coverage_notifications(reason):
    change = CoverageChanged("c1", "p1", MICROPHONE, Coverage(), Coverage(reason, "more\nof it"), 7.0)
    lost = coverage_notification(change, level=SUSPICIOUS, detector="d")
    assert (lost.kind, lost.title) == (NotificationKind.COVERAGE_LOST, "p1: the microphone is not being watched")
    assert lost.detail.endswith(" (more of it).")
    assert (lost.level, lost.source, lost.at, lost.incident) == (SUSPICIOUS, MICROPHONE, 7.0, None)
    back = CoverageChanged("c1", "p1", MICROPHONE, Coverage(reason), Coverage(), 8.0)
    regained = coverage_notification(back, level=CLEAR)
    assert (regained.kind, regained.title, regained.detail) == (
        NotificationKind.COVERAGE_REGAINED,
        "p1: the microphone is being watched again",
        "",
    )


@given(st.text(min_size=1), st.text())
def test_untrusted_names_never_break_a_title(participant, cause):
    step = PolicyStep(None, {CAMERA: ALERT}, ALERT, cause)
    incident, kind = advance(None, step, call_id="c1", participant_id=participant, now=0.0)
    assert incident
    assert kind
    told = incident_notification(incident, kind)
    assert told.participant_id == participant
    assert told.title.isprintable()
    assert told.detail.isprintable()


def test_a_name_that_does_not_print_still_makes_a_sentence():
    change = CoverageChanged("c1", "\x00", CAMERA, Coverage(BlindReason.NO_FACE), Coverage(), 1.0)
    assert coverage_notification(change, level=CLEAR).title == "The participant: the camera is being watched again"


def test_simulations_say_so_in_the_title_itself():
    _, incident = follow([(ALERT, CLEAR)])
    told = incident_notification(incident, OPENED, simulated=True)
    assert (told.title, told.simulated) == ("Simulation: p1 may be a deepfake", True)
    change = CoverageChanged("c1", "p1", CAMERA, Coverage(BlindReason.NO_FACE), Coverage(), 1.0)
    assert coverage_notification(change, level=CLEAR, simulated=True).title.startswith("Simulation: ")
