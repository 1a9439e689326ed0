"""What all calls of a process share: the configuration, the plugins, and the way to the notifiers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from loguru import logger

from deepguard.config.finding import find_config
from deepguard.config.models import Config
from deepguard.config.snapshot import snapshot_of
from deepguard.contracts import Detector
from deepguard.detectors.several import build_detector
from deepguard.guard.calls import new_call
from deepguard.guard.events import detector_dict
from deepguard.guard.guard import Guard
from deepguard.guard.policy_counts import PolicyCounts
from deepguard.guard.shadows import ShadowSpec
from deepguard.model import Call, Delivery, DeliveryStatus, Notification
from deepguard.notify.dispatcher import Dispatcher
from deepguard.notify.links import AckLinks
from deepguard.notify.planning import asking
from deepguard.notify.route import build_routes
from deepguard.pipeline.receive.counts import ReceiveCounts
from deepguard.plugins import PluginHost
from deepguard.store import configurations
from deepguard.store.store import Store

DRAIN_SECONDS = 3.0
SETTLE_SECONDS = 1.0


class Runtime:
    """A configuration at work.

    Attributes:
        config: The configuration.
        snapshot: What is written down of it.
        host: The loaded plugins.
        store: What outlives the process; opened and closed with the dispatcher.
        links: Links by which incidents are acknowledged.
        dispatcher: The way to the notifiers.
        policy_counts: What became of the policies of all calls.
        receive_counts: What the receive paths of all calls did.
    """

    def __init__(self, config: Config, host: PluginHost) -> None:
        """Build what the configuration names; opens nothing yet.

        Args:
            config: A checked configuration.
            host: Its plugins, loaded.
        """
        self.config = config
        self.snapshot = snapshot_of(config)
        self.host = host
        self.store = Store(config.store.url.get_secret_value())
        self.links = AckLinks(config.server.public_url)
        self.dispatcher = Dispatcher(
            self.store,
            build_routes(config, host),
            on_delivery=self._on_delivery,
            on_acknowledged=self._on_acknowledged,
            on_repeated=self._on_repeated,
            windows=config.silences,
            keep_seconds=config.store.keep_days * 86400.0,
            max_size=config.store.max_size,
            pictures=config.store.pictures,
            configuration=self.snapshot,
            ack_url=self.links.url,
            should_notify=asking(host),
        )
        self.policy_counts = PolicyCounts()
        self.receive_counts = ReceiveCounts()
        live = config.policy.thresholds
        self._shadows = [
            ShadowSpec(shadow.name, (shadow.thresholds or live).thresholds(), host.apart(shadow.name))
            for shadow in config.policy.shadow
        ]
        self._guards: dict[str, Guard] = {}

    @classmethod
    def load(cls, path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Runtime:
        """Read a configuration and load the plugins that it names.

        Args:
            path: The file; None takes ``deepguard.yaml`` of the working directory, or else the defaults.
            environ: Where variables are looked up.

        Raises:
            ConfigError: The configuration cannot be used.
            PluginError: A plugin that it names cannot be loaded.
        """
        host = PluginHost()
        return cls(find_config(path, host, environ), host)

    async def start(self) -> None:
        """Open the store and start the notifiers. Safe twice.

        Raises:
            StoreError: The store cannot be used; says what to do.
        """
        await self.store.open()
        await self.store.write(lambda db: configurations.keep(db, self.snapshot))
        await self.links.load(self.store)
        await self.dispatcher.start()

    async def check_store(self) -> None:
        """Open the store, see that it can be written to, and close it; starts nothing.

        Raises:
            StoreError: It cannot be used; says what to do.
        """
        try:
            await self.store.open()
            await self.store.write(lambda _db: None)
        finally:
            await self.store.close()

    async def close(self) -> None:
        """Deliver what waits, for a bounded time, and close the notifiers and the store; the rest is kept there."""
        await self.dispatcher.close(DRAIN_SECONDS)

    def new_detector(self) -> Detector:
        """The configured detector, or the configured several as one, for one call."""
        # Sooner than the guard gives such a sample up: what another one of several judged is to count as judged.
        forgotten_after = 2 * self.config.coverage.answer_timeout
        combined = self.config.policy.thresholds.detectors
        # Fewer than must agree cannot raise a level: a track that only they see is not watched.
        needed = combined.quorum if combined.combine == "quorum" else 1
        return build_detector(
            self.config.detector, self.host.detector_types, needed=needed, forgotten_after=forgotten_after
        )

    @cached_property
    def detector_info(self) -> dict[str, Any]:
        """Who judges, as the live stream says it."""
        return detector_dict(self.new_detector())

    def new_guard(self, call: Call | str | None = None) -> Guard:
        """A guard for a call, wired to this configuration; ``forget`` it when the call is over.

        Args:
            call: The call, or its session id; a new one when None.
        """
        if not isinstance(call, Call):
            call = new_call(call)
        config = self.config
        guard = Guard(
            call,
            self.new_detector(),
            video=config.video,
            audio=config.audio,
            coverage=config.coverage,
            thresholds=config.policy.thresholds.thresholds(),
            hooks=self.host,
            record=self.dispatcher.record,
            keep_pictures=config.store.pictures,
            settle=lambda: self.dispatcher.drain(SETTLE_SECONDS),
            config_hash=self.snapshot.hash,
            policy_seconds=config.policy.time_limit,
            shadows=self._shadows,
            policy_counts=self.policy_counts,
        )
        self._guards[call.id] = guard
        return guard

    def forget(self, call_id: str) -> None:
        """Let go of a call's guard: later deliveries are no longer shown on its live stream."""
        self._guards.pop(call_id, None)

    def _on_delivery(self, delivery: Delivery) -> None:
        guard = self._guards.get(delivery.call_id)
        if guard is not None:
            guard.delivered(delivery)
        elif delivery.status is DeliveryStatus.DELIVERED:
            logger.debug("Notification {} to {}: delivered", delivery.notification_id, delivery.notifier)

    def _on_repeated(self, notification: Notification) -> None:
        if (guard := self._guards.get(notification.call_id)) is not None:
            guard.repeated(notification)

    def _on_acknowledged(self, incident_id: str, at: float, by: str) -> None:
        for guard in self._guards.values():
            guard.acknowledged(incident_id, at, by)
