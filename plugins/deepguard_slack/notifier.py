"""Tells a Slack channel."""

from __future__ import annotations

import asyncio

import aiohttp

from deepguard import Notification, Notifier, NotifyError
from deepguard_slack.api import SlackApi, Webhook, open_session
from deepguard_slack.button import Button
from deepguard_slack.config import SlackConfig
from deepguard_slack.message import full_message
from deepguard_slack.thread import Threads


class SlackNotifier(Notifier):
    """Posts each notification to a channel: through an incoming webhook, or as an app into threads."""

    def __init__(self, config: SlackConfig) -> None:
        """Prepare; nothing is opened yet."""
        self._config = config
        self._session: aiohttp.ClientSession | None = None
        self._webhook: Webhook | None = None
        self._threads: Threads | None = None
        self._listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the connection pool, and listen to the button when there is one. Slack is not asked yet."""
        if self._session is not None:
            return
        config = self._config
        if config.webhook_url is not None:
            self._session = open_session("webhook_url")
            self._webhook = Webhook(self._session, config.webhook_url.get_secret_value())
            return
        if config.bot_token is None or config.channel is None:
            raise NotifyError("Slack needs either webhook_url, or bot_token and channel", retryable=False, refused=True)
        self._session = open_session("api_url")
        api = SlackApi(self._session, config.api_url, config.bot_token.get_secret_value())
        self._threads = Threads(api, config.channel, evidence=config.evidence, button=config.app_token is not None)
        if config.app_token is not None:
            button = Button(self._session, api, config.app_token.get_secret_value(), lambda: self.acknowledge)
            self._listening = asyncio.create_task(button.run(), name="slack button")

    async def send(self, notification: Notification) -> str | None:
        """Post one notification.

        Returns:
            With a bot token ``channel:ts`` of the message that the thread hangs on; with a webhook None.

        Raises:
            NotifyError: Slack did not take it.
        """
        if self._webhook is not None:
            await self._webhook.post(full_message(notification))
            return None
        if self._threads is None:
            raise NotifyError("the Slack notifier has not been started")
        return await self._threads.send(notification)

    async def close(self) -> None:
        """Stop listening and release the connections."""
        listening, self._listening = self._listening, None
        session, self._session = self._session, None
        self._webhook = self._threads = None
        try:
            if listening is not None:
                listening.cancel()
                await asyncio.wait({listening})
        finally:
            if session is not None:
                await session.close()
