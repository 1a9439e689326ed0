"""The Slack notifier: an incoming webhook, or an app with one thread an incident."""

from __future__ import annotations

from deepguard import Notifier, NotifierType, hookimpl
from deepguard_slack.config import SlackConfig


def _build(config: SlackConfig) -> Notifier:
    # Imported with the first notifier: whoever only checks a configuration need not wait for Slack's client.
    from deepguard_slack.notifier import SlackNotifier

    return SlackNotifier(config)


@hookimpl
def deepguard_register_notifiers() -> list[NotifierType]:
    """Offer the type ``slack``."""
    return [NotifierType("slack", SlackConfig, _build)]
