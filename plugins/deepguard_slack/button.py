"""The button that acknowledges: presses arrive over Socket Mode, a WebSocket that the app opens to Slack.

Not slack-sdk's own Socket Mode client: with a token that Slack refuses it asks again every five seconds for ever, a
connection that failed is tried again with an address that is good for one use only, and it leaves tasks behind that
nobody can wait for. What slack-sdk knows of the envelopes is used.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from loguru import logger
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from deepguard import Acknowledge, is_loopback
from deepguard_slack.api import SlackApi
from deepguard_slack.errors import SlackError
from deepguard_slack.message import ACTION, is_incident_id
from deepguard_slack.text import clean

STABLE = 30.0
"""Seconds after which a connection counts as a good one, and the next failure as the first."""
LONGEST_WAIT = 60.0
REFUSED_WAIT = 300.0
"""Seconds until Slack is asked again after it refused the token, or wants no further connection."""
AT_ONCE = 20
"""Presses that are handled at the same time; more are dropped, and told of in the log."""
PRESS_TIMEOUT = 15.0
_LONGEST_MESSAGE = 1 << 20
_LONGEST_NAME = 80
_NO_USE = {
    "link_disabled": "Socket Mode is switched off for the app: switch it on at https://api.slack.com/apps",
    "too_many_websockets": "the app has as many connections as Slack allows, so other hosts have the button",
}
"""Reasons with which Slack ends a connection that would be the same for the next one."""


class _UnusableError(Exception):
    """A connection that cannot be used; its text is for people and holds no secret."""


def backoff(failures: int) -> float:
    """Draw the seconds to wait after so many failures in a row."""
    return random.uniform(0.0, min(LONGEST_WAIT, 2.0 ** min(failures, 10)))  # noqa: S311 - to spread hosts, not to hide


class Button:
    """Listens for presses and acknowledges. Whatever goes wrong here, alerts are sent all the same."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        api: SlackApi,
        app_token: str,
        acknowledge: Callable[[], Acknowledge | None],
    ) -> None:
        """Prepare; ``run`` listens.

        Args:
            session: For the WebSocket.
            api: To ask for connections and to tell who pressed that it failed.
            app_token: An app-level token with the scope ``connections:write``.
            acknowledge: Gives what acknowledges, when there is such a thing.
        """
        self._session = session
        self._api = api
        self._app_token = app_token
        self._acknowledge = acknowledge
        self._connected = False
        self._told = ""
        self._busy: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Listen until cancelled, over one connection after the other."""
        failures = 0
        loop = asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                wait = await self._once()
                failures = 1 if loop.time() - began >= STABLE else failures + 1
                await asyncio.sleep(max(wait, backoff(failures)))
        finally:
            for press in self._busy:
                press.cancel()
            await asyncio.gather(*self._busy, return_exceptions=True)

    async def _once(self) -> float:
        """Listen over one connection until it ends; returns the seconds that must pass before the next."""
        wait = 0.0
        try:
            await self._listen(await self._address())
            problem = "the connection ended at once"
        except SlackError as error:
            problem = str(error)
            wait = REFUSED_WAIT if error.refused else min(error.retry_after or 0.0, REFUSED_WAIT)
        except _UnusableError as error:
            problem, wait = str(error), REFUSED_WAIT
        except (aiohttp.ClientError, OSError) as error:
            problem = f"{type(error).__name__} on the way to {self._api.host}"
        except Exception as error:  # noqa: BLE001 - what cannot be read must not end the button for good
            problem = f"Slack sent what cannot be read: {type(error).__name__}"
        # Slack ends each connection now and then, and one that worked is simply followed by the next.
        if not self._connected and problem != self._told:
            self._told = problem
            logger.warning(
                "Slack's acknowledge button does not work ({}); alerts are sent all the same, and it keeps trying",
                problem,
            )
        self._connected = False
        return wait

    async def _address(self) -> str:
        address = await self._api.connect(self._app_token)
        parts = urlsplit(address)
        if parts.scheme != "wss" and not (parts.scheme == "ws" and is_loopback(parts.hostname or "")):
            raise _UnusableError("Slack named no address to connect to")
        return address

    async def _listen(self, address: str) -> None:
        async with self._session.ws_connect(
            address,
            heartbeat=20.0,
            max_msg_size=_LONGEST_MESSAGE,
            # Core does not wait long for us to close: so Slack gets little time to say goodbye.
            timeout=aiohttp.ClientWSTimeout(ws_close=1.0),  # pyright: ignore[reportCallIssue]
            proxy=self._api.proxy,
        ) as socket:
            async for message in socket:
                envelope = _decoded(message.data) if message.type is aiohttp.WSMsgType.TEXT else {}
                if envelope.get("type") == "hello":
                    if self._told:
                        logger.info("Slack's acknowledge button works again")
                    self._connected, self._told = True, ""
                if envelope.get("type") == "disconnect":
                    self._connected = self._connected and envelope.get("reason") not in _NO_USE
                    if reason := _NO_USE.get(str(envelope.get("reason"))):
                        raise _UnusableError(reason)
                    break
                if request := _request(envelope):
                    # At once, whatever it is: whoever pressed is shown a failure after three seconds.
                    await socket.send_str(json.dumps(SocketModeResponse(request.envelope_id).to_dict()))
                    self._take(request)

    def _take(self, request: SocketModeRequest) -> None:
        incident_id = _incident_of(request.payload)
        if request.type != "interactive" or incident_id is None:
            return
        if len(self._busy) >= AT_ONCE:
            logger.warning(
                "More than {} presses of Slack's button at once; one for {} is dropped", AT_ONCE, incident_id
            )
            return
        press = asyncio.create_task(self._pressed(incident_id, request.payload))
        self._busy.add(press)
        press.add_done_callback(self._busy.discard)

    async def _pressed(self, incident_id: str, payload: dict[str, Any]) -> None:
        user = _part(payload, "user")
        names = (user.get(key) for key in ("name", "username", "id"))
        by = next((name for text in names if isinstance(text, str) and (name := clean(text, _LONGEST_NAME))), "")
        problem = await self._carry_out(incident_id, by or "somebody on Slack")
        if not problem:
            return
        logger.warning("{} pressed Acknowledge for {} on Slack: {}", by, incident_id, problem)
        channel, who = _part(payload, "channel").get("id"), user.get("id")
        if not isinstance(channel, str) or not isinstance(who, str):
            return
        try:
            async with asyncio.timeout(PRESS_TIMEOUT):
                await self._api.tell(channel, who, f"Not acknowledged: {problem}.")
        except (SlackError, TimeoutError) as error:
            logger.warning("Slack did not take the answer to a press: {}", error or "no answer in time")

    async def _carry_out(self, incident_id: str, by: str) -> str:
        """Acknowledge; returns what is wrong, in our own words, or nothing."""
        acknowledge = self._acknowledge()
        if acknowledge is None:
            return "this deepguard keeps no incidents"
        try:
            async with asyncio.timeout(PRESS_TIMEOUT):
                known = await acknowledge(incident_id, by)
        except Exception as error:  # noqa: BLE001 - somebody else's code; its words may not be shown
            logger.error("Acknowledging {} failed: {}", incident_id, type(error).__name__)
            return "deepguard could not write it down; press again, or use deepguard ack"
        return "" if known else "deepguard does not know this incident"


def _decoded(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _request(envelope: dict[str, Any]) -> SocketModeRequest | None:
    if not isinstance(envelope.get("envelope_id"), str) or not isinstance(envelope.get("payload"), dict):
        return None
    return SocketModeRequest.from_dict(envelope)


def _part(payload: dict[str, Any], key: str) -> dict[str, Any]:
    part = payload.get(key)
    return part if isinstance(part, dict) else {}


def _incident_of(payload: dict[str, Any]) -> str | None:
    actions = payload.get("actions")
    if payload.get("type") != "block_actions" or not isinstance(actions, list):
        return None
    for action in actions:
        if isinstance(action, dict) and action.get("action_id") == ACTION and is_incident_id(action.get("value")):
            return action["value"]
    return None
