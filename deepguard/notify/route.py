"""Which notifier is told what: the ``notifiers`` of the configuration, built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from deepguard.config.models import Config
from deepguard.contracts import Notifier, NotifierType
from deepguard.errors import PluginError
from deepguard.model import Level
from deepguard.notify.failure import kind_and_lines
from deepguard.notify.wanting import Wanting


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Wanting):
    """One notifier, what it is told, and how fast.

    Attributes:
        notifier: Who delivers.
        timeout: Seconds that one attempt may take.
        rate: Attempts a second in the long run.
        burst: Attempts that may be made at once.
        digest_after: When more wait, they go in one digest.
        give_up_after: Seconds that a notification is tried for.
    """

    notifier: Notifier
    timeout: float = 10.0
    rate: float = 1.0
    burst: int = 10
    digest_after: int = 10
    give_up_after: float = 86400.0


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
        routes.append(
            Route(
                name=entry.name,
                notifier=notifier,
                on=frozenset(entry.on),
                min_level=Level[entry.min_level.upper()],
                participants=entry.participants,
                sources=frozenset(entry.sources),
                repeat_every=entry.repeat_every,
                timeout=entry.timeout,
                rate=entry.rate,
                burst=entry.burst,
                digest_after=entry.digest_after,
                give_up_after=entry.give_up_after,
            )
        )
    return routes


__all__ = ["NotifierTypes", "Route", "build_routes"]
