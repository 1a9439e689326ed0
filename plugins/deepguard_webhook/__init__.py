"""The webhook notifier: one signed JSON message a notification (Standard Webhooks)."""

from __future__ import annotations

from deepguard import Notifier, NotifierType, hookimpl
from deepguard_webhook.config import WebhookConfig


def _build(config: WebhookConfig) -> Notifier:
    # Imported with the first notifier: whoever only checks a configuration need not wait for it.
    from deepguard_webhook.notifier import WebhookNotifier

    return WebhookNotifier(config)


@hookimpl
def deepguard_register_notifiers() -> list[NotifierType]:
    """Offer the type ``webhook``."""
    return [NotifierType("webhook", WebhookConfig, _build)]
