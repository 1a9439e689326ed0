"""Several detectors as one: what passes, when a sample ends, and what one that fails leaves of the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepguard.contracts import Detector, DetectorEvent
from deepguard.detectors.embedded.detector import EmbeddedDetector
from deepguard.detectors.scenario import ScenarioConfig
from deepguard.detectors.scenario.detector import ScenarioDetector
from deepguard.detectors.several import SeveralDetector
from deepguard.detectors.several import detector as several_module
from deepguard.errors import DetectorError
from deepguard.model import (
    BlindReason,
    DetectorHealth,
    HealthState,
    Judgement,
    Sample,
    SampleEnded,
    SampleFormat,
    SampleOutcome,
    Source,
    Verdict,
)
from support.dataspike_peer import CALL, Events, make_sample
from support.puppets import Puppet, verdict_on
from support.word_detector import WordConfig, WordDetector

JUDGED, EXPIRED, DROPPED = SampleOutcome.JUDGED, SampleOutcome.EXPIRED, SampleOutcome.DROPPED
UP, DOWN = HealthState.UP, HealthState.DOWN


async def opened(members: dict[str, Detector], **options: Any) -> tuple[SeveralDetector, Events]:
    """Several detectors at work, and their stream."""
    detector = SeveralDetector(members, **options)
    await detector.open(CALL)
    return detector, Events(detector)


async def turn() -> None:
    """Let every reader take in what there is now: each hands its events on without waiting for anything else."""
    for _ in range(5):
        await asyncio.sleep(0)


# -- any order ---------------------------------------------------------------------------------------------------

NAMES = ("a", "b", "c")
members_ = st.sampled_from(NAMES)
STEPS = st.one_of(
    st.tuples(st.just("submit"), st.sampled_from(list(SampleFormat))),
    st.tuples(st.just("judge"), members_, st.integers(0, 9)),
    st.tuples(st.just("end"), members_, st.integers(0, 9), st.sampled_from(list(SampleOutcome))),
    st.tuples(st.just("say"), members_, st.integers(0, 9)),
    st.tuples(st.just("health"), members_, st.sampled_from(list(HealthState))),
    st.tuples(st.just("break"), members_, st.booleans()),
    st.tuples(st.just("turn")),
)


class Story:
    """Runs steps on three puppets, and knows what must come of them."""

    def __init__(self) -> None:
        self.puppets = {
            "a": Puppet(),
            "b": Puppet(formats=frozenset({SampleFormat.JPEG})),
            "c": Puppet(formats=frozenset({SampleFormat.JPEG, SampleFormat.PCM})),
        }
        self.samples: list[Sample] = []
        self.broken: set[str] = set()
        self.ends: dict[tuple[str, str], SampleOutcome] = {}
        self.said: dict[str, list[tuple[str, Judgement]]] = {name: [] for name in NAMES}
        self.answered: set[tuple[str, str]] = set()

    async def take(self, detector: SeveralDetector, step: tuple[Any, ...]) -> None:
        match step:
            case ("turn",):
                await turn()
            case ("submit", kind):
                source = Source.MICROPHONE if kind is SampleFormat.PCM else Source.CAMERA
                self.samples.append(make_sample(source=source, format=kind))
                detector.submit(self.samples[-1])
            case ("break", name, raises) if name not in self.broken:
                await turn()  # so that all that it said until now is heard
                self.broken.add(name)
                self.puppets[name].break_off(RuntimeError("broken") if raises else None)
                await turn()
            case ("health", name, state) if name not in self.broken:
                self.puppets[name].emit(DetectorHealth(state))
            case (what, name, number, *rest) if name not in self.broken and self.samples:
                self.tell(what, name, self.samples[number % len(self.samples)], *rest)

    def tell(self, what: str, name: str, sample: Sample, outcome: SampleOutcome = JUDGED) -> None:
        puppet = self.puppets[name]
        if what in ("judge", "say"):
            puppet.emit(verdict_on(sample, Judgement.ALERT))
            self.said[name].append((sample.id, Judgement.ALERT))
        if what != "say":
            # Also what it ended before, or never had: that must count for nothing.
            if sample.id in puppet.held:
                self.ends[name, sample.id] = outcome
                if what == "judge":
                    self.answered.add((name, sample.id))
            puppet.end(sample.id, outcome)

    def outcome(self, sample: Sample) -> SampleOutcome:
        had = [name for name in NAMES if sample in self.puppets[name].samples]
        outcomes = {self.ends.get((name, sample.id), EXPIRED) for name in had}
        return JUDGED if JUDGED in outcomes else EXPIRED if EXPIRED in outcomes else DROPPED


@settings(deadline=None, max_examples=150)
@given(steps=st.lists(STEPS, min_size=10, max_size=40))
def test_in_any_order_each_sample_ends_once_and_each_verdict_passes(steps: list[tuple[Any, ...]]) -> None:
    async def run() -> None:
        story = Story()
        detector, events = await opened(dict(story.puppets))
        for step in steps:
            await story.take(detector, step)
        await turn()
        await asyncio.gather(detector.close(), detector.close())
        seen = await events.rest()
        assert events.outcomes() == {sample.id: [story.outcome(sample)] for sample in story.samples}
        for name in NAMES:
            passed = [(each.sample_id, each.judgement) for each in events.verdicts() if each.detector == name]
            assert passed == story.said[name]
        # A verdict that answers a sample passes before the sample ends.
        told: set[tuple[str, str | None]] = set()
        for event in seen:
            if isinstance(event, Verdict):
                told.add((event.detector, event.sample_id))
            elif isinstance(event, SampleEnded):
                assert {each for each in story.answered if each[1] == event.sample_id} <= told
        assert all(puppet.closes == 1 for puppet in story.puppets.values())

    asyncio.run(run())


# -- what passes -------------------------------------------------------------------------------------------------


async def test_a_verdict_passes_at_once_and_its_sample_ends_when_all_have_ended_it() -> None:
    quick, slow = Puppet(), Puppet()
    detector, events = await opened({"quick": quick, "slow": slow})
    sample = make_sample()
    detector.submit(sample)
    quick.say(sample, Judgement.ALERT)
    verdict = await events.verdict()
    assert (verdict.detector, verdict.judgement, verdict.sample_id) == ("quick", Judgement.ALERT, sample.id)
    await turn()
    assert events.outcomes() == {}
    slow.end(sample.id, EXPIRED, "no answer")
    assert await events.ended(sample) == SampleEnded(sample.id, JUDGED)
    await detector.close()


async def test_each_gets_the_formats_that_it_wants() -> None:
    sees, hears = Puppet(formats=frozenset({SampleFormat.JPEG})), Puppet(formats=frozenset({SampleFormat.PCM}))
    detector, events = await opened({"sees": sees, "hears": hears})
    assert detector.formats == {SampleFormat.JPEG, SampleFormat.PCM}
    picture, sound = make_sample(), make_sample(source=Source.MICROPHONE)
    detector.submit(picture)
    detector.submit(sound)
    assert (sees.samples, hears.samples) == ([picture], [sound])
    hears.say(sound)
    assert (await events.ended(sound)).outcome is JUDGED
    unwanted = make_sample(format=SampleFormat.WEBP)
    detector.submit(unwanted)
    assert (await events.ended(unwanted)).outcome is DROPPED
    await detector.close()


async def test_what_only_measures_says_nothing_of_deepfakes() -> None:
    measures, judges = Puppet(assesses=False), Puppet()
    detector, events = await opened({"measures": measures, "judges": judges})
    sample = make_sample()
    detector.submit(sample)
    measures.emit(verdict_on(sample, Judgement.ALERT, BlindReason.BLACK_PICTURE))
    told = await events.verdict()
    assert (told.judgement, told.blind) == (Judgement.UNKNOWN, BlindReason.BLACK_PICTURE)
    judges.emit(verdict_on(sample, Judgement.ALERT))
    assert (await events.verdict()).judgement is Judgement.ALERT
    await detector.close()


def test_what_it_says_of_itself_follows_from_its_members() -> None:
    real = {"embedded": EmbeddedDetector(), "mine": ScenarioDetector(scenario("alert"))}
    detector = SeveralDetector(real)
    assert (detector.name, detector.label) == ("embedded + mine", "Built-in (advisory) + mine")
    assert (detector.simulated, detector.local, detector.assesses_deepfakes) == (True, True, True)
    assert detector.scripted == ("mine",)
    away = SeveralDetector({"a": Puppet(local=False, assesses=False), "b": Puppet(assesses=False)})
    assert (away.simulated, away.local, away.assesses_deepfakes, away.scripted) == (False, False, False, ())
    assert SeveralDetector({"a": Puppet(simulated=True)}).scripted == ()


@pytest.mark.parametrize(("members", "needed"), [({}, 1), ({"a": Puppet}, 0)])
def test_none_at_all_is_refused(members: dict[str, type[Puppet]], needed: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        SeveralDetector({name: kind() for name, kind in members.items()}, needed=needed)


# -- health --------------------------------------------------------------------------------------------------------


async def test_as_many_as_are_needed_must_be_up() -> None:
    one, other = Puppet(), Puppet()
    detector, events = await opened({"one": one, "other": other}, needed=2)
    await events.health(UP)
    one.emit(DetectorHealth(DOWN, "no route"))
    assert (await events.health(DOWN)).detail == "one is down: no route"
    assert detector.out == {"one"}
    one.emit(DetectorHealth(HealthState.CONNECTING))
    assert (await events.health(HealthState.CONNECTING)).detail == "one is connecting"
    one.emit(DetectorHealth(HealthState.REFUSED, "set the key"))
    assert (await events.health(HealthState.REFUSED)).detail == "one is refused: set the key"
    assert detector.out == {"one"}
    one.emit(DetectorHealth(UP))
    assert (await events.health(UP)).detail == ""
    assert detector.out == frozenset()
    await detector.close()


async def test_what_only_measures_does_not_hold_up_the_health() -> None:
    measures, judges = Puppet(assesses=False), Puppet()
    detector, events = await opened({"measures": measures, "judges": judges})
    await events.health(UP)
    judges.emit(DetectorHealth(DOWN, "no route"))
    assert (await events.health(DOWN)).detail == "judges is down: no route"
    await detector.close()


async def test_where_none_assesses_deepfakes_they_are_up_all_the_same() -> None:
    detector, events = await opened({"a": Puppet(assesses=False), "b": EmbeddedDetector()})
    await events.health(UP)
    await detector.close()


# -- members that fail ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(DetectorError("not today"), "not today"), (KeyError("secret"), "could not be opened (KeyError)")],
)
async def test_one_that_cannot_be_opened_leaves_the_others_at_work(fault: Exception, reason: str) -> None:
    broken, sound = Puppet(), WordDetector(WordConfig())
    sound.emit(DetectorHealth(UP))
    broken.refuses = fault
    detector, events = await opened({"broken": broken, "sound": sound})
    assert (await events.health(UP)).detail == f"broken is down: {reason}"
    sample = make_sample(data=b"alert")
    detector.submit(sample)
    assert (await events.verdict()).detector == "sound"
    assert (await events.ended(sample)).outcome is JUDGED
    assert broken.samples == []
    await detector.close()
    assert broken.closes == 1


async def test_one_that_is_slow_to_open_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several_module, "PATIENCE_SECONDS", 0.01)
    slow, quick = Puppet(), Puppet()
    slow.opens.clear()
    detector, events = await opened({"slow": slow, "quick": quick})
    assert (await events.health(UP)).detail == "slow is connecting"
    slow.opens.set()
    await events.until(lambda event: event == DetectorHealth(UP))
    await detector.close()


async def test_one_that_never_opens_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several_module, "OPEN_SECONDS", 0.01)
    stuck, quick = Puppet(), Puppet()
    stuck.opens.clear()
    detector, events = await opened({"stuck": stuck, "quick": quick})
    await events.until(lambda event: event == DetectorHealth(UP, "stuck is down: did not open within 0.01 s"))
    await detector.close()


async def test_none_that_can_be_opened_is_down_and_says_why() -> None:
    one, other = Puppet(), Puppet()
    one.refuses, other.refuses = DetectorError("no key"), DetectorError("no model")
    detector, events = await opened({"one": one, "other": other})
    assert (await events.health(DOWN)).detail == "one is down: no key; other is down: no model"
    sample = make_sample()
    detector.submit(sample)
    assert (await events.ended(sample)).outcome is DROPPED
    await detector.close()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (None, "ended before the call"),
        (RuntimeError("x"), "failed (RuntimeError)"),
        (asyncio.CancelledError(), "ended before the call"),
    ],
)
async def test_one_that_dies_midway_lets_what_it_had_expire(fault: BaseException | None, reason: str) -> None:
    dying, living = Puppet(), Puppet()
    detector, events = await opened({"dying": dying, "living": living})
    both, only_dying_holds_it = make_sample(), make_sample()
    detector.submit(both)
    detector.submit(only_dying_holds_it)
    living.end(only_dying_holds_it.id, DROPPED, "displaced")
    await turn()
    dying.break_off(fault)
    await events.until(lambda event: event == DetectorHealth(UP, f"dying is down: {reason}"))
    assert await events.ended(only_dying_holds_it) == SampleEnded(only_dying_holds_it.id, EXPIRED, f"dying: {reason}")
    living.say(both)
    assert (await events.ended(both)).outcome is JUDGED
    after = make_sample()
    detector.submit(after)
    assert after not in dying.samples
    living.say(after)
    assert (await events.ended(after)).outcome is JUDGED
    await detector.close()


class Fails(Puppet):
    def submit(self, sample: Sample) -> None:
        raise RuntimeError("a fault in somebody's detector")


async def test_one_that_fails_on_a_sample_leaves_it_to_the_others() -> None:
    fails, works = Fails(), Puppet()
    detector, events = await opened({"fails": fails, "works": works})
    sample = make_sample()
    detector.submit(sample)
    works.say(sample)
    assert (await events.ended(sample)).outcome is JUDGED
    await detector.close()


async def test_one_that_forgets_a_sample_does_not_keep_it_open() -> None:
    forgets, judges = Puppet(), Puppet()
    detector, events = await opened({"forgets": forgets, "judges": judges}, forgotten_after=0.05)
    judged, forgotten = make_sample(), make_sample()
    detector.submit(judged)
    judges.say(judged)
    assert (await events.ended(judged)).outcome is JUDGED
    detector.submit(forgotten)
    ended = await events.ended(forgotten)
    assert (ended.outcome, ended.reason) == (
        EXPIRED,
        "forgets: no answer within 0.05 s; judges: no answer within 0.05 s",
    )
    forgets.say(forgotten)
    assert (await events.verdict()).detector == "forgets"
    await detector.close()
    assert [outcomes for outcomes in events.outcomes().values() if len(outcomes) > 1] == []


async def test_what_makes_no_sense_does_not_end_the_reading(warnings: list[str]) -> None:
    odd, other = Puppet(), Puppet()
    detector, events = await opened({"odd": odd, "other": other})
    sample = make_sample()
    detector.submit(sample)
    odd.emit("nonsense")  # pyright: ignore[reportArgumentType]
    for _ in range(2):
        odd.emit(SampleEnded([], JUDGED))  # pyright: ignore[reportArgumentType]
    odd.say(sample, Judgement.SUSPICIOUS)
    assert (await events.verdict()).judgement is Judgement.SUSPICIOUS
    assert len([line for line in warnings if "cannot be used" in line]) == 1
    await detector.close()


# -- the end ---------------------------------------------------------------------------------------------------------


def scenario(behaviour: str, **over: Any) -> ScenarioConfig:
    return ScenarioConfig.model_validate({"timeline": [{"at": 0, "all": behaviour}], "delay": 0} | over)


async def test_closing_waits_for_outstanding_answers_and_ends_what_none_comes_for() -> None:
    quick, slow = ScenarioDetector(scenario("clear")), ScenarioDetector(scenario("alert", delay=0.2))
    silent = ScenarioDetector(scenario("silence"))
    detector, events = await opened({"quick": quick, "slow": slow, "silent": silent})
    samples = [make_sample() for _ in range(3)]
    for sample in samples:
        detector.submit(sample)
    await detector.close()
    await detector.close()
    await events.rest()
    assert events.outcomes() == {sample.id: [JUDGED] for sample in samples}
    said = sorted((each.detector, each.judgement) for each in events.verdicts())
    assert said == [("quick", Judgement.CLEAR)] * 3 + [("slow", Judgement.ALERT)] * 3
    late = make_sample()
    detector.submit(late)
    assert await anext(detector.events()) == SampleEnded(late.id, DROPPED, "the detectors are not open")


class NeverCloses(Puppet):
    async def close(self) -> None:
        await asyncio.Event().wait()


class FailsToClose(Puppet):
    def __init__(self, fault: BaseException) -> None:
        super().__init__()
        self._close_fault = fault

    async def close(self) -> None:
        raise self._close_fault


class KeepsOnReading(Puppet):
    async def events(self) -> AsyncIterator[DetectorEvent]:
        async for event in super().events():
            yield event
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(NeverCloses, id="never closes"),
        pytest.param(lambda: FailsToClose(RuntimeError("x")), id="raises"),
        pytest.param(lambda: FailsToClose(asyncio.CancelledError()), id="is cancelled"),
        pytest.param(KeepsOnReading, id="its stream does not end"),
    ],
)
async def test_one_that_does_not_close_keeps_neither_the_others_nor_the_samples(
    monkeypatch: pytest.MonkeyPatch, bad: Any
) -> None:
    monkeypatch.setattr(several_module, "CLOSE_SECONDS", 0.05)
    good = Puppet()
    before = asyncio.all_tasks()
    detector, events = await opened({"bad": bad(), "good": good})
    sample, other = make_sample(), make_sample()
    detector.submit(sample)
    detector.submit(other)
    good.say(sample)
    await events.verdict()
    await detector.close()
    await events.rest()
    assert events.outcomes() == {sample.id: [JUDGED], other.id: [EXPIRED]}
    assert good.closes == 1
    assert asyncio.all_tasks() == before


async def test_an_end_that_is_cut_off_goes_on() -> None:
    slow = ScenarioDetector(scenario("alert", delay=0.2))
    detector, events = await opened({"slow": slow})
    sample = make_sample()
    detector.submit(sample)
    closing = asyncio.create_task(detector.close())
    await turn()
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    await events.rest()
    assert events.outcomes() == {sample.id: [JUDGED]}


async def test_an_end_during_the_opening_is_an_end() -> None:
    stuck = Puppet()
    stuck.opens.clear()
    detector = SeveralDetector({"stuck": stuck})
    opening = asyncio.create_task(detector.open(CALL))
    await turn()
    await detector.close()
    await opening
    assert stuck.closes == 1
    assert [event async for event in detector.events()] == []


async def test_they_serve_one_call() -> None:
    detector, _ = await opened({"a": Puppet()})
    with pytest.raises(DetectorError, match="one call"):
        await detector.open(CALL)
    await detector.close()
    with pytest.raises(DetectorError, match="one call"):
        await detector.open(CALL)


async def test_what_was_never_opened_can_be_closed() -> None:
    puppet = Puppet()
    detector = SeveralDetector({"a": puppet})
    sample = make_sample()
    detector.submit(sample)
    await detector.close()
    seen = [event async for event in detector.events()]
    assert seen == [SampleEnded(sample.id, DROPPED, "the detectors are not open")]
    assert puppet.closes == 1
