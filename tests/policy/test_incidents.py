"""The incident life cycle and what is told about it."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from deepguard.contracts import PolicyStep
from deepguard.model import (
    Incident,
    Judgement,
    Resolution,
    Source,
)
from deepguard.policy.ids import incident_id, new_id
from deepguard.policy.incidents import advance, end
from deepguard.policy.machine import ThresholdPolicy
from deepguard.testing import make_verdict
from deepguard.thresholds import Thresholds
from support.stories import ALERT, CAMERA, CLEAR, MICROPHONE, OPENED, RESOLVED, SUSPICIOUS, UPDATED, follow


def test_opens_at_alert_and_not_before():
    kinds, incident = follow([(CLEAR, CLEAR), (SUSPICIOUS, SUSPICIOUS), (ALERT, SUSPICIOUS)])
    assert kinds == [None, None, OPENED]
    assert incident == Incident(
        incident_id("c1", "p1", 2.0), "c1", "p1", 2.0, ALERT, ALERT, (CAMERA,), 2.0, detail="cause 2"
    )


def test_updated_when_the_level_or_the_tracks_at_alert_change_while_it_is_open():
    kinds, incident = follow([(ALERT, CLEAR), (ALERT, SUSPICIOUS), (ALERT, ALERT), (ALERT, ALERT), (CLEAR, ALERT)])
    assert kinds == [OPENED, None, UPDATED, None, None]
    assert incident.sources == (CAMERA, MICROPHONE)
    kinds, incident = follow([(ALERT, CLEAR), (SUSPICIOUS, CLEAR), (ALERT, CLEAR)])
    assert kinds == [OPENED, UPDATED, UPDATED]
    assert (incident.id, incident.level, incident.updated_at, incident.detail) == (
        incident_id("c1", "p1", 0.0),
        ALERT,
        2.0,
        "cause 2",
    )


def test_resolved_when_clear_again_and_the_next_alert_opens_another():
    kinds, incident = follow([(ALERT, CLEAR), (CLEAR, CLEAR)])
    assert kinds == [OPENED, RESOLVED]
    assert (incident.level, incident.peak, incident.resolution) == (CLEAR, ALERT, Resolution.CLEARED)
    assert (incident.resolved_at, incident.opened_at) == (1.0, 0.0)
    kinds, after = follow([(CLEAR, CLEAR), (ALERT, CLEAR)], incident)
    assert kinds == [None, OPENED]
    assert after.resolved_at is None


def test_two_that_open_at_the_same_moment_are_two():
    ids = []
    incident = None
    for level in (ALERT, CLEAR, ALERT, CLEAR, ALERT):
        step = PolicyStep(None, {CAMERA: level}, level, "cause")
        incident, kind = advance(incident, step, call_id="c1", participant_id="p1", now=7.0)
        assert incident is not None
        ids += [incident.id] if kind is OPENED else []
    assert len(set(ids)) == 3


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
        for each in {told_id for _, told_id in self.told}:
            kinds = [kind for kind, told_id in self.told if told_id == each]
            assert kinds[0] is OPENED
            assert kinds.count(OPENED) == 1
            assert kinds.count(RESOLVED) == (kinds[-1] is RESOLVED)
            # Only the latest may still be open.
            assert kinds[-1] is RESOLVED or each == self.incident.id

    @invariant()
    def open_exactly_while_suspected_after_an_alert(self):
        incident = self.incident
        if incident is not None and incident.resolved_at is None:
            assert self.level > CLEAR
            assert (incident.level, incident.peak) == (self.level, ALERT)
        else:
            assert self.level < ALERT


TestOneParticipant = OneParticipant.TestCase


def test_its_reason_is_the_participants_where_the_track_has_another():
    step = PolicyStep(None, {CAMERA: ALERT}, ALERT, "the camera's", participant_cause="the participant's")
    opened = advance(None, step, call_id="c1", participant_id="p1", now=1.0).incident
    assert opened is not None
    assert opened.detail == "the participant's"
    calm = PolicyStep(None, {CAMERA: CLEAR}, CLEAR, "the camera's", participant_cause="both are clear")
    resolved = advance(opened, calm, call_id="c1", participant_id="p1", now=2.0).incident
    assert resolved is not None
    assert resolved.detail == "both are clear"
