"""What one verdict costs in policy and incident logic."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Coroutine
from statistics import median

from bench.results import Row
from bench.scene import camera_verdict
from bench.stats import cpu_us
from deepguard.detectors.dataspike.deepfake_streaming_pb2 import DeepfakeStreamingSchema
from deepguard.guard.judge import Judge
from deepguard.model import Call, Judgement
from deepguard.plugins import PluginHost
from deepguard.policy.engine import Engine
from deepguard.policy.machine import ThresholdPolicy
from deepguard.thresholds import Scores, Thresholds

BASELINE = "parsing its message"
TARGET_US = 20.0

EVERYTHING = Thresholds("2 of 4", "3 of 5", "10 s", scores=Scores(half_life=5), dwell=10, max_age=60)
"""Every kind of rule at once."""


def measure(*, rounds: int = 60, verdicts: int = 1000) -> list[Row]:
    """CPU time a verdict: policy, levels and incident; and with the notification that follows.

    Args:
        rounds: How often each has its turn.
        verdicts: Verdicts a turn.
    """
    event = DeepfakeStreamingSchema.ResultEvent
    message = event(type=event.CLEAR, participant_id="caller", track_id="track", message="genuine").SerializeToString()
    changing = (Judgement.ALERT, Judgement.CLEAR)
    decided: dict[str, Callable[[], object]] = {
        "level stays": _decide(Thresholds(), Judgement.CLEAR),
        "incident opens or ends": _decide(Thresholds(), *changing),
        "every kind of rule": _decide(EVERYTHING, *changing),
    }
    told: dict[str, Callable[[], object]] = {"incident opens or ends, with its notification": _tell(*changing)}
    actions = decided | told | {BASELINE: lambda: event.FromString(message)}
    costs: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            costs[name].append(cpu_us(action, verdicts))
    baseline = median(costs.pop(BASELINE))
    return [
        Row(f"{name}: CPU", median(cost), "µs", BASELINE, baseline, TARGET_US if name in decided else None)
        for name, cost in costs.items()
    ]


def _decide(thresholds: Thresholds, *judgements: Judgement) -> Callable[[], object]:
    """One call's engine, handed verdicts of these judgements in turns."""
    engine = Engine("bench", ThresholdPolicy(thresholds))
    verdicts = itertools.cycle([camera_verdict(judgement) for judgement in judgements])

    def decide() -> object:
        verdict = next(verdicts)
        return engine.advance(verdict, verdict.received_at)

    return decide


def _tell(*judgements: Judgement) -> Callable[[], object]:
    """One call's judge, which also puts what follows into words."""
    judge = Judge(
        Call("bench", time.time()), thresholds=Thresholds(), hooks=PluginHost(), detector="bench", simulated=False
    )
    verdicts = itertools.cycle([camera_verdict(judgement) for judgement in judgements])

    def advance() -> object:
        verdict = next(verdicts)
        return _finished(judge.advance(verdict, verdict.received_at))

    return advance


def _finished(coroutine: Coroutine[object, None, object]) -> object:
    """The result of a coroutine that waits for nothing, as the judge's does while the policy is deepguard's own."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("the judge waited for something")
