"""A sample that several detectors have ends once, and as the best that any of them made of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deepguard.detectors.several.samples import SharedSamples
from deepguard.model import SampleEnded, SampleOutcome

JUDGED, EXPIRED, DROPPED = SampleOutcome.JUDGED, SampleOutcome.EXPIRED, SampleOutcome.DROPPED
NAMES = ("a", "b", "c")
SAMPLES = tuple(f"s{number}" for number in range(6))

ends = st.tuples(st.just("end"), st.sampled_from(NAMES), st.sampled_from(SAMPLES), st.sampled_from(SampleOutcome))
leaves = st.tuples(st.just("leave"), st.sampled_from(NAMES))
expiries = st.tuples(st.just("expire"), st.integers(-1, len(SAMPLES)))


def best(outcomes: set[SampleOutcome]) -> SampleOutcome:
    return JUDGED if JUDGED in outcomes else EXPIRED if EXPIRED in outcomes else DROPPED


@given(
    handed=st.lists(st.sets(st.sampled_from(NAMES), min_size=1), min_size=len(SAMPLES), max_size=len(SAMPLES)),
    steps=st.lists(st.one_of(ends, leaves, expiries), max_size=60),
)
def test_whatever_they_say_in_whatever_order_each_sample_ends_once(
    handed: list[set[str]], steps: list[tuple[object, ...]]
) -> None:
    samples = SharedSamples()
    said: dict[str, dict[str, SampleOutcome]] = {sample: {} for sample in SAMPLES}
    for number, sample in enumerate(SAMPLES):
        samples.begin(sample, handed[number], float(number))
    ended: list[SampleEnded] = []

    def note(sample: str, name: str, outcome: SampleOutcome) -> None:
        if name in handed[SAMPLES.index(sample)]:
            said[sample].setdefault(name, outcome)

    for step in [*steps, ("expire", float("inf"))]:
        match step:
            case ("end", str(name), str(sample), SampleOutcome() as outcome):
                note(sample, name, outcome)
                found = samples.end(name, SampleEnded(sample, outcome, "why"))
                ended += [found] if found else []
            case ("leave", str(name)):
                for sample in SAMPLES:
                    note(sample, name, EXPIRED)
                ended += samples.leave(name, "gone")
            case ("expire", int() | float() as moment):
                for number, sample in enumerate(SAMPLES):
                    if number <= moment:
                        for name in NAMES:
                            note(sample, name, EXPIRED)
                ended += samples.expire_before(float(moment), "late")
        # Each has ended as soon as all that had it ended it, and not before.
        over = {sample for number, sample in enumerate(SAMPLES) if said[sample].keys() == handed[number]}
        assert {each.sample_id for each in ended} == over
    assert sorted(each.sample_id for each in ended) == list(SAMPLES)
    for each in ended:
        assert each.outcome is best(set(said[each.sample_id].values()))
        assert bool(each.reason) is (each.outcome is not JUDGED)
    assert samples.oldest is None


def test_the_reason_names_those_for_whom_it_ended_so() -> None:
    samples = SharedSamples()
    samples.begin("s", NAMES, 1.0)
    samples.end("a", SampleEnded("s", DROPPED, "displaced"))
    samples.end("b", SampleEnded("s", EXPIRED, "no answer"))
    assert samples.oldest == 1.0
    assert samples.leave("c", "failed") == [SampleEnded("s", EXPIRED, "b: no answer; c: failed")]


def test_a_sample_that_nobody_has_does_not_end() -> None:
    assert SharedSamples().end("a", SampleEnded("never", JUDGED)) is None
