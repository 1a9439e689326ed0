"""config/contact-centre.yaml: few false alarms, callers only, and never laxer for what a caller says."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard import After, Judgement, Level, NotificationKind, Policy, Source, Thresholds
from deepguard.testing import PolicyContract, load_policy, play, stream
from deepguard.testing.strategies import verdict_streams
from support.pages import ROOT, module_of

CONFIG = ROOT / "config" / "contact-centre.yaml"
FILE = ROOT / "config" / "contact_centre_policy.py"
MONEY = {"queue": "wire-transfers"}
CALLS = 200


class TestContract(PolicyContract):
    def policy(self) -> Policy:
        return load_policy(CONFIG)

    def streams(self):
        return verdict_streams(participants=("caller", "agent-1"))


class TestContractAboutMoney(PolicyContract):
    def policy(self) -> Policy:
        return load_policy(CONFIG, metadata=MONEY)


def test_a_mistake_of_the_detector_alerts_on_nobody() -> None:
    played = play(stream("microphone: clear*6 alert clear*5 suspicious clear*3 alert alert clear*8"), CONFIG)
    assert played.told == [], played


def test_it_alerts_on_few_genuine_callers_of_many() -> None:
    """Of 200 genuine calls of three minutes, judged by a detector that is wrong in 5 of 100 verdicts."""
    draw = random.Random(7)
    ours, usual = load_policy(CONFIG), Thresholds()
    alerted = {"ours": 0, "usual": 0}
    for _ in range(CALLS):
        said = " ".join("alert" if draw.random() < 0.05 else "clear" for _ in range(36))
        verdicts = stream(f"microphone every 5s: {said}")
        alerted["ours"] += play(verdicts, ours).reached(Level.ALERT) is not None
        alerted["usual"] += play(verdicts, usual).reached(Level.ALERT) is not None
    assert alerted["usual"] > CALLS / 2
    assert alerted["ours"] < CALLS / 20


def test_a_cloned_voice_is_told_within_15_seconds() -> None:
    played = play(stream("microphone every 5s: alert*12", participant="caller"), CONFIG, ends=70)
    assert played.told == [NotificationKind.OPENED, NotificationKind.RESOLVED], played
    assert played.reached(Level.ALERT) == 10
    assert played.incidents[0].sources == (Source.MICROPHONE,)


def test_a_voice_that_is_missed_now_and_then_is_told_all_the_same() -> None:
    played = play(stream("microphone: clear*2 alert clear alert - alert unknown alert"), CONFIG)
    assert played.reached(Level.ALERT) is not None, played


def test_the_voice_outweighs_the_picture() -> None:
    bad_picture = play(stream("microphone: clear*12; camera every 10s: alert*6"), CONFIG)
    assert bad_picture.at(60) is Level.CLEAR, bad_picture
    assert bad_picture.at(60, source=Source.CAMERA) is Level.ALERT
    bad_voice = play(stream("microphone: alert*12; camera every 10s: clear*6"), CONFIG)
    assert bad_voice.at(60) is Level.ALERT, bad_voice
    # Where nobody speaks there is nothing that could outweigh it.
    alone = play(stream("camera every 10s: alert*6"), CONFIG)
    assert alone.at(60) is Level.ALERT, alone


def test_an_alert_lasts_until_somebody_can_look() -> None:
    played = play(stream("microphone: alert*3 clear*20"), CONFIG)
    assert played.at(30) is Level.ALERT, played
    assert played.told == [NotificationKind.OPENED, NotificationKind.RESOLVED]


def test_what_was_heard_before_a_long_hold_is_forgotten() -> None:
    played = play(stream("microphone: alert alert 400s alert clear"), CONFIG)
    assert played.reached(Level.ALERT) is None, played


def test_agents_are_no_suspects() -> None:
    played = play(stream("agent-7/microphone: alert*20; caller/microphone: clear*20"), CONFIG)
    assert played.changes == [], played


def test_a_caller_who_calls_themselves_an_agent_is_watched() -> None:
    metadata = {"participant_id": "agent-7"}
    played = play(stream("agent-7/microphone: alert*20"), CONFIG, metadata=metadata)
    assert played.told == [NotificationKind.OPENED], played


def test_a_call_about_money_needs_less_evidence() -> None:
    verdicts = stream("microphone: clear*3 alert clear alert clear*3")
    assert play(verdicts, CONFIG).reached(Level.ALERT) is None
    assert play(verdicts, CONFIG, metadata=MONEY).reached(Level.ALERT) == 25


@given(st.dictionaries(st.sampled_from(["queue", "participant_id", "thresholds", "policy"]), st.text()))
def test_nothing_else_that_a_caller_says_changes_the_thresholds(metadata: dict[str, str]) -> None:
    verdicts = stream("microphone: alert*3 clear*3")
    assert play(verdicts, OURS).levels() == play(verdicts, load_for(metadata)).levels()


@given(
    verdict_streams(
        participants=["caller"],
        sources=[Source.MICROPHONE],
        detectors=["test"],
        judgements=[Judgement.CLEAR, Judgement.SUSPICIOUS, Judgement.ALERT],
        scores=False,
    )
)
def test_whoever_is_alerted_on_is_alerted_on_no_later_where_money_moves(verdicts) -> None:
    usual = play(verdicts, OURS)
    if verdicts and (at := usual.reached(Level.ALERT)) is not None:
        strict = play(verdicts, STRICT).reached(Level.ALERT)
        assert strict is not None, usual
        assert strict <= at


@pytest.mark.parametrize("rule", [1, 2, "2 of 3", "2 of 9", 3, "3 of 5", "4 of 50", "10 s"])
@pytest.mark.parametrize("most", [1, 2])
def test_no_rule_of_the_yaml_is_made_laxer(rule: int | str, most: int) -> None:
    before = rule if isinstance(rule, int) else After.parse(rule)
    asked = module_of(FILE).at_most(most, before)
    before = before if isinstance(before, After) else After(before)
    assert asked == before or (asked.verdicts == most and asked.of >= max(5, before.of))
    assert asked.verdicts <= before.verdicts or before.seconds


OURS, STRICT = load_policy(CONFIG), load_policy(CONFIG, metadata=MONEY)


def load_for(metadata: dict[str, str]) -> Policy:
    return load_policy(CONFIG, metadata=metadata)
