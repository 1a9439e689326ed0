"""Checks that a policy is pure: its answers follow from the state, the verdict and the time that it is handed."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from deepguard.model import Verdict
from deepguard.testing.failing import fail
from deepguard.testing.policy_contract.base import PolicyContractBase, after
from deepguard.testing.policy_contract.elsewhere import LENGTH, STREAMS, answers_elsewhere, answers_here
from deepguard.testing.policy_contract.picture import picture, policy_picture
from deepguard.testing.policy_contract.turns import Turn, answer, answers, asked, drawn_streams
from deepguard.testing.policy_contract.watching import Asked, Watcher
from deepguard.testing.timeline import verdict_line


class PurityChecks(PolicyContractBase):
    """A call that is played again is decided as it was."""

    def test_gives_the_same_answers_again(self) -> None:
        """The same stream gives the same answers, from the same object and from a new one."""

        def check(verdicts: list[Verdict]) -> None:
            policy = self._policy()
            first = asked(policy, verdicts).turns
            for other, which in ((policy, "the same object"), (self._policy(), "another object")):
                _see_same(first, asked(other, verdicts).turns, f"the second time, by {which}", after(verdicts))

        self._search(check)

    def test_gives_the_same_answers_in_another_process(self) -> None:
        """A replay on another day, in another process, gives the same answers: no order of a set, no id, no hash."""
        cls = type(self)
        here = answers_here(self._policy())
        if "<locals>" in cls.__qualname__:
            fail("a class inside a function cannot be found in another process: put it at the top of a test file")
        try:
            found = answers_elsewhere(cls.__module__, inspect.getfile(cls), cls.__qualname__)
        except RuntimeError as error:
            fail(f"the policy could not be had in another process:\n{error}")
        streams = drawn_streams(STREAMS, LENGTH)
        for there in found:
            for stream, mine, theirs in zip(streams, here, there, strict=True):
                for verdict, one, other in zip(stream, mine, theirs, strict=False):
                    if one != other:
                        fail(
                            f"another process answers otherwise, for: {verdict_line(verdict)}\nhere:  {one}\n"
                            f"there: {other}\nThe order of a set, hash() and id() differ from process to process: sort"
                        )

    def test_never_changes_a_state(self) -> None:
        """States are values: one that was handed in, or returned, stays as it was."""

        def check(verdicts: list[Verdict]) -> None:
            before: list[Any] = []
            kept: list[tuple[Any, Any]] = []

            def around(state: Any, step: Any) -> None:
                if step is None:
                    before.append(picture(state))
                    kept.append((state, before[-1]))
                elif picture(state) != before[-1]:
                    fail(f"advance changed the state that it was handed: {_BUILD}{after(verdicts)}")

            turns = asked(self._policy(), verdicts, around).turns
            if any(picture(state) != then for state, then in kept):
                fail(f"a state that was returned earlier was changed later: {_BUILD}{after(verdicts)}")
            for turn, again in zip(turns, _again(self._policy(), verdicts), strict=False):
                if answer(turn.step) != again:
                    fail(f"an answer was changed after it had been returned: {_BUILD}{after(verdicts)}")

        self._search(check)

    def test_keeps_nothing_to_itself(self) -> None:
        """All that it remembers is in the state: neither its object nor its class changes."""

        def check(verdicts: list[Verdict]) -> None:
            policy = self._policy()
            before = policy_picture(policy)
            asked(policy, verdicts)
            if policy_picture(policy) != before:
                fail(
                    f"the policy's object, or its class, was changed: {_changed(policy)}. One object decides on all "
                    f"participants of a call, so what it remembers belongs into the state{after(verdicts)}"
                )

        self._search(check)

    def test_decides_on_each_participant_alone(self) -> None:
        """What others are judged to be changes nothing for a participant."""

        def check(verdicts: list[Verdict]) -> None:
            together = asked(self._policy(), verdicts).turns
            for who in dict.fromkeys(verdict.participant_id for verdict in verdicts):
                mine = [verdict for verdict in verdicts if verdict.participant_id == who]
                alone = asked(self._policy(), mine).turns
                theirs = [turn for turn in together if turn.verdict.participant_id == who]
                _see_same(alone, theirs, "when others are judged in the same call", after(verdicts))

        self._search(check)

    def test_reads_no_clock(self) -> None:
        """The time is ``now``: a clock would tell another when the call is played again."""
        for one in self._asked_of_the_world("a clock"):
            fail(f"the policy reads a clock: {one.name} in {one.place}. Take `now`: it is the time that counts")

    def test_draws_nothing_at_random(self) -> None:
        """Chance decides otherwise when the call is played again."""
        for one in self._asked_of_the_world("chance"):
            fail(f"the policy draws at random: {one.name} in {one.place}")

    def test_does_no_input_or_output(self) -> None:
        """It reads and writes nothing: no file, no environment, no network, no log."""
        for one in self._asked_of_the_world("the world"):
            fail(
                f"the policy reads or writes: {one.name} in {one.place}. Read what it needs once, where its object is "
                f"built; observers (deepguard_transition) may write"
            )

    def _asked_of_the_world(self, what: str) -> list[Asked]:
        streams = drawn_streams(10, 80)
        # What is imported at the first use is read from files, once.
        for stream in streams:
            asked(self._policy(), stream)
        watcher = Watcher()
        policy = self._policy()
        for stream in streams:
            with watcher:
                asked(policy, stream)
        return [one for one in watcher.asked if one.what == what]


_BUILD = "build a new one instead (dict(state), dataclasses.replace)"


def _again(policy: Any, verdicts: list[Verdict]) -> list[str]:
    """The answers, each written down at once."""
    said: list[str] = []

    def around(_: Any, step: Any) -> None:
        if step is not None:
            said.append(_written(step))

    asked(policy, verdicts, around)
    return said


def _written(step: Any) -> str:
    try:
        return answer(step)
    except (AttributeError, TypeError):
        return ""  # no answer at all: another check's


def _see_same(first: Sequence[Turn], second: Sequence[Turn], when: str, shown: str) -> None:
    for turn, one, other in zip(first, answers(first), answers(second), strict=False):
        if one != other:
            fail(f"the policy answers otherwise {when}, for: {verdict_line(turn.verdict)}\n{one}\n{other}{shown}")


def _changed(policy: Any) -> str:
    names = ", ".join(getattr(policy, "__dict__", None) or ["no attribute of its own, so one of its class"])
    return f"it holds {names}"


__all__ = ["PurityChecks"]
