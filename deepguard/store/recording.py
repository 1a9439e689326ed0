"""What is written down of a call: enough to play its verdicts through any policy again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deepguard.model import Call, Labelled, LevelChanged, SampleRecord, Transition, Verdict
from deepguard.store.entry import ShadowChanged
from deepguard.store.incidents import StoredIncident


@dataclass(frozen=True, slots=True)
class RecordedPolicy:
    """A policy that decided on a call, or ran beside the one that did.

    Attributes:
        origin: Where it came from, for people.
        thresholds: What it was given, as it stands in YAML; empty when the call is older than that was recorded.
        failed: Why the built-in policy took over, or why a shadow ended before its call; empty when neither happened.
        name: The name of a shadow policy; empty for the one that decided.
    """

    origin: str = ""
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One call as it was recorded. Every sequence is in the order in which things happened.

    Attributes:
        call: The call.
        detector: Who judged it.
        simulated: Whether the verdicts were scripted.
        ended_at: When it ended; None while it goes on.
        reason: Why it ended: a word for programs; empty while it goes on.
        config_hash: Hash of the configuration that it was guarded with; empty when the call is older than that was
            recorded.
        policy: The policy that decided.
        verdicts: The verdicts that the policy was given. ``received_at`` is the time that it was given with each.
        transitions: What changed then: levels, coverage, disagreements.
        samples: The samples that ended.
        incidents: The incidents of the call.
        labels: What people found out about them.
        shadows: The policies that ran beside it.
        shadow_changes: The levels that those would have changed.
        unreadable: How many rows of it were left out, since this version cannot read them: a newer one wrote them.
    """

    call: Call
    detector: str = ""
    simulated: bool = False
    ended_at: float | None = None
    reason: str = ""
    config_hash: str = ""
    policy: RecordedPolicy = RecordedPolicy()
    verdicts: tuple[Verdict, ...] = ()
    transitions: tuple[Transition, ...] = ()
    samples: tuple[SampleRecord, ...] = ()
    incidents: tuple[StoredIncident, ...] = ()
    labels: tuple[Labelled, ...] = ()
    shadows: tuple[RecordedPolicy, ...] = ()
    shadow_changes: tuple[ShadowChanged, ...] = ()
    unreadable: int = 0

    @property
    def seconds(self) -> float:
        """How long the call lasted; until the last thing that is known of it when its end is not."""
        ends = [self.ended_at] if self.ended_at is not None else []
        if not ends:
            ends = [one.received_at for one in self.verdicts[-1:]] + [one.at for one in self.transitions[-1:]]
        return max(0.0, max(ends, default=self.call.started_at) - self.call.started_at)

    @property
    def levels(self) -> tuple[LevelChanged, ...]:
        """The changes of level among the transitions."""
        return tuple(change for change in self.transitions if isinstance(change, LevelChanged))


__all__ = ["RecordedPolicy", "Recording"]
