"""What is held back of a silent microphone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deepguard.pipeline.receive.silence import CHECK, CHECK_EVERY, KEPT, LINGER, LOUD, Admitted, SilenceHold

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
