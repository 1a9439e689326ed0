"""The apprise notifier: the services that the library Apprise reaches, more than a hundred."""

from __future__ import annotations

from importlib.util import find_spec

from deepguard import Notifier, NotifierType, PluginError, hookimpl
from deepguard_apprise.config import AppriseConfig

MISSING = "the library Apprise is not installed; run `pip install 'pipecat-deepguard[apprise]'`"


def _build(config: AppriseConfig) -> Notifier:
    # Imported with the first notifier: whoever only lists plugins need not wait for it.
    from deepguard_apprise.notifier import AppriseNotifier

    return AppriseNotifier(config)


@hookimpl
def deepguard_register_notifiers() -> list[NotifierType]:
    """Offer the type ``apprise``.

    Raises:
        PluginError: The extra is not installed.
    """
    if find_spec("apprise") is None:
        raise PluginError(MISSING)
    return [NotifierType("apprise", AppriseConfig, _build)]
