"""The log notifier: one line a notification in the log, and on request a file of JSON lines."""

from __future__ import annotations

from deepguard import Notifier, NotifierType, hookimpl
from deepguard_log.config import LogConfig


def _build(config: LogConfig) -> Notifier:
    # Imported with the first notifier: whoever only checks a configuration need not wait for it.
    from deepguard_log.notifier import LogNotifier

    return LogNotifier(config)


@hookimpl
def deepguard_register_notifiers() -> list[NotifierType]:
    """Offer the type ``log``."""
    # A log takes everything, and nobody's sleep is disturbed by it.
    return [NotifierType("log", LogConfig, _build, rate=1000, burst=1000, digest_after=1000)]
