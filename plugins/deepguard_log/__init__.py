"""The log notifier: one line a notification in the log, and on request a file of JSON lines."""

from deepguard import NotifierType, hookimpl
from deepguard_log.config import LogConfig
from deepguard_log.notifier import LogNotifier


@hookimpl
def deepguard_register_notifiers() -> list[NotifierType]:
    """Offer the type ``log``."""
    return [NotifierType("log", LogConfig, LogNotifier)]
