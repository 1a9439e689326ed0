"""What keeps a notification back: hours that come back, on any clock, and silences that people asked for."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deepguard.config.models import KIND_OF, SilenceWindow
from deepguard.model import NotificationKind
from deepguard.notify.silence import Silence, in_window, silenced_by
from deepguard.testing import make_notification

NOW = datetime(2026, 3, 4, 23, 0, tzinfo=UTC).timestamp()  # a Wednesday
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia")

times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
zones = st.sampled_from(ZONES)
day_sets = st.lists(st.sampled_from(DAYS), max_size=7, unique=True).map(tuple)
moments = st.integers(1_262_304_000, 1_924_992_000)
"""From 2010 to 2030, in whole seconds."""


def window(start="22:00", end="06:00", **over) -> SilenceWindow:
    return SilenceWindow(**{"name": "nights", "start": start, "end": end, **over})


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def why(notification=None, *, windows=(), silences=(), notifier="log", now=NOW):
    return silenced_by(notification or make_notification(), notifier, windows, silences, now)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [("21:59:59", False), ("22:00:00", True), ("00:00:00", True), ("05:59:59", True), ("06:00:00", False)],
)
def test_a_night(moment, inside):
    assert in_window(window(), at(f"2026-03-04T{moment}+00:00")) is inside


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-03-06T21:59+00:00", False),  # Friday
        ("2026-03-06T22:00+00:00", True),
        ("2026-03-07T05:59+00:00", True),  # the Friday's night
        ("2026-03-07T22:00+00:00", False),
        ("2026-03-06T05:59+00:00", False),  # the Thursday's night
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(moment, inside):
    assert in_window(window(days=("fri",)), at(moment)) is inside


def test_a_monday_morning_belongs_to_the_sunday():
    assert in_window(window(days=("sun",)), at("2026-03-09T05:00+00:00"))


@pytest.mark.parametrize("time", ["00:00", "13:30"])
def test_the_same_time_twice_is_a_whole_day(time):
    begin = at(f"2026-03-07T{time}+00:00")  # a Saturday
    whole = window(time, time, days=("sat",))
    assert [in_window(whole, begin + offset) for offset in (-1, 0, 86_399, 86_400)] == [False, True, True, False]


def minutes_inside(silence: SilenceWindow, first: str, last: str) -> list[str]:
    """The minutes, in UTC, within both."""
    minutes = range(int(at(first)), int(at(last)), 60)
    return [datetime.fromtimestamp(minute, UTC).strftime("%H:%M") for minute in minutes if in_window(silence, minute)]


def between(first: str, last: str) -> list[str]:
    """The minutes from one to before the other."""
    minute, end = datetime.fromisoformat(f"2000-01-01T{first}"), datetime.fromisoformat(f"2000-01-01T{last}")
    found = []
    while minute < end:
        found.append(minute.strftime("%H:%M"))
        minute += timedelta(minutes=1)
    return found


GAP = ("2026-03-29T00:00+00:00", "2026-03-29T03:00+00:00")
"""In Berlin 02:00 is 03:00, at 01:00 UTC."""
OVERLAP = ("2026-10-25T00:00+00:00", "2026-10-25T04:00+00:00")
"""In Berlin 03:00 is 02:00, at 01:00 UTC."""


@pytest.mark.parametrize(
    ("start", "end", "span", "expected"),
    [
        ("01:30", "03:30", GAP, between("00:30", "01:30")),
        ("02:00", "03:00", GAP, []),
        ("02:30", "03:30", GAP, between("01:00", "01:30")),
        ("01:30", "02:30", GAP, between("00:30", "01:00")),
        ("01:30", "03:30", OVERLAP, between("00:00", "02:30")),
        ("02:00", "03:00", OVERLAP, between("00:00", "02:00")),
        ("02:15", "02:45", OVERLAP, between("00:15", "00:45") + between("01:15", "01:45")),
        ("02:30", "03:30", OVERLAP, between("00:30", "01:00") + between("01:30", "02:30")),
    ],
)
def test_the_clock_on_the_wall_decides_when_it_is_changed(start, end, span, expected):
    assert minutes_inside(window(start, end, timezone="Europe/Berlin"), *span) == expected


@pytest.mark.parametrize(
    ("first", "hours"),
    [("2026-03-28T12:00+00:00", 7), ("2026-10-24T12:00+00:00", 9), ("2026-06-20T12:00+00:00", 8)],
)
def test_nights_are_shorter_or_longer_by_the_hour(first, hours):
    last = datetime.fromtimestamp(at(first) + 86_400, UTC).isoformat()
    assert len(minutes_inside(window(timezone="Europe/Berlin"), first, last)) == hours * 60


@given(start=times, end=times, zone=zones, now=moments)
def test_a_window_and_its_opposite_share_no_moment_and_leave_none(start, end, zone, now):
    assume(start != end)
    assert in_window(window(start, end, timezone=zone), now) != in_window(window(end, start, timezone=zone), now)


@given(start=times, end=times, days=day_sets, now=moments)
def test_in_utc_it_is_one_span_a_day(start, end, days, now):
    midnight = now - now % 86_400
    spans = []
    for day in (midnight - 86_400, midnight):
        begin, finish = (day + 3600 * int(time[:2]) + 60 * int(time[3:]) for time in (start, end))
        weekday = DAYS[datetime.fromtimestamp(day, UTC).weekday()]
        if not days or weekday in days:
            spans.append((begin, finish if finish > begin else finish + 86_400))
    assert in_window(window(start, end, days=days), now) == any(begin <= now < finish for begin, finish in spans)


@given(start=times, end=times, zone=zones, days=day_sets, now=moments)
def test_each_day_of_its_own_adds_up_to_all_of_them(start, end, zone, days, now):
    assume(days)
    single = [in_window(window(start, end, timezone=zone, days=(day,)), now) for day in days]
    assert in_window(window(start, end, timezone=zone, days=days), now) == any(single)
    assert sum(single) <= 1


@given(start=times, zone=zones, now=moments)
def test_it_begins_when_the_clock_there_shows_its_start(start, zone, now):
    there = datetime.fromtimestamp(now, ZoneInfo(zone))
    end = (there.replace(tzinfo=None) + timedelta(minutes=1)).strftime("%H:%M")
    assume(start != end)
    shown = there.strftime("%H:%M")
    assert in_window(window(shown, end, timezone=zone), now)
    assert not in_window(window(end, shown, timezone=zone), now)


def test_the_words_say_which():
    assert why(windows=[window()]) == "silence 'nights'"
    silence = Silence("sil_1", NOW, NOW + 60, created_by="alice", comment="planned\n\x1b[31mtest")
    assert why(silences=[silence]) == "silence sil_1 of alice: planned [31mtest"
    assert why(silences=[Silence("sil_1", NOW, NOW + 60)]) == "silence sil_1"
    assert why() is None


@pytest.mark.parametrize(("now", "silent"), [(NOW - 1, False), (NOW, True), (NOW + 59, True), (NOW + 60, False)])
def test_a_silence_holds_from_its_start_to_before_its_end(now, silent):
    assert (why(silences=[Silence("sil_1", NOW, NOW + 60)], now=now) is not None) is silent


@pytest.mark.parametrize("kind", [kind for kind in NotificationKind if kind not in KIND_OF])
def test_tests_and_digests_are_never_silenced(kind):
    test = make_notification(kind=NotificationKind.TEST)
    notification = test if kind is NotificationKind.TEST else make_notification(kind=kind)
    assert why(notification, windows=[window("00:00", "00:00")], silences=[Silence("sil_1", 0, NOW * 2)]) is None


@pytest.mark.parametrize("kind", list(KIND_OF))
def test_every_other_kind_can_be_silenced_by_its_word(kind):
    notification = make_notification(kind=kind)
    assert why(notification, windows=[window(kinds=(KIND_OF[kind],))])
    assert why(notification, silences=[Silence("sil_1", NOW, NOW + 1, kinds=(KIND_OF[kind],))])
    others = tuple(word for word in KIND_OF.values() if word != KIND_OF[kind])
    assert why(notification, windows=[window(kinds=others)]) is None
    assert why(notification, silences=[Silence("sil_1", NOW, NOW + 1, kinds=others)]) is None


@pytest.mark.parametrize(
    ("limits", "silent"),
    [
        ({"notifiers": ("slack", "log")}, True),
        ({"notifiers": ("slack",)}, False),
        ({"participants": ("agent-*", "participant-*")}, True),
        ({"participants": ("agent-*",)}, False),
        ({"notifiers": ("log",), "participants": ("agent-*",)}, False),
    ],
)
def test_all_its_limits_must_be_met(limits, silent):
    assert (why(windows=[window(**limits)]) is not None) is silent
    assert (why(silences=[Silence("sil_1", NOW, NOW + 1, **limits)]) is not None) is silent


def test_a_silence_of_an_incident_leaves_all_else_alone():
    incident, other = make_notification(), make_notification()
    coverage = make_notification(kind=NotificationKind.COVERAGE_LOST)
    assert incident.incident is not None
    silences = [Silence("sil_1", NOW, NOW + 1, incidents=(incident.incident.id,))]
    assert why(incident, silences=silences)
    assert why(other, silences=silences) is None
    assert why(coverage, silences=silences) is None
