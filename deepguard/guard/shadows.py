"""Policies that run beside the one that decides on a call: on the same verdicts, and without any consequence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loguru import logger

from deepguard.guard import events
from deepguard.guard.asking import Asking
from deepguard.guard.live import LiveEvent
from deepguard.guard.policy_counts import PolicyCounts
from deepguard.guard.tasks import end_tasks
from deepguard.model import Call, LevelChanged, NotificationKind, Verdict
from deepguard.plugins import PluginHost
from deepguard.policy.choosing import choose
from deepguard.policy.engine import Engine
from deepguard.store.entry import Entry, PolicyFailed, PolicyUsed, ShadowChanged
from deepguard.text import one_line
from deepguard.thresholds import Thresholds, as_plain

BACKLOG = 256
"""Verdicts of a call that wait for its shadow policies."""
DRAIN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ShadowSpec:
    """A shadow policy of the configuration.

    Attributes:
        name: Its name.
        thresholds: What the configuration says.
        hooks: Where its own plugin's hooks are called; no others are in it.
    """

    name: str
    thresholds: Thresholds
    hooks: PluginHost


class Shadow:
    """One shadow policy of one call.

    Attributes:
        used: The policy, for people.
        engine: Its levels and incidents.
        failure: Why it ended before the call, for people; empty while it goes on.
        opened: Incidents that it would have opened.
    """

    def __init__(self, call: Call, spec: ShadowSpec, time_limit: float) -> None:
        """Resolve it through its own hooks.

        Args:
            call: The call.
            spec: What the configuration says.
            time_limit: Seconds that a plugin's policy may take for one verdict.
        """
        chosen = choose(spec.hooks, call, spec.thresholds)
        self.used = PolicyUsed(chosen.origin, as_plain(chosen.thresholds), spec.name)
        self.engine = Engine(call.id, chosen.policy)
        # The built-in policy under the name of one that does not work would be compared as if it were that one.
        self.failure = "; ".join(chosen.problems)
        self.opened = 0
        self._asking = Asking(self.engine, chosen, f"deepguard-shadow-{call.id}", time_limit)

    async def advance(self, verdict: Verdict) -> tuple[LevelChanged, ...]:
        """Take one verdict in, at the time at which the live policy took it in.

        Returns:
            The levels that it would have changed.

        Raises:
            Exception: Whatever a plugin's policy raises; ``TimeoutError`` when it takes too long.
        """
        now = verdict.received_at
        decision = self.engine.take(verdict, now, await self._asking.ask(verdict, now))
        self.opened += decision.kind is NotificationKind.OPENED
        return tuple(change for change in decision.changes if isinstance(change, LevelChanged))

    def reason(self, error: Exception) -> str:
        """Why it failed, for people."""
        return self._asking.reason(error)

    def close(self) -> None:
        """Let its thread end. Safe twice."""
        self._asking.close()


class Shadows:
    """The shadow policies of one call, in a task of their own: they never hold up what decides.

    Attributes:
        left_out: Verdicts that none of them was given, since they were too slow.
    """

    def __init__(
        self,
        call: Call,
        specs: Sequence[ShadowSpec],
        *,
        time_limit: float,
        record: Callable[[Entry], None],
        publish: Callable[[LiveEvent], None],
        counts: PolicyCounts,
    ) -> None:
        """Prepare.

        Args:
            call: The call.
            specs: The shadow policies of the configuration.
            time_limit: Seconds that a plugin's policy may take for one verdict.
            record: Takes what is to be written down.
            publish: Takes what the page shows.
            counts: Of all calls of the process.
        """
        self.left_out = 0
        self._call = call
        self._shadows = [Shadow(call, spec, time_limit) for spec in specs]
        self._record = record
        self._publish = publish
        self._counts = counts
        self._queue: asyncio.Queue[Verdict | None] = asyncio.Queue(BACKLOG)
        self._task: asyncio.Task[None] | None = None

    @property
    def used(self) -> tuple[PolicyUsed, ...]:
        """The policies, for people."""
        return tuple(shadow.used for shadow in self._shadows)

    def state(self) -> list[LiveEvent]:
        """Each of them now, as the live stream shows it."""
        return [
            events.shadow_dict(shadow.used, shadow.engine, shadow.failure, shadow.opened) for shadow in self._shadows
        ]

    def start(self) -> None:
        """Begin. Those that cannot be used are told now."""
        for shadow in self._shadows:
            if shadow.failure:
                self._failed(shadow, shadow.failure)
        if self._shadows:
            self._task = asyncio.create_task(self._run(), name=f"deepguard-shadows-{self._call.id}")

    def offer(self, verdict: Verdict) -> None:
        """Hand over a verdict that the live policy has taken in. Never blocks.

        Args:
            verdict: As the live policy was given it.
        """
        if self._task is None:
            return
        try:
            self._queue.put_nowait(verdict)
        except asyncio.QueueFull:
            self.left_out += 1
            for shadow in self._shadows:
                self._counts.left_out[shadow.used.name] += not shadow.failure

    async def close(self) -> None:
        """Take in what waits, for a bounded time, and end. Safe twice."""
        task, self._task = self._task, None
        if task is not None:
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self._queue.put(None)
                    await asyncio.shield(task)
            except TimeoutError:
                self.left_out += self._queue.qsize()
                logger.warning("The shadow policies of call {} did not come to its end", self._call.id)
            await end_tasks([task])
            if self.left_out:
                for shadow in self._shadows:
                    if not shadow.failure:
                        self._failed(shadow, f"incomplete: {self.left_out} verdicts were left out, it was too slow")
        for shadow in self._shadows:
            shadow.close()

    async def _run(self) -> None:
        while (verdict := await self._queue.get()) is not None:
            changed: list[ShadowChanged] = []
            for shadow in self._shadows:
                if not shadow.failure:
                    changed += await self._advance(shadow, verdict)
            if changed:
                self._record(Entry(call_id=self._call.id, shadow_changes=tuple(changed)))

    async def _advance(self, shadow: Shadow, verdict: Verdict) -> list[ShadowChanged]:
        opened = shadow.opened
        try:
            changes = await shadow.advance(verdict)
        except Exception as error:  # noqa: BLE001 - a policy is somebody else's code
            self._failed(shadow, shadow.reason(error))
            return []
        self._counts.opened[shadow.used.name] += shadow.opened - opened
        if any(change.source is None for change in changes):
            self._show(shadow)
        return [ShadowChanged(shadow.used.name, change) for change in changes]

    def _failed(self, shadow: Shadow, reason: str) -> None:
        name = shadow.used.name
        logger.warning("The shadow policy {} of call {} ended: {}", one_line(name), self._call.id, reason)
        shadow.failure = reason
        shadow.close()
        self._counts.failed[name] += 1
        self._record(Entry(call_id=self._call.id, policy_failed=PolicyFailed(reason, name)))
        self._show(shadow)

    def _show(self, shadow: Shadow) -> None:
        self._publish({"type": "shadow", "at": time.time(), "shadow": _told(shadow)})


def _told(shadow: Shadow) -> LiveEvent:
    return events.shadow_dict(shadow.used, shadow.engine, shadow.failure, shadow.opened)


__all__ = ["Shadow", "ShadowSpec", "Shadows"]
