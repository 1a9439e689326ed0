"""config/interview-room.yaml: slow to alert, slow to clear; the camera decides, the voice confirms."""

from __future__ import annotations

from deepguard import Level, NotificationKind, Policy, Source
from deepguard.testing import PolicyContract, load_policy, play, stream
from support.pages import ROOT

CONFIG = ROOT / "config" / "interview-room.yaml"
OPENED, UPDATED, RESOLVED = NotificationKind.OPENED, NotificationKind.UPDATED, NotificationKind.RESOLVED


class TestContract(PolicyContract):
    def policy(self) -> Policy:
        return load_policy(CONFIG)


def test_a_bad_light_for_a_while_spoils_nobodys_interview() -> None:
    """An hour, in which the detector is wrong for 20 seconds every ten minutes, and now and then on the voice."""
    camera = "camera every 5s:" + " clear*116 alert*4" * 6
    voice = "microphone every 30s:" + " clear*39 alert" * 3
    played = play(stream(f"{camera}; {voice}"), CONFIG)
    assert Level.ALERT not in played.levels(), played
    assert played.told == []


def test_a_swapped_face_and_a_cloned_voice_are_told_within_a_minute() -> None:
    played = play(stream("camera every 5s: clear*60 alert*60; microphone every 10s from 300s: alert*30"), CONFIG)
    at = played.reached(Level.ALERT)
    assert at is not None, played
    assert 300 < at <= 360
    assert "the camera is at alert, and the voice confirms it" in played.notifications[0].detail


def test_a_swapped_face_that_nobody_hears_is_told_within_three_minutes() -> None:
    played = play(stream("camera every 5s: clear*60 alert*60; microphone every 30s: clear*20"), CONFIG)
    at = played.reached(Level.ALERT)
    assert at is not None, played
    assert 300 + 120 < at <= 300 + 180
    # Until then somebody who looks can see that it is not clear.
    assert played.at(350) is Level.SUSPICIOUS


def test_a_voice_alone_is_suspicious_and_no_more() -> None:
    played = play(stream("camera every 5s: clear*120; microphone every 10s: alert*60"), CONFIG)
    assert played.levels()[-1] is Level.SUSPICIOUS, played
    assert Level.ALERT not in played.levels()


def test_turning_the_camera_off_does_not_help() -> None:
    played = play(stream("camera every 5s: clear*12; microphone every 10s: clear*6 alert*30"), CONFIG)
    at = played.reached(Level.ALERT)
    assert at is not None, played
    assert played.incidents[0].detail == "the voice is at alert, and there is no camera to see"
    during = play(stream("camera every 5s: clear*12 alert*12; microphone every 30s from 130s: clear*20"), CONFIG)
    assert during.levels()[-1] is not Level.CLEAR, during


def test_it_is_slow_to_clear() -> None:
    fake = "camera every 5s: alert*60 {}; microphone every 10s: alert*30 clear*60"
    one_minute = play(stream(fake.format("clear*12 alert*6")), CONFIG)
    assert one_minute.levels()[-1] is Level.ALERT, one_minute
    assert one_minute.told.count(OPENED) == 1
    assert RESOLVED not in one_minute.told
    ten_minutes = play(stream(fake.format("clear*120")), CONFIG)
    assert ten_minutes.told[-1] is RESOLVED, ten_minutes
    resolved = ten_minutes.incidents[0].resolved_at
    assert resolved is not None
    assert 180 <= resolved - ten_minutes.call.started_at - 300 <= 240


def test_the_voice_that_confirmed_it_may_fall_silent() -> None:
    played = play(stream("camera every 5s: alert*120; microphone every 10s: alert*12 clear*48"), CONFIG)
    assert played.told == [OPENED] or set(played.told) == {OPENED, UPDATED}, played
    assert played.levels()[-1] is Level.ALERT
    assert played.at(590, source=Source.MICROPHONE) is Level.CLEAR
