"""The email notifier: one message a notification, one thread an incident."""

from __future__ import annotations

from deepguard import Notifier, NotifierType, hookimpl
from deepguard_email.config import EmailConfig


def _build(config: EmailConfig) -> Notifier:
    # Imported with the first notifier: whoever only checks a configuration need not wait for it.
    from deepguard_email.notifier import EmailNotifier

    return EmailNotifier(config)


@hookimpl
def deepguard_register_notifiers() -> list[NotifierType]:
    """Offer the type ``email``."""
    return [NotifierType("email", EmailConfig, _build)]
