"""What is held back of a silent microphone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deepguard.pipeline.receive.silence import APART, CHECK, CHECK_EVERY, KEPT, LINGER, LOUD, Admitted, SilenceHold

STEP = 0.02

levels = st.one_of(st.none(), st.integers(0, 127), st.just(127), st.just(LOUD), st.just(LOUD + 1))
# Stretches of one level, so that silence is long enough to be let go of.
stretches = st.lists(st.tuples(levels, st.integers(1, 120)), max_size=12)


def admit_all(hold: SilenceHold[int], said: list[int | None], begin: int = 0) -> list[Admitted[int]]:
    return [hold.admit(begin + number, level, (begin + number) * STEP) for number, level in enumerate(said)]


def spread(runs: list[tuple[int | None, int]]) -> list[int | None]:
    return [level for level, count in runs for _ in range(count)]


@given(stretches)
def test_order_is_kept_nothing_passes_twice_and_all_is_accounted_for(runs: list[tuple[int | None, int]]) -> None:
    hold: SilenceHold[int] = SilenceHold()
    said = spread(runs)
    admitted = admit_all(hold, said)
    passed = [number for each in admitted for number in each.items]
    assert passed == sorted(set(passed))
    held = len(hold._kept)
    assert len(passed) + hold.dropped + held == len(said)
    before = -1
    for each in admitted:
        if each.items:
            assert each.after_gap == (each.items[0] != before + 1)
            before = each.items[-1]


@given(stretches)
def test_whatever_is_loud_or_does_not_say_passes_at_once_with_the_seconds_before(
    runs: list[tuple[int | None, int]],
) -> None:
    hold: SilenceHold[int] = SilenceHold()
    said = spread(runs)
    passed: set[int] = set()
    for number, (level, each) in enumerate(zip(said, admit_all(hold, said), strict=True)):
        passed.update(each.items)
        if level is None or level <= LOUD:
            assert number in each.items
            kept = [earlier for earlier in range(number) if (number - earlier) * STEP < KEPT - STEP / 2]
            assert passed.issuperset(kept)


def test_the_end_of_speech_is_heard_and_then_nothing() -> None:
    hold: SilenceHold[int] = SilenceHold()
    admitted = admit_all(hold, [10, *[127] * 150])
    passed = [number for each in admitted for number in each.items]
    assert passed == list(range(len(passed)))
    assert LINGER <= len(passed) * STEP < LINGER + 2 * STEP
    assert hold.dropped == 151 - len(passed) - len(hold._kept)


def test_now_and_then_silence_is_checked() -> None:
    hold: SilenceHold[int] = SilenceHold()
    checks: list[list[float]] = []
    for number in range(int(10 * CHECK_EVERY[1] / STEP)):
        now = number * STEP
        before = hold.checking
        admitted = hold.admit(number, 127, now)
        assert hold.checking <= bool(admitted.items)
        if hold.checking and not before:
            checks.append([now, now])
        elif hold.checking:
            checks[-1][1] = now
    assert len(checks) >= 8
    last = 0.0
    for begin, end in checks:
        assert CHECK_EVERY[0] <= begin - last <= CHECK_EVERY[1] + CHECK + 2 * STEP
        assert CHECK - 3 * STEP < end - begin < CHECK + STEP
        last = end


def test_who_was_caught_is_believed_no_more() -> None:
    hold: SilenceHold[int] = SilenceHold()
    admit_all(hold, [127] * 100)
    assert admit_all(hold, [127], 100)[0].items == ()
    hold.trusted = False
    hold.start_over()
    assert [each.items for each in admit_all(hold, [127] * 200, 101)] == [(number,) for number in range(101, 301)]


def test_what_was_held_back_before_a_new_beginning_is_forgotten() -> None:
    hold: SilenceHold[int] = SilenceHold()
    admit_all(hold, [127] * 100)
    hold.start_over()
    (first,) = admit_all(hold, [127], 100)
    assert first == ((100,), False)


def leaving_out(seconds: float) -> list[tuple[float, bool]]:
    """When packets come of a pause as Opus leaves it out, and whether nothing is in them."""
    return [(0.4 * number + late, late > 0) for number in range(round(seconds / 0.4)) for late in (0.0, STEP)]


def test_a_pause_that_is_left_out_is_held_and_speech_brings_its_end() -> None:
    hold: SilenceHold[float] = SilenceHold()
    for number in range(10):
        assert hold.admit(number * STEP, None, number * STEP).items
    pause = [(10 * STEP + at, nothing) for at, nothing in leaving_out(8)]
    passed = [hold.admit(at, None, at, is_nothing=nothing).items for at, nothing in pause]
    heard = [items for (at, _), items in zip(pause, passed, strict=True) if at < 9 * STEP + LINGER]
    assert passed == heard + [()] * (len(pause) - len(heard))
    begins = pause[-1][0] + APART
    first, second = begins + STEP, begins + 2 * STEP
    assert hold.admit(first, None, first).items == (), "one packet alone tells how silence sounds"
    released = hold.admit(second, None, second)
    assert released.items == (*(at for at, _ in pause if at >= first - KEPT), first, second)
    assert released.after_gap
    assert hold.admit(second + STEP, None, second + STEP).items == (second + STEP,)


def test_silence_of_which_little_comes_is_checked_too() -> None:
    hold: SilenceHold[int] = SilenceHold()
    rare = 2 * CHECK
    passed = [bool(hold.admit(number, 127, number * rare).items) for number in range(round(10 * CHECK_EVERY[1] / rare))]
    assert sum(passed) >= 10


def test_what_goes_on_is_not_held_however_long_its_packets_are() -> None:
    hold: SilenceHold[int] = SilenceHold()
    assert all(hold.admit(number, None, number * 0.12).items == (number,) for number in range(200))
