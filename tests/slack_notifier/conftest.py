"""What the tests of the Slack notifier share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from deepguard_slack.config import SlackConfig
from deepguard_slack.notifier import SlackNotifier
from support.slack_server import APP_TOKEN, BOT_TOKEN, CHANNEL, SlackServer, slack_server

Start = Callable[..., Awaitable[SlackNotifier]]


@pytest.fixture
async def server() -> AsyncIterator[SlackServer]:
    """Slack, on loopback."""
    async with slack_server() as running:
        yield running


@pytest.fixture
async def start(server: SlackServer) -> AsyncIterator[Start]:
    """Starts notifiers against the server, and closes them."""
    started: list[SlackNotifier] = []

    async def start_one(
        *, webhook: bool = False, button: bool = False, acknowledge: Any = None, **settings: Any
    ) -> Any:
        if webhook:
            settings = {"webhook_url": server.webhook_url} | settings
        else:
            settings = {"bot_token": BOT_TOKEN, "channel": CHANNEL, "api_url": server.api_url} | settings
        if button:
            settings["app_token"] = APP_TOKEN
        notifier = SlackNotifier(SlackConfig.model_validate(settings))
        notifier.acknowledge = acknowledge
        started.append(notifier)
        await notifier.start()
        return notifier

    yield start_one
    for notifier in started:
        await notifier.close()
