"""Policies with one mistake each, under the contract: run by test_policy_contract.py, in a pytest of its own.

``found_by`` says by which checks the mistake is found, and ``told`` what their authors read there.
"""

import datetime
import os
import random
import time
from pathlib import Path
from typing import Any, ClassVar

from deepguard import Judgement, Level, PolicyStep
from deepguard.testing import PolicyContract

LEVELS = {Judgement.CLEAR: Level.CLEAR, Judgement.SUSPICIOUS: Level.SUSPICIOUS, Judgement.ALERT: Level.ALERT}


class Good:
    """Makes no mistake; each of the others makes one."""

    def initial(self) -> Any:
        return {}

    def advance(self, state: Any, verdict: Any, now: float) -> Any:
        tracks = dict(state)
        if verdict.judgement in LEVELS:
            tracks[verdict.source] = LEVELS[verdict.judgement]
        return self.step(tracks, verdict)

    def step(self, tracks: Any, verdict: Any) -> Any:
        return PolicyStep(tracks, tracks, max(tracks.values(), default=Level.CLEAR), f"it is {verdict.judgement}")


class Contract(PolicyContract):
    examples = 25
    made: ClassVar[Any] = Good
    found_by = ""
    told = ""

    def policy(self) -> Any:
        return self.made()


class Found(Contract):
    """Without the two checks that take long, for the many mistakes that they do not find."""

    def test_gives_the_same_answers_in_another_process(self) -> None:
        """Takes two processes."""

    def test_its_state_stays_small(self) -> None:
        """Takes thousands of verdicts."""


class TestGood(Contract):
    pass


# -- answers ---------------------------------------------------------------------------------------------------------


class Raises(Good):
    def advance(self, state, verdict, now):
        step = super().advance(state, verdict, now)
        return PolicyStep(step.state, step.tracks, step.participant, step.cause + f" {LEVELS[verdict.judgement]}")


class TestRaises(Found):
    made = Raises
    found_by = "never_raises"
    told = "the policy raised KeyError for: participant-1 camera (error|unknown).*built-in.*wrong_policies.py"


class Dividing(Good):
    def advance(self, state, verdict, now):
        _ = 1 / (0 if verdict.captured_at == now else 1)
        return super().advance(state, verdict, now)


class TestRaisesSeldom(Found):
    made = Dividing
    found_by = "never_raises an_alert_can_be_reached"
    told = "the policy raised ZeroDivisionError for: participant-|no alert was reached"


class Forgets(Good):
    def advance(self, state, verdict, now):
        return super().advance(state, verdict, now) if verdict.judgement in LEVELS else None


class TestNoAnswer(Found):
    made = Forgets
    found_by = "answers_every_verdict_with_a_step"
    told = r"advance returned NoneType, not PolicyStep, for: participant-1 camera (error|unknown)"


class Names(Good):
    def step(self, tracks, verdict):
        named: Any = {str(one): level for one, level in tracks.items()}
        return PolicyStep(tracks, named, max(tracks.values(), default=Level.CLEAR), f"it is {verdict.judgement}")


class TestNamesForSources(Found):
    made = Names
    found_by = "answers_every_verdict_with_a_step an_alert_can_be_reached"
    told = "whose tracks or participant are not levels|no alert was reached"


class Silent(Good):
    def step(self, tracks, verdict):
        return PolicyStep(tracks, tracks, max(tracks.values(), default=Level.CLEAR))


class TestNoCause(Found):
    made = Silent
    found_by = "says_why_a_level_changes"
    told = "the level of the camera changed from clear to suspicious, and the step has no `cause`"


class Ruled(Good):
    def step(self, tracks, verdict):
        step = super().step(tracks, verdict)
        return PolicyStep(step.state, step.tracks, step.participant, step.cause, rule="my_rule")


class TestRuleThatIsNotThere(Found):
    made = Ruled
    found_by = "says_why_a_level_changes"
    told = "the step names the rule 'my_rule', which is not in the YAML"


# -- purity ----------------------------------------------------------------------------------------------------------


class InPlace(Good):
    def advance(self, state, verdict, now):
        if verdict.judgement in LEVELS:
            state[verdict.source] = LEVELS[verdict.judgement]
        return self.step(dict(state), verdict)


class TestStateInPlace(Found):
    made = InPlace
    found_by = "never_changes_a_state"
    told = "advance changed the state that it was handed"


class Deep(Good):
    """The outer state is new each time, and the list in it is not."""

    def initial(self):
        return ({}, [0])

    def advance(self, state, verdict, now):
        tracks, seen = state
        step = super().advance(tracks, verdict, now)
        seen[0] = (seen[0] + 1) % 7
        return PolicyStep((step.state, seen), step.tracks, step.participant, step.cause)


class TestDeepInTheState(Found):
    made = Deep
    found_by = "never_changes_a_state"
    told = "advance changed the state that it was handed"


class SharedStart(Good):
    start: ClassVar[dict[Any, Any]] = {}

    def initial(self):
        return self.start

    def advance(self, state, verdict, now):
        state["seen"] = state.get("seen", 0) % 3 + 1
        tracks = {one: level for one, level in state.items() if one != "seen"}
        step = super().advance(tracks, verdict, now)
        return PolicyStep(state, step.tracks, step.participant, step.cause)


class TestStateOfTheClass(Found):
    made = SharedStart
    found_by = "never_changes_a_state keeps_nothing_to_itself"
    told = "advance changed the state|SharedStart|was changed"


class Late(Good):
    """Goes on to change what it has answered."""

    def initial(self):
        return {"tracks": {}}

    def advance(self, state, verdict, now):
        shown = state["tracks"]
        if verdict.judgement in LEVELS:
            shown[verdict.source] = LEVELS[verdict.judgement]
        return PolicyStep({"tracks": shown}, shown, max(shown.values(), default=Level.CLEAR), f"{verdict.judgement}")


class TestAnswerThatChangesLater(Found):
    made = Late
    found_by = "never_changes_a_state"
    told = "advance changed the state that it was handed"


class Counting(Good):
    def __init__(self):
        self.count = 0

    def advance(self, state, verdict, now):
        self.count += 1
        return super().advance(state, verdict, now)


class TestCountsInItsObject(Found):
    made = Counting
    found_by = "keeps_nothing_to_itself"
    told = "the policy's object, or its class, was changed: it holds count"


class Together(Good):
    """Remembers the last verdict, whoever it was about."""

    def __init__(self):
        self.last = Judgement.CLEAR

    def step(self, tracks, verdict):
        step = super().step(tracks, verdict)
        cause, self.last = f"{verdict.judgement} after {self.last}", verdict.judgement
        return PolicyStep(step.state, step.tracks, step.participant, cause)


class TestMixesParticipants(Found):
    made = Together
    found_by = "keeps_nothing_to_itself decides_on_each_participant_alone gives_the_same_answers_again"
    told = "was changed|when others are judged|by the same object"


SEEN: list[str] = []


class Global(Good):
    def step(self, tracks, verdict):
        step = super().step(tracks, verdict)
        SEEN.append(verdict.judgement)
        return PolicyStep(step.state, step.tracks, step.participant, f"after {len(SEEN) % 1009}")


class TestRemembersInItsModule(Contract):
    made = Global
    found_by = (
        "gives_the_same_answers_again gives_the_same_answers_in_another_process decides_on_each_participant_alone "
        "never_changes_a_state"
    )
    told = "answers otherwise|outlives its objects|was changed after it"


def remembering():
    seen: list[int] = []

    class Closure(Good):
        def advance(self, state, verdict, now):
            seen.append(1)
            return super().advance(state, verdict, now)

    return Closure()


class TestRemembersAroundAFunction(Found):
    found_by = "keeps_nothing_to_itself"
    told = "no attribute of its own, so one of its class"

    def policy(self):
        return remembering()


class Default(Good):
    def advance(self, state, verdict, now, seen=[]):  # noqa: B006
        seen.append(1)
        return super().advance(state, verdict, now)


class TestRemembersInADefault(Found):
    made = Default
    found_by = "keeps_nothing_to_itself"
    told = "was changed"


class Hashing(Good):
    def step(self, tracks, verdict):
        step = super().step(tracks, verdict)
        named = ", ".join({str(one) for one in ("camera", "microphone", "screen", verdict.judgement)})
        return PolicyStep(step.state, step.tracks, step.participant, f"one of {named}")


class TestOrderOfASet(Contract):
    made = Hashing
    found_by = "gives_the_same_answers_in_another_process"
    told = "another process answers otherwise, for: participant-.*The order of a set"


class Clock(Good):
    def step(self, tracks, verdict):
        step = super().step(tracks, verdict)
        old = time.time() - verdict.received_at > 1e12
        return PolicyStep(step.state, step.tracks, step.participant, "too old" if old else step.cause)


class TestClock(Found):
    made = Clock
    found_by = "reads_no_clock"
    told = r"the policy reads a clock: time\.time in tests/support/wrong_policies\.py:\d+"


class Today(Good):
    def step(self, tracks, verdict):
        if verdict.judgement is Judgement.ALERT:
            datetime.datetime.now()
        return super().step(tracks, verdict)


class TestClockOfTheLibrary(Found):
    made = Today
    found_by = "reads_no_clock"
    told = r"datetime\.now in tests/support/wrong_policies\.py:\d+"


class Dice(Good):
    def step(self, tracks, verdict):
        random.choice((1, 2))
        return super().step(tracks, verdict)


class TestChance(Found):
    made = Dice
    found_by = "draws_nothing_at_random"
    told = r"draws at random: random in tests/support/wrong_policies\.py:\d+"


class Reading(Good):
    def step(self, tracks, verdict):
        Path(__file__).exists()
        return super().step(tracks, verdict)


class TestFile(Found):
    made = Reading
    found_by = "does_no_input_or_output"
    told = r"reads or writes: posix\.stat in tests/support/wrong_policies\.py:\d+"


class Environment(Good):
    def step(self, tracks, verdict):
        os.environ.get("NO_SUCH_VARIABLE")
        return super().step(tracks, verdict)


class TestEnvironment(Found):
    made = Environment
    found_by = "does_no_input_or_output"
    told = r"reads or writes: os\.environ in tests/support/wrong_policies\.py:\d+"


# -- its work --------------------------------------------------------------------------------------------------------


class Never(Good):
    def step(self, tracks, verdict):
        calm = {one: min(level, Level.SUSPICIOUS) for one, level in tracks.items()}
        return super().step(calm, verdict)


class TestNoAlert(Found):
    made = Never
    found_by = "an_alert_can_be_reached"
    told = "the highest level was suspicious"


class TestNoAlertOnPurpose(Found):
    made = Never
    reaches_alert = False


class Forever(Good):
    def step(self, tracks, verdict):
        step = super().step(tracks, verdict)
        if step.participant is Level.ALERT or "alert" in tracks:
            kept = {**tracks, "alert": Level.ALERT}
            return PolicyStep(kept, {one: kept[one] for one in kept if one != "alert"}, Level.ALERT, step.cause)
        return step


class TestAlertWithoutEnd(Found):
    made = Forever
    found_by = "an_alert_can_end"
    told = "the alert did not end in the stream of `relieving`.*the level is alert"


class TestAlertWithoutEndOnPurpose(Found):
    made = Forever
    ends_alerts = False


class Hoarding(Good):
    def initial(self):
        return ({}, ())

    def advance(self, state, verdict, now):
        tracks, heard = state
        step = super().advance(tracks, verdict, now)
        return PolicyStep((step.state, (*heard, verdict.judgement)), step.tracks, step.participant, step.cause)


class TestStateThatGrows(Contract):
    made = Hoarding
    found_by = "its_state_stays_small"
    told = "the state grows with the call: .* values after 3000 verdicts"


class ByTrack(Good):
    def initial(self):
        return ({}, {})

    def advance(self, state, verdict, now):
        tracks, seen = state
        step = super().advance(tracks, verdict, now)
        return PolicyStep((step.state, {**seen, verdict.track_id: now}), step.tracks, step.participant, step.cause)


class TestStateByTrackId(Contract):
    made = ByTrack
    found_by = "its_state_stays_small"
    told = "by source or detector and not by track_id"


# -- no policy at all ------------------------------------------------------------------------------------------------


class Two(Good):
    def advance(self, state, verdict):  # pyright: ignore[reportIncompatibleMethodOverride]
        return None


class Asynchronous(Good):
    async def advance(self, state, verdict, now):
        return None


EVERY = " ".join(sorted(name.removeprefix("test_") for name in dir(PolicyContract) if name.startswith("test_")))


class TestClassForAnObject(Contract):
    found_by = EVERY
    told = r"Good is a class; hand over an object of it: Good\(\)"

    def policy(self):
        return Good


class TestTooFewArguments(Contract):
    made = Two
    found_by = EVERY
    told = r"advance must take \(self, state, verdict, now\)"


class TestCoroutine(Contract):
    made = Asynchronous
    found_by = EVERY
    told = "advance must not be 'async def'"


class TestPolicyThatCannotBeBuilt(Contract):
    found_by = EVERY
    told = "`policy` raised, so that there is nothing to check.*LookupError: no file"

    def policy(self):
        raise LookupError("no file")
