"""Decides where a notification goes: route, then hooks, then silences."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from loguru import logger

from deepguard.config.models import SilenceWindow
from deepguard.model import DeliveryStatus, Notification
from deepguard.notify.route import Route
from deepguard.notify.silence import Silence, silenced_by
from deepguard.plugins import PluginHost
from deepguard.store.entry import Entry, Outgoing, Planned

BY_HOOK = "a deepguard_should_notify hook"

ShouldNotify = Callable[[Notification, str], bool | None]
"""The ``deepguard_should_notify`` hooks: a notification and a notifier's name; None leaves it to the configuration."""


def asking(hooks: PluginHost) -> ShouldNotify:
    """The hooks of the loaded plugins.

    Args:
        hooks: Where hooks are called.
    """
    return lambda notification, notifier: hooks.first(
        "deepguard_should_notify", notification=notification, notifier=notifier
    )


class Planner:
    """Plans deliveries.

    Attributes:
        routes: The notifiers, by name.
        silences: Those made by command that are in force or will be.
        silenced: How many notifications were kept back, by notifier.
    """

    def __init__(
        self, routes: Iterable[Route], *, should_notify: ShouldNotify, windows: Sequence[SilenceWindow] = ()
    ) -> None:
        """Plan for these notifiers.

        Args:
            routes: The notifiers; their names are unique.
            should_notify: The hooks.
            windows: The silences of the configuration.
        """
        self.routes: Mapping[str, Route] = {route.name: route for route in routes}
        self.silences: Sequence[Silence] = ()
        self.silenced: Counter[str] = Counter()
        self._should_notify = should_notify
        self._windows = windows

    def plan(self, entry: Entry, only: Iterable[str] | None = None) -> Planned:
        """Decide where an entry's notifications go.

        Args:
            entry: What happened.
            only: Names of the only notifiers that are asked; None for all.
        """
        asked = [route for route in self.routes.values() if only is None or route.name in only]
        outgoing = [
            self._outgoing(notification, route)
            for notification in entry.notifications
            for route in asked
            if route.wants(notification)
        ]
        return Planned(entry, tuple(outgoing))

    def _outgoing(self, notification: Notification, route: Route) -> Outgoing:
        reason = self.kept_back(notification, route.name)
        if reason is None:
            return Outgoing(notification, route.name, route.give_up_after)
        self.silenced[route.name] += 1
        return Outgoing(notification, route.name, route.give_up_after, DeliveryStatus.SILENCED, reason)

    def kept_back(self, notification: Notification, notifier: str) -> str | None:
        """Why a notification is not handed to a notifier, in words for people; None when it is."""
        try:
            answer = self._should_notify(notification, notifier)
        except Exception as error:  # noqa: BLE001 - a hook's failure must not silence an alert
            logger.error("deepguard_should_notify failed ({}); {} is told", type(error).__name__, notifier)
            answer = None
        if answer is not None and not answer:
            return BY_HOOK
        return self.silenced_by(notification, notifier)

    def silenced_by(self, notification: Notification, notifier: str) -> str | None:
        """The silence that keeps a notification from a notifier now, in words for people; None when none does."""
        return silenced_by(notification, notifier, self._windows, self.silences, time.time())


__all__ = ["BY_HOOK", "Planner", "ShouldNotify", "asking"]
