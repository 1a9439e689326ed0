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
from deepguard.thresholds import Thresholds

BASELINE = "parsing its message"


def measure(*, rounds: int = 60, verdicts: int = 1000) -> list[Row]:
    """CPU time a verdict: policy, levels, incident, and the notification that follows.

    Args:
        rounds: How often each has its turn.
        verdicts: Verdicts a turn.
    """
    event = DeepfakeStreamingSchema.ResultEvent
    message = event(type=event.CLEAR, participant_id="caller", track_id="track", message="genuine").SerializeToString()
    actions: dict[str, Callable[[], object]] = {
        "level stays": _advance(Judgement.CLEAR),
        "incident opens or ends": _advance(Judgement.ALERT, Judgement.CLEAR),
        BASELINE: lambda: event.FromString(message),
    }
    costs: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            costs[name].append(cpu_us(action, verdicts))
    baseline = median(costs.pop(BASELINE))
    return [Row(f"{name}: CPU", median(cost), "µs", BASELINE, baseline) for name, cost in costs.items()]


def _advance(*judgements: Judgement) -> Callable[[], object]:
    """One call's judge, handed verdicts of these judgements in turns."""
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
