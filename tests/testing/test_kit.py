"""The authors' kit."""

import subprocess
import sys

import pytest

from deepguard import NotifyError, testing
from deepguard.model import Judgement, Level, NotificationKind, Resolution, Source
from deepguard.testing import RecordingNotifier, make_notification, make_verdict


@pytest.mark.parametrize("kind", NotificationKind)
def test_notifications_of_every_kind_are_consistent(kind):
    made = make_notification(kind=kind, participant_id="Zoë", call_id="c9", at=12.0)
    assert (made.kind, made.participant_id, made.call_id, made.at) == (kind, "Zoë", "c9", 12.0)
    assert made.title
    about_incident = kind.value.startswith("incident.")
    assert (made.incident is not None) == about_incident
    assert (made.source is not None) == kind.value.startswith("coverage.")
    if made.incident:
        assert "Zoë" in made.title
        assert (made.incident.participant_id, made.incident.call_id) == ("Zoë", "c9")
        assert made.level is made.incident.level
        assert (made.incident.resolution is Resolution.CLEARED) == (kind is NotificationKind.RESOLVED)


def test_each_notification_has_an_id_of_its_own():
    assert make_notification().id != make_notification().id


def test_over_wins():
    made = make_notification(title="own words", level=Level.SUSPICIOUS, simulated=True, incident=None)
    assert (made.title, made.level, made.simulated, made.incident) == ("own words", Level.SUSPICIOUS, True, None)
    verdict = make_verdict(judgement=Judgement.ERROR, source=Source.MICROPHONE, message="no")
    assert (verdict.judgement, verdict.source, verdict.message) == (Judgement.ERROR, Source.MICROPHONE, "no")


def test_a_digest_holds_what_it_is_given():
    items = tuple(make_notification(participant_id=name) for name in ("Ann", "Bob"))
    made = make_notification(kind=NotificationKind.DIGEST, items=items)
    assert made.items == items
    assert made.title.startswith("2 notifications: 2 incidents open")
    assert len(make_notification(kind=NotificationKind.DIGEST).items) == 2


def test_a_repeat_lasts_and_an_acknowledgement_names_who():
    repeated = make_notification(kind=NotificationKind.REPEATED, at=5000.0)
    assert "15 minutes" in repeated.detail
    taken = make_notification(kind=NotificationKind.ACKNOWLEDGED)
    assert "acknowledged by Ann" in taken.title
    assert taken.incident
    assert taken.ack_url.endswith(taken.incident.id)
    assert taken.ack_url not in repr(taken)


@pytest.mark.parametrize("make", [make_verdict, make_notification])
def test_unknown_fields_are_refused(make):
    with pytest.raises(TypeError, match="levle"):
        make(levle=1)


async def test_recording_notifier_remembers_in_order():
    notifier = RecordingNotifier()
    first, second = make_notification(), make_notification()
    await notifier.start()
    await notifier.send(first)
    await notifier.send(second)
    assert await notifier.wait_for(2) == [first, second]
    await notifier.close()
    assert (notifier.started, notifier.closed) == (1, 1)


async def test_recording_notifier_fails_as_it_is_told_to():
    notifier = RecordingNotifier(NotifyError("busy", retry_after=3.0), None, NotifyError("no", retryable=False))
    taken = make_notification()
    for fails in (True, False, True, False):
        if fails:
            with pytest.raises(NotifyError):
                await notifier.send(taken)
        else:
            await notifier.send(taken)
    assert notifier.notifications == [taken, taken]


def test_every_name_of_the_kit_is_there_and_a_noun_costs_neither_pytest_nor_aiohttp():
    assert testing.__all__ == sorted(testing.__all__) == dir(testing)
    for name in testing.__all__:
        assert getattr(testing, name)
    with pytest.raises(AttributeError, match="has no attribute 'make_notificaton'"):
        testing.make_notificaton  # noqa: B018
    program = "import sys; from deepguard.testing import make_notification; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pytest", "aiohttp", "loguru"} & set(loaded)


async def test_recording_notifier_says_when_too_few_came():
    notifier = RecordingNotifier()
    await notifier.send(make_notification())
    with pytest.raises(TimeoutError):
        await notifier.wait_for(2, seconds=0)
