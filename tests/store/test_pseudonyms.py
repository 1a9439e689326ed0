"""What is sent to others holds no names and no words, and is played as the original is."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from deepguard.model import Verdict
from deepguard.store.lines import lines_of
from deepguard.store.pseudonyms import Pseudonyms
from deepguard.store.recording import RecordedPolicy, Recording
from support.recordings import recorded, recordings


def told(recording: Recording) -> str:
    return json.dumps(list(lines_of(recording)), ensure_ascii=False)


def test_no_name_and_no_word_is_left() -> None:
    secret = "Adas-secret"
    given = recorded()
    (stored,) = given.incidents
    incident = replace(stored.incident, detail=secret, context={"team": secret}, acknowledged_by=secret)
    given = replace(
        given,
        call=replace(given.call, metadata={"queue": secret}),
        policy=RecordedPolicy(f"./{secret}.py", {"alert_after": 2, "of": {secret: 1}, "who": secret}, secret),
        verdicts=tuple(
            replace(one, message=secret, track_id=secret, signals={"text": secret}) for one in given.verdicts
        ),
        samples=tuple(replace(one, reason=secret, track_id=secret) for one in given.samples),
        labels=tuple(replace(one, by=secret, comment=secret) for one in given.labels),
        incidents=(replace(stored, incident=incident),),
    )
    hidden = Pseudonyms().of(given)
    assert secret not in told(hidden)
    assert "Ada" not in told(hidden)
    assert hidden.policy.thresholds == {"alert_after": 2}
    assert list(hidden.call.metadata) == ["queue"]
    assert hidden.policy.failed


def test_the_same_name_has_the_same_pseudonym_in_one_export_and_another_in_the_next() -> None:
    made = Pseudonyms()
    one, other = made.of(recorded("call-1")), made.of(recorded("call-2"))
    names = {one.verdicts[0].participant_id, one.samples[0].participant_id, one.incidents[0].incident.participant_id}
    assert names == {other.verdicts[0].participant_id} == {other.labels[0].participant_id}
    assert one.verdicts[0].track_id == one.samples[0].track_id
    assert one.shadows[0].name == one.shadow_changes[0].shadow
    assert Pseudonyms().of(recorded()).verdicts[0].participant_id not in names


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)
@given(recordings())
def test_what_a_policy_counts_stays_as_it_was(given: Recording) -> None:
    hidden = Pseudonyms().of(given)

    def counted(verdict: Verdict) -> Verdict:
        return replace(verdict, participant_id="", track_id="", message="", signals={})

    assert list(map(counted, hidden.verdicts)) == list(map(counted, given.verdicts))
    places: dict[str, str] = {}
    for one, other in zip(given.verdicts, hidden.verdicts, strict=True):
        assert places.setdefault(one.participant_id, other.participant_id) == other.participant_id
    assert len(set(places.values())) == len(places)
    assert [(one.at, one.before, one.after, one.source) for one in hidden.levels] == [
        (one.at, one.before, one.after, one.source) for one in given.levels
    ]
    assert hidden.call.id == given.call.id
