"""The incident life cycle and what is told about it."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from deepguard.contracts import PolicyStep, Thresholds
from deepguard.model import (
    BlindReason,
    Coverage,
    CoverageChanged,
    Incident,
    Judgement,
    Level,
    NotificationKind,
    Resolution,
    Source,
)
from deepguard.policy import incidents
from deepguard.policy.incidents import (
    advance,
    coverage_notification,
    digest_notification,
    end,
    incident_notification,
    new_id,
)
from deepguard.policy.machine import ThresholdPolicy
from deepguard.testing import make_notification, make_verdict

CAMERA, MICROPHONE = Source.CAMERA, Source.MICROPHONE
CLEAR, SUSPICIOUS, ALERT = Level
OPENED, UPDATED, RESOLVED = NotificationKind.OPENED, NotificationKind.UPDATED, NotificationKind.RESOLVED
REPEATED, ACKNOWLEDGED = NotificationKind.REPEATED, NotificationKind.ACKNOWLEDGED


def follow(steps, incident: Any = None) -> tuple[list[Any], Any]:
    """Run (camera, microphone) levels through the life cycle; what each step told, and the incident at the end."""
    numbers = itertools.count(1)
    kinds = []
    for now, (camera, microphone) in enumerate(steps):
        step = PolicyStep(None, {CAMERA: camera, MICROPHONE: microphone}, max(camera, microphone), f"cause {now}")
        incident, kind = advance(
            incident,
            step,
            call_id="c1",
            participant_id="p1",
            now=float(now),
            make_id=lambda prefix: f"{prefix}{next(numbers)}",
        )
        kinds.append(kind)
    return kinds, incident


def test_opens_at_alert_and_not_before():
    kinds, incident = follow([(CLEAR, CLEAR), (SUSPICIOUS, SUSPICIOUS), (ALERT, SUSPICIOUS)])
    assert kinds == [None, None, OPENED]
    assert incident == Incident("inc_1", "c1", "p1", 2.0, ALERT, ALERT, (CAMERA,), 2.0, detail="cause 2")


def test_updated_when_the_level_or_the_tracks_at_alert_change_while_it_is_open():
    kinds, incident = follow([(ALERT, CLEAR), (ALERT, SUSPICIOUS), (ALERT, ALERT), (ALERT, ALERT), (CLEAR, ALERT)])
    assert kinds == [OPENED, None, UPDATED, None, None]
    assert incident.sources == (CAMERA, MICROPHONE)
    kinds, incident = follow([(ALERT, CLEAR), (SUSPICIOUS, CLEAR), (ALERT, CLEAR)])
    assert kinds == [OPENED, UPDATED, UPDATED]
    assert (incident.id, incident.level, incident.updated_at, incident.detail) == ("inc_1", ALERT, 2.0, "cause 2")


def test_resolved_when_clear_again_and_the_next_alert_opens_another():
    kinds, incident = follow([(ALERT, CLEAR), (CLEAR, CLEAR)])
    assert kinds == [OPENED, RESOLVED]
    assert (incident.level, incident.peak, incident.resolution) == (CLEAR, ALERT, Resolution.CLEARED)
    assert (incident.resolved_at, incident.opened_at) == (1.0, 0.0)
    kinds, after = follow([(CLEAR, CLEAR), (ALERT, CLEAR)], incident)
    assert kinds == [None, OPENED]
    assert after.resolved_at is None


def test_stays_open_while_any_track_is_suspicious():
    kinds, incident = follow([(ALERT, SUSPICIOUS), (CLEAR, SUSPICIOUS)])
    assert kinds == [OPENED, UPDATED]
    assert (incident.level, incident.resolved_at) == (SUSPICIOUS, None)


def test_a_policy_may_alert_without_any_track_at_alert():
    step = PolicyStep(None, {CAMERA: SUSPICIOUS, MICROPHONE: SUSPICIOUS}, ALERT, "both are suspicious")
    incident, kind = advance(None, step, call_id="c1", participant_id="p1", now=0.0)
    assert incident
    assert (kind, incident.sources) == (OPENED, ())


def test_end_of_the_call_resolves_once():
    _, incident = follow([(ALERT, CLEAR)])
    resolved, kind = end(incident, Resolution.CALL_ENDED, 9.0)
    assert resolved
    assert (kind, resolved.resolution, resolved.resolved_at, resolved.level) == (
        RESOLVED,
        Resolution.CALL_ENDED,
        9.0,
        ALERT,
    )
    assert end(resolved, Resolution.CALL_ENDED, 10.0) == (resolved, None)
    assert end(None, Resolution.CALL_ENDED, 10.0) == (None, None)


def test_ids_are_unique_and_carry_their_prefix():
    assert len({new_id("inc_") for _ in range(100)}) == 100
    assert len(new_id("inc_").removeprefix("inc_")) == 32


class OneParticipant(RuleBasedStateMachine):
    """Verdicts of all tracks through the default policy and the life cycle, to the end of the call."""

    def __init__(self):
        super().__init__()
        self.incident: Any = None
        self.told = []
        self.clock = 0.0
        self.level = CLEAR

    @initialize(limits=st.builds(Thresholds, *[st.integers(1, 3)] * 3))
    def begin(self, limits):
        self.policy = ThresholdPolicy(limits)
        self.state = self.policy.initial()

    @rule(source=st.sampled_from(Source), judgement=st.sampled_from(Judgement))
    def judge(self, source, judgement):
        self.clock += 1
        step = self.policy.advance(self.state, make_verdict(source=source, judgement=judgement), self.clock)
        before = self.incident
        self.incident, kind = advance(before, step, call_id="c", participant_id="p", now=self.clock)
        self.state, self.level = step.state, step.participant
        self._record(before, kind)

    @rule()
    def end_call(self):
        self.clock += 1
        before = self.incident
        self.incident, kind = end(before, Resolution.CALL_ENDED, self.clock)
        assert self.incident is None or self.incident.resolved_at is not None
        self._record(before, kind)
        self.state, self.level = self.policy.initial(), CLEAR

    def _record(self, before, kind):
        if kind is None:
            assert self.incident == before
        else:
            self.told.append((kind, self.incident.id))

    @invariant()
    def each_incident_is_opened_then_updated_then_resolved_once(self):
        for incident_id in {told_id for _, told_id in self.told}:
            kinds = [kind for kind, told_id in self.told if told_id == incident_id]
            assert kinds[0] is OPENED
            assert kinds.count(OPENED) == 1
            assert kinds.count(RESOLVED) == (kinds[-1] is RESOLVED)
            # Only the latest may still be open.
            assert kinds[-1] is RESOLVED or incident_id == self.incident.id

    @invariant()
    def open_exactly_while_suspected_after_an_alert(self):
        incident = self.incident
        if incident is not None and incident.resolved_at is None:
            assert self.level > CLEAR
            assert (incident.level, incident.peak) == (self.level, ALERT)
        else:
            assert self.level < ALERT


TestOneParticipant = OneParticipant.TestCase


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
    alone = digest_notification([incidents.test_notification(now=0.0)], now=2.0)
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
    told = incidents.test_notification(now=3.0)
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
