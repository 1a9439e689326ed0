"""A policy, asked about the verdicts of a call one by one, with nothing of deepguard's between."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from deepguard.contracts import Policy, PolicyStep
from deepguard.model import Judgement, Source, Verdict
from deepguard.policy.engine import check_step
from deepguard.testing.streams import START


class Turn(NamedTuple):
    """One verdict and its answer.

    Attributes:
        verdict: The verdict.
        before: The state that was handed in.
        step: The answer.
    """

    verdict: Verdict
    before: Any
    step: PolicyStep


@dataclass(slots=True)
class Turns:
    """What a policy answered to the verdicts of a call, until it failed.

    Attributes:
        turns: The answers.
        error: What the policy raised; None while it did not.
        wrong: What is wrong with its last answer; empty when nothing is.
        failed_at: The verdict at which it failed.
    """

    turns: list[Turn] = field(default_factory=list)
    error: Exception | None = None
    wrong: str = ""
    failed_at: Verdict | None = None


def asked(policy: Policy, verdicts: Iterable[Verdict], around: Callable[[Any, Any], None] | None = None) -> Turns:
    """Ask a policy about each verdict; each participant has a state of their own.

    Args:
        policy: Whom to ask.
        verdicts: In order.
        around: Called in front of each question with the state and None, and behind it with the state and the answer.
    """
    done = Turns()
    states: dict[str, Any] = {}
    for verdict in verdicts:
        who = verdict.participant_id
        try:
            before = states[who] if who in states else policy.initial()
            if around:
                around(before, None)
            step: Any = policy.advance(before, verdict, verdict.received_at)
        except Exception as error:  # noqa: BLE001 - the author's code may raise anything
            done.error, done.failed_at = error, verdict
            return done
        if around:
            around(before, step)
        try:
            check_step(step)
        except TypeError as error:
            done.wrong, done.failed_at = str(error), verdict
            return done
        states[who] = step.state
        done.turns.append(Turn(verdict, before, step))
    return done


def answers(turns: Iterable[Turn]) -> list[str]:
    """What was answered, without the states: one line for each verdict, the same in every process."""
    return [answer(turn.step) for turn in turns]


def answer(step: PolicyStep) -> str:
    """An answer without its state, on one line."""
    tracks = {str(source): str(step.tracks[source]) for source in sorted(step.tracks)}
    disagreements = {str(source): step.disagreements[source] for source in sorted(step.disagreements)}
    said = (step.cause, step.rule, step.verdicts, step.participant_cause, step.participant_rule)
    return f"{step.participant} {tracks} {said!r} {disagreements}"


def drawn_streams(count: int, length: int) -> list[list[Verdict]]:
    """Streams that are the same in every process, whatever the hash seed.

    Args:
        count: How many.
        length: Verdicts in each.
    """
    draw = random.Random(20_240_229)  # noqa: S311 - nothing is kept secret by it
    streams: list[list[Verdict]] = []
    for _ in range(count):
        at, stream = START, []
        # Long runs of one judgement, so that rules which ask for many in a row are met as well.
        judgement, left = Judgement.CLEAR, 0
        for number in range(length):
            at += draw.choice((0.0, 1.0, 5.0, 5.0, 5.0, 30.0, 400.0))
            if not left:
                judgement, left = draw.choice(list(Judgement)), draw.randint(1, 12)
            left -= 1
            source = draw.choice((Source.CAMERA, Source.CAMERA, Source.MICROPHONE, Source.SCREEN))
            stream.append(
                Verdict(
                    participant_id=draw.choice(("participant-1", "participant-1", "participant-2")),
                    track_id=source.value,
                    source=source,
                    judgement=judgement,
                    received_at=at,
                    detector=draw.choice(("test", "test", "other")),
                    score=draw.choice((None, round(draw.random(), 3))),
                    sample_id=f"sample-{number}",
                    captured_at=at - draw.choice((0.0, 0.4, 20.0)),
                )
            )
        streams.append(stream)
    return streams


__all__ = ["Turn", "Turns", "answer", "answers", "asked", "drawn_streams"]
