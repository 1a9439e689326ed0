"""Slack's Web API and incoming webhooks through slack-sdk, with errors that say what to do and hold no secret."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from deepguard import Picture, is_loopback
from deepguard_slack.errors import SlackError, answer_error, connection_error, redirected
from deepguard_slack.message import Message

T = TypeVar("T")

# slack-sdk writes addresses, messages and answers to its log. This one belongs to nobody and takes nothing.
_NO_LOG = logging.Logger("deepguard_slack", level=logging.CRITICAL + 1)

_UNREADABLE = (ValueError, TypeError, AttributeError, KeyError)
"""What slack-sdk raises on answers of a shape that Slack never gives."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message is.

    Attributes:
        channel: The channel's id.
        ts: Slack's name for the message within it.
    """

    channel: str
    ts: str

    def __str__(self) -> str:
        """The receipt that core keeps."""
        return f"{self.channel}:{self.ts}"

    @classmethod
    def parse(cls, receipt: str) -> Self | None:
        """Read a receipt; None when it is none of ours."""
        channel, _, ts = receipt.partition(":")
        seconds, dot, count = ts.partition(".")
        whole = channel.isalnum() and receipt.isascii() and seconds.isdecimal() and dot and count.isdecimal()
        return cls(channel, ts) if whole else None


def open_session(setting: str) -> aiohttp.ClientSession:
    """Open a session that follows no redirect and keeps no cookie.

    Args:
        setting: Names, in the error about a redirect, what to check.
    """

    async def refuse(_: aiohttp.ClientSession, __: SimpleNamespace, seen: aiohttp.TraceRequestRedirectParams) -> None:
        seen.response.close()
        raise redirected(setting)

    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(refuse)
    return aiohttp.ClientSession(
        trace_configs=[tracing],
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=300, sock_connect=15),
    )


class SlackApi:
    """The calls of the Web API that a notifier needs. None waits or tries again by itself."""

    def __init__(self, session: aiohttp.ClientSession, api_url: str, bot_token: str) -> None:
        """Call ``api_url`` as the app that ``bot_token`` belongs to."""
        self._client = AsyncWebClient(
            token=bot_token, base_url=api_url, session=session, retry_handlers=[], logger=_NO_LOG
        )
        self.host = urlsplit(api_url).hostname or ""
        if is_loopback(self.host):
            self._client.proxy = None
        self._secrets = [bot_token]

    @property
    def proxy(self) -> str | None:
        """The proxy on the way to Slack, which slack-sdk takes from the environment."""
        return self._client.proxy

    async def post(
        self, channel: str, message: Message, *, thread: str | None = None, broadcast: bool = False
    ) -> Place | None:
        """Post a message.

        Args:
            channel: Id or name.
            message: What to show.
            thread: The ``ts`` of the message to reply to.
            broadcast: Whether a reply is also shown in the channel.

        Returns:
            Where it is; None when Slack did not tell.

        Raises:
            SlackError: It was not taken.
        """
        answer = await self._answered(
            self._client.chat_postMessage(
                channel=channel,
                text=message.text,
                blocks=message.blocks,
                attachments=message.attachments,
                metadata=message.metadata,
                thread_ts=thread,
                reply_broadcast=broadcast or None,
                mrkdwn=False,
                parse="none",
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
            )
        )
        return Place.parse(f"{answer.get('channel')}:{answer.get('ts')}")

    async def update(self, place: Place, message: Message) -> None:
        """Put ``message`` in the place of another.

        Raises:
            SlackError: It was not taken.
        """
        # Unlike a new message, an edited one has its names linked unless parse says otherwise.
        await self._answered(
            self._client.chat_update(
                channel=place.channel,
                ts=place.ts,
                text=message.text,
                blocks=message.blocks,
                attachments=message.attachments,
                metadata=message.metadata,
                parse="none",
                link_names=False,
            )
        )

    async def upload(self, place: Place, picture: Picture, *, title: str) -> None:
        """Put a picture into a thread.

        Raises:
            SlackError: It was not taken.
        """
        await self._answered(
            self._client.files_upload_v2(
                filename=f"evidence.{picture.format}",
                content=picture.data,
                title=title,
                alt_txt=title,
                channel=place.channel,
                thread_ts=place.ts,
            )
        )

    async def tell(self, channel: str, user: str, text: str) -> None:
        """Say ``text``, which must be our own words, to one user only.

        Raises:
            SlackError: It was not taken.
        """
        await self._answered(self._client.chat_postEphemeral(channel=channel, user=user, text=text, parse="none"))

    async def connect(self, app_token: str) -> str:
        """Ask for the address of a Socket Mode connection; it is good for one connection, and a secret.

        Raises:
            SlackError: Slack did not give one.
        """
        answer = await self._answered(self._client.apps_connections_open(app_token=app_token), app_token)
        return str(answer.get("url") or "")

    async def _answered(self, call: Awaitable[T], *secrets: str) -> T:
        try:
            return await call
        except SlackApiError as error:
            problem = self._refused(error.response, secrets)
        except (SlackClientError, aiohttp.ClientError, OSError, SlackError, *_UNREADABLE) as error:
            problem = connection_error(error, self.host)
        # Not in the handler: the other exception, which holds what was sent, would hang on to this one.
        raise problem

    def _refused(self, response: Any, secrets: tuple[str, ...]) -> SlackError:
        # An AsyncSlackResponse, or, when the body could not be read, aiohttp's own.
        status = getattr(response, "status_code", None) or getattr(response, "status", 0)
        data = getattr(response, "data", None)
        data = data if isinstance(data, dict) else {}
        return answer_error(
            data.get("error"),
            status,
            response.headers,
            needed=data.get("needed"),
            secrets=[*self._secrets, *secrets],
        )


class Webhook:
    """An incoming webhook."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """Post to ``url``."""
        self._client = AsyncWebhookClient(url, session=session, retry_handlers=[], logger=_NO_LOG)
        self._host = urlsplit(url).hostname or ""
        if is_loopback(self._host):
            self._client.proxy = None

    async def post(self, message: Message) -> None:
        """Post a message.

        Raises:
            SlackError: It was not taken.
        """
        problem: SlackError | None = None
        answer = None
        try:
            answer = await self._client.send_dict(
                {
                    "text": message.text,
                    "blocks": message.blocks,
                    "attachments": message.attachments,
                    "mrkdwn": False,
                    "unfurl_links": False,
                    "unfurl_media": False,
                }
            )
        except (SlackClientError, aiohttp.ClientError, OSError, SlackError, *_UNREADABLE) as error:
            problem = connection_error(error, self._host)
        if answer is not None and not 200 <= answer.status_code < 300:
            problem = answer_error(
                answer.body, answer.status_code, answer.headers, webhook=True, secrets=[self._client.url]
            )
        elif answer is not None and answer.headers.get("Content-Type", "").startswith("text/html"):
            # A page for people, for example a log-in: nothing was posted, whatever the status says.
            problem = SlackError("a web page answered, not Slack's webhook: check webhook_url", refused=True)
        if problem is not None:
            raise problem
