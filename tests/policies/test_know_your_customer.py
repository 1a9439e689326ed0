"""config/know-your-customer.yaml: any sign counts, at once, and lasts; who is not watched is told of within seconds."""

from __future__ import annotations

from hypothesis import given

from deepguard import Judgement, Level, NotificationKind, Policy, Source
from deepguard.config.loading import load_config
from deepguard.plugins import PluginHost
from deepguard.testing import PolicyContract, load_policy, play, stream
from deepguard.testing.strategies import verdict_streams
from support.pages import ROOT

CONFIG = ROOT / "config" / "know-your-customer.yaml"
POLICY = load_policy(CONFIG)


class TestContract(PolicyContract):
    def policy(self) -> Policy:
        return load_policy(CONFIG)


def test_a_genuine_customer_passes() -> None:
    """Three minutes; the scores waver, and the detector fails now and then."""
    camera = "camera every 1s:" + " clear=0.05*40 clear=0.3*3 error clear=0.2*16" * 3
    played = play(stream(f"{camera}; microphone every 10s: clear=0.1*18"), CONFIG)
    assert played.changes == [], played


@given(verdict_streams(judgements=[Judgement.CLEAR, Judgement.ERROR, Judgement.UNKNOWN], scores=False))
def test_nobody_is_suspected_without_a_sign(verdicts) -> None:
    assert play(verdicts, POLICY).changes == []


def test_a_single_alert_is_told_at_once() -> None:
    played = play(stream("camera every 1s: clear=0.1*30 alert=0.9 clear=0.1*30"), CONFIG, ends=120)
    assert played.reached(Level.ALERT) == 30, played
    assert played.told == [NotificationKind.OPENED, NotificationKind.RESOLVED]
    # The call ended with the alert still standing: good pictures after it clear nobody.
    assert played.levels()[-1] is Level.ALERT
    assert played.incidents[0].resolution == "call_ended"


def test_a_cloned_voice_under_a_real_face_is_a_fake() -> None:
    played = play(stream("camera every 1s: clear=0.02*60; microphone every 10s: clear=0.1*3 alert=0.95"), CONFIG)
    assert played.told == [NotificationKind.OPENED], played
    assert played.incidents[0].sources == (Source.MICROPHONE,)


def test_a_score_counts_where_the_detector_is_not_sure_yet() -> None:
    played = play(stream("camera every 1s: clear=0.1*5 clear=0.45 suspicious=0.72"), CONFIG)
    assert [int(level) for level in played.levels()[-3:]] == [0, 1, 2], played


def test_one_of_several_detectors_is_enough() -> None:
    played = play(stream("camera@first: clear=0.1*5; camera@second: clear=0.1*4 alert=0.9"), CONFIG)
    assert played.told == [NotificationKind.OPENED], played


def test_who_is_not_watched_is_told_of_within_seconds() -> None:
    coverage = load_config(CONFIG, PluginHost(), {}).coverage
    assert coverage.media_timeout + coverage.notify_after <= 5
    (notifier,) = load_config(CONFIG, PluginHost(), {}).notifiers
    assert "coverage_lost" in notifier.on
