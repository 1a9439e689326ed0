"""What Prometheus may know: read from the runtime when it is asked for, kept nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from deepguard import __version__
from deepguard.guard.policy_counts import LIVE
from deepguard.notify.health import DestinationHealth
from deepguard.notify.lane import Counts
from deepguard.runtime import Runtime
from deepguard.server.receive_metrics import receive_metrics
from deepguard.server.sessions import Sessions
from deepguard.store.upkeep import Backlog


def metrics_router(runtime: Runtime, sessions: Sessions) -> APIRouter:
    """``GET /metrics``, in Prometheus' text format or in that of OpenMetrics.

    Args:
        runtime: What all calls share.
        sessions: Where sessions are kept.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RuntimeCollector(runtime, sessions))
    ProcessCollector(registry=registry)
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        try:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
        except (TypeError, ValueError):  # a version that is none
            encode, content_type = choose_encoder("")
        return Response(encode(registry), headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    return router


class RuntimeCollector(Collector):
    """Reads one runtime; counters begin at 0 with the process."""

    def __init__(self, runtime: Runtime, sessions: Sessions) -> None:
        """Read from these.

        Args:
            runtime: What all calls share.
            sessions: Where sessions are kept.
        """
        self._runtime = runtime
        self._sessions = sessions

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment."""
        yield InfoMetricFamily("deepguard_build", "The running program.", {"version": __version__})
        yield GaugeMetricFamily("deepguard_calls", "Calls that this process guards now.", self._sessions.calls)
        limit = self._runtime.config.server.max_calls
        yield GaugeMetricFamily("deepguard_calls_limit", "Calls at once that this process takes.", limit)
        yield from self._store()
        yield from self._backlog()
        yield from self._destinations()
        yield from self._attempts()
        yield from self._policies()
        yield from receive_metrics(self._runtime.receive_counts)

    def _policies(self) -> Iterator[Metric]:
        counts = self._runtime.policy_counts
        names = (LIVE, *(shadow.name for shadow in self._runtime.config.policy.shadow))
        for name, text, counter in (
            (
                "deepguard_incidents_opened",
                "Incidents that the policy opened, or a shadow policy would have.",
                counts.opened,
            ),
            ("deepguard_policies_failed", "Calls in which the policy failed; a live one was replaced.", counts.failed),
            ("deepguard_policy_verdicts_left_out", "Verdicts that a shadow policy was too slow for.", counts.left_out),
        ):
            family = CounterMetricFamily(name, text, labels=["policy"])
            for policy in names:
                family.add_metric([policy or "live"], float(counter[policy]))
            yield family

    def _store(self) -> Iterator[Metric]:
        dispatcher = self._runtime.dispatcher
        health, journal = dispatcher.store_health, dispatcher.journal
        yield GaugeMetricFamily("deepguard_store_up", "Whether the store can be used: 1 or 0.", float(health.ok))
        yield GaugeMetricFamily(
            "deepguard_store_last_read_timestamp_seconds",
            "When the numbers of all hosts (deliveries, destinations) were read from the store.",
            dispatcher.looked_at,
        )
        yield GaugeMetricFamily(
            "deepguard_store_entries_waiting", "Entries that are in memory only and wait for the store.", health.waiting
        )
        yield CounterMetricFamily(
            "deepguard_store_entries_lost",
            "Entries with alerts that were given up because the store did not take them.",
            journal.lost,
        )
        yield CounterMetricFamily(
            "deepguard_store_entries_skipped",
            "Entries of history without alerts that were given up because the store did not take them.",
            journal.skipped,
        )
        yield CounterMetricFamily(
            "deepguard_leases_taken_over",
            "Deliveries that an ended process had in hand and that this process let be made.",
            dispatcher.taken_over,
        )

    def _backlog(self) -> Iterator[Metric]:
        found = self._runtime.dispatcher.backlogs
        backlogs = {name: found.get(name, Backlog()) for name in self._names(found)}
        yield _gauge(
            "deepguard_deliveries_waiting",
            "Deliveries of all hosts that are not made yet.",
            {name: each.waiting for name, each in backlogs.items()},
        )
        yield _gauge(
            "deepguard_deliveries_dead",
            "Deliveries of all hosts that failed for good; `deepguard deliveries list --dead` shows them.",
            {name: each.dead for name, each in backlogs.items()},
        )
        yield _gauge(
            "deepguard_deliveries_oldest_age_seconds",
            "How long the oldest delivery that is not made yet has waited; 0 when none waits.",
            {name: each.oldest for name, each in backlogs.items()},
        )

    def _destinations(self) -> Iterator[Metric]:
        found = self._runtime.dispatcher.destinations
        states = {name: found.get(name, DestinationHealth()) for name in self._names(found)}
        yield _gauge(
            "deepguard_destination_blocked",
            "Whether nothing, or nothing but single probes, goes to the destination now: 1 or 0.",
            {name: each.blocked for name, each in states.items()},
        )
        yield _gauge(
            "deepguard_destination_refused",
            "Whether the destination refuses the sender (credentials, address): 1 or 0.",
            {name: each.refused for name, each in states.items()},
        )
        yield _gauge(
            "deepguard_destination_disabled",
            "Whether the destination is gone for good and is not tried before the next start: 1 or 0.",
            {name: each.disabled for name, each in states.items()},
        )

    def _attempts(self) -> Iterator[Metric]:
        counts: Mapping[str, Counts] = self._runtime.dispatcher.counts
        silenced = self._runtime.dispatcher.planner.silenced
        yield _counter(
            "deepguard_delivery_attempts",
            "Attempts of this process to deliver.",
            {name: each.attempts for name, each in counts.items()},
        )
        yield _counter(
            "deepguard_delivery_attempts_failed",
            "Attempts of this process to deliver that failed.",
            {name: each.failed for name, each in counts.items()},
        )
        yield _counter(
            "deepguard_notifications_delivered",
            "Notifications that this process delivered, those of a digest one by one.",
            {name: each.delivered for name, each in counts.items()},
        )
        yield _counter(
            "deepguard_notifications_dead",
            "Notifications that this process saw fail for good.",
            {name: each.dead for name, each in counts.items()},
        )
        yield _counter(
            "deepguard_notifications_silenced",
            "Notifications of this process that a silence or a hook kept back.",
            {name: silenced[name] for name in counts},
        )
        yield _counter(
            "deepguard_digests_delivered",
            "Digests that this process delivered.",
            {name: each.digests for name, each in counts.items()},
        )

    def _names(self, found: Iterable[str]) -> list[str]:
        """This process's notifiers, and those that only other hosts on the store know."""
        return sorted({*self._runtime.dispatcher.planner.routes, *found})


def _gauge(name: str, text: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["notifier"])
    for notifier, value in values.items():
        family.add_metric([notifier], float(value))
    return family


def _counter(name: str, text: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=["notifier"])
    for notifier, value in values.items():
        family.add_metric([notifier], float(value))
    return family


__all__ = ["RuntimeCollector", "metrics_router"]
