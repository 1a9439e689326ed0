from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from deepguard.detectors.dataspike.window import DISPLACED, MAX_TRACKS, UNSOLICITED_BURST, Held, Window
from deepguard.model import Sample, SampleEnded, SampleOutcome, Source
from support.dataspike_peer import make_sample

SIZE = 3
LIFETIME = 10.0
TRACKS = ("camera", "microphone")


class WindowMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, each sample ends exactly once, in a way that is true of it."""

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(SIZE, LIFETIME)
        self.now = 0.0
        self.added: dict[str, tuple[Sample, float]] = {}
        self.sent: set[str] = set()
        self.flying: list[Held] = []
        self.ends: Counter[str] = Counter()

    def note(self, ends: list[SampleEnded]) -> None:
        for end in ends:
            self.ends[end.sample_id] += 1
            expected = SampleOutcome.EXPIRED if end.sample_id in self.sent else SampleOutcome.DROPPED
            assert end.outcome is expected
            assert end.reason

    @rule(track=st.sampled_from(TRACKS))
    def add(self, track: str) -> None:
        sample = make_sample(track=track)
        self.added[sample.id] = (sample, self.now)
        ends = self.window.add(sample, self.now)
        assert sample.id not in {end.sample_id for end in ends}, "the newest wins"
        assert all(end.reason == DISPLACED for end in ends)
        self.note(ends)

    @rule(sends=st.booleans())
    def take(self, sends: bool) -> None:
        held = self.window.take()
        if held is None:
            return
        assert not self.ends[held.sample.id]
        self.flying.append(held)
        if sends:
            held.sends += 1
            self.sent.add(held.sample.id)

    @rule(track=st.sampled_from(TRACKS))
    def answer(self, track: str) -> None:
        expected = next((held.sample for held in self.flying if held.sample.track_id == track), None)
        sample = self.window.answer("p1", track)
        assert sample is expected, "the oldest in flight of that track"
        if sample is not None:
            self.ends[sample.id] += 1
            self.flying = [held for held in self.flying if held.sample is not sample]

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self.flying))
        assert self.window.discard(held)
        assert not self.window.discard(held)
        self.note([held.end("cannot be sent")])
        self.flying.remove(held)

    @rule()
    def recall(self) -> None:
        before = len(self.window)
        self.window.recall()
        assert (len(self.window), self.window.in_flight) == (before, 0)
        self.flying.clear()

    @rule(seconds=st.floats(0, 6))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        ends = self.window.expire(self.now, "unsent", "sent")
        self.note(ends)
        ended = {end.sample_id for end in ends}
        for end in ends:
            assert self.added[end.sample_id][1] + LIFETIME <= self.now
        self.flying = [held for held in self.flying if held.sample.id not in ended]

    @rule()
    def end_all(self) -> None:
        self.note(self.window.end_all("over"))
        self.flying.clear()
        assert not self.window

    @invariant()
    def none_is_lost_or_doubled(self) -> None:
        assert all(count == 1 for count in self.ends.values())
        assert len(self.window) == len(self.added) - self.ends.total()

    @invariant()
    def tracks_are_bounded(self) -> None:
        open_samples = [sample for sample, _ in self.added.values() if not self.ends[sample.id]]
        for track in TRACKS:
            assert sum(sample.track_id == track for sample in open_samples) <= SIZE
            assert sum(held.sample.track_id == track for held in self.flying) <= SIZE - 1
        assert self.window.in_flight == len(self.flying)

    @invariant()
    def none_outlives_its_time(self) -> None:
        deadlines = [at + LIFETIME for name, (_, at) in self.added.items() if not self.ends[name]]
        assert self.window.next_deadline() == min(deadlines, default=None)


TestWindow = WindowMachine.TestCase
TestWindow.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_recalled_samples_go_first_and_in_order():
    window = Window(8, LIFETIME)
    samples = [make_sample() for _ in range(4)]
    for sample in samples[:3]:
        window.add(sample, 0.0)
    first, second = window.take(), window.take()
    assert first
    assert second
    window.add(samples[3], 0.0)

    window.recall()

    assert [held.sample for held in iter(window.take, None)] == samples


def test_tracks_take_turns_by_age():
    window = Window(8, LIFETIME)
    samples = [make_sample(track=track) for track in ("a", "b", "a", "c", "b")]
    for sample in samples:
        window.add(sample, 0.0)

    assert [held.sample for held in iter(window.take, None)] == samples


def test_a_track_with_all_in_flight_does_not_hold_up_another():
    window = Window(2, LIFETIME)
    samples = [make_sample(track=track) for track in ("a", "a", "b")]
    for sample in samples:
        window.add(sample, 0.0)

    assert [held.sample for held in iter(window.take, None)] == [samples[0], samples[2]]


def test_unsolicited_verdicts_are_rationed_for_each_track():
    window = Window(2, LIFETIME)
    window.add(make_sample(track="a"), 0.0)
    window.add(make_sample(track="b", source=Source.MICROPHONE), 0.0)

    allowed = [window.allow_unsolicited("p1", "a", 0.0) for _ in range(50)]

    assert allowed == [Source.CAMERA] * UNSOLICITED_BURST + [None] * (50 - UNSOLICITED_BURST)
    window.end_all("over")
    window.add(make_sample(track="a"), 0.0)
    assert window.allow_unsolicited("p1", "a", 0.0) is None, "a new sample brings no new ration"
    assert window.allow_unsolicited("p1", "b", 0.0) is Source.MICROPHONE
    assert window.allow_unsolicited("p1", "a", 1.5) is Source.CAMERA
    window.end_all("over")
    assert window.allow_unsolicited("p1", "b", 0.0) is Source.MICROPHONE, "also when no sample is open"
    assert window.allow_unsolicited("p1", "never submitted", 0.0) is None
    assert window.allow_unsolicited("nobody", "a", 0.0) is None


def test_tracks_are_forgotten_before_they_fill_the_memory():
    window = Window(2, LIFETIME)
    window.add(make_sample(track="busy"), 0.0)
    window.add(make_sample(track="idle"), 0.0)
    window.take()
    window.take()
    window.answer("p1", "idle")

    ends = [end for n in range(MAX_TRACKS) for end in window.add(make_sample(track=f"track-{n}"), 0.0)]

    assert window.allow_unsolicited("p1", "idle", 0.0) is None, "the idle one goes first"
    assert len(ends) == 1, "then the one that was used longest ago, with its sample"
    assert window.allow_unsolicited("p1", "busy", 0.0) is None
    assert len(window) == MAX_TRACKS
