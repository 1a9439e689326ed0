"""Which notifier is told what: the ``notifiers`` of the configuration, built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from deepguard.config.models import KIND_OF, Config, NotifyOn
from deepguard.contracts import Notifier, NotifierType
from deepguard.errors import PluginError
from deepguard.model import NotificationKind
from deepguard.notify.failure import kind_and_lines


@dataclass(frozen=True, slots=True)
class Route:
    """One notifier, and what it is told.

    Attributes:
        name: Its name in the configuration.
        notifier: Who delivers.
        on: The words of ``on:``.
        timeout: Seconds that one attempt to start or to send may take.
    """

    name: str
    notifier: Notifier
    on: frozenset[NotifyOn]
    timeout: float

    def wants(self, kind: NotificationKind) -> bool:
        """Whether notifications of ``kind`` go to it; a kind that has no word goes to all."""
        word = KIND_OF.get(kind)
        return word is None or word in self.on


class NotifierTypes(Protocol):
    """Whoever knows the kinds of notifiers that loaded plugins offer: ``plugins.PluginHost``."""

    @property
    def notifier_types(self) -> Mapping[str, NotifierType]:
        """The kinds by name."""
        ...


def build_routes(config: Config, host: NotifierTypes) -> list[Route]:
    """Build every notifier that the configuration names.

    Args:
        config: The configuration, checked.
        host: Has loaded the plugins that the configuration names.

    Raises:
        PluginError: A plugin cannot build its notifier, or builds something else.
    """
    routes = []
    for entry in config.notifiers:
        offered = host.notifier_types.get(entry.type)
        if offered is None:
            raise PluginError(f"the notifier '{entry.name}' is of type '{entry.type}', which no loaded plugin offers")
        try:
            notifier = offered.factory(entry.options)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            # Without its text and without a cause: both may repeat the settings, secrets among them.
            raise PluginError(
                f"the plugin '{entry.type}' cannot build the notifier '{entry.name}': {kind_and_lines(error)}"
            ) from None
        if not isinstance(notifier, Notifier):
            raise PluginError(
                f"the plugin '{entry.type}' built a {type(notifier).__name__} where a deepguard.Notifier was expected"
            )
        routes.append(Route(entry.name, notifier, frozenset(entry.on), entry.timeout))
    return routes


__all__ = ["NotifierTypes", "Route", "build_routes"]
