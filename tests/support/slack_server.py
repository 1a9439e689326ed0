"""A server on loopback that answers as Slack's documented Web API, incoming webhooks and Socket Mode do."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, web

BOT_TOKEN = "xoxb-111-222-SeCrEtBot"
APP_TOKEN = "xapp-1-A1-222-SeCrEtApp"
WEBHOOK_PATH = "/services/T0001/B0001/SeCrEtHook"
CHANNEL = "#alerts"
CHANNEL_ID = "C0ALERTS"
MAX_BLOCKS_LENGTH = 11_000
"""Not documented; people report refusals from about here on."""

_TEXTS = {"plain_text", "mrkdwn"}


@dataclass
class Reply:
    """What the server says instead of what it would.

    Attributes:
        status: HTTP status.
        body: JSON, or text as it is.
        headers: Further headers.
        hang: Whether it never answers.
        after: Whether it does first what it was asked, as when only the answer is lost.
    """

    status: int = 200
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    after: bool = False


def error(code: str, status: int = 200, **headers: str) -> Reply:
    """The Web API's ``ok: false``."""
    return Reply(status, {"ok": False, "error": code}, {name.replace("_", "-"): text for name, text in headers.items()})


def units(text: str) -> int:
    """Length as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in a payload."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def all_blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The blocks of a message and of its attachments."""
    inner = [block for attachment in message.get("attachments") or [] for block in attachment.get("blocks", [])]
    return [*message.get("blocks", []), *inner]


def texts(message: dict[str, Any]) -> list[str]:
    """Every text that a message shows."""
    return [node["text"] for node in walk(all_blocks(message)) if node.get("type") in _TEXTS]


def button_of(message: dict[str, Any]) -> dict[str, Any] | None:
    """The button of a message, if it has one."""
    return next((node for node in walk(all_blocks(message)) if node.get("type") == "button"), None)


def fault(message: dict[str, Any]) -> str:
    """Slack's code for what is wrong with a message; empty when it would take it."""
    blocks = all_blocks(message)
    if not message.get("text") and not blocks:
        return "no_text"
    if units(message.get("text", "")) > 40_000:
        return "msg_too_long"
    if len(blocks) > 50:
        return "invalid_blocks"
    limits = {"header": 150, "section": 3000, "button": 75, "context": 2000}
    for block in [*blocks, *(node for node in walk(blocks) if node.get("type") == "button")]:
        kind = block.get("type")
        inner = block.get("elements", []) if kind == "context" else [block["text"]] if "text" in block else []
        if kind in limits and any(not 0 < units(text["text"]) <= limits[kind] for text in inner):
            return "invalid_blocks"
        fields = block.get("fields", [])
        if len(fields) > 10 or any(not 0 < units(text["text"]) <= 2000 for text in fields):
            return "invalid_blocks"
        if kind == "section" and not inner and not fields:
            return "invalid_blocks"
        if kind == "button" and max(units(block.get("url", "")) - 1000, units(block.get("value", ""))) > 2000:
            return "invalid_blocks"
    if sum(map(units, texts(message))) > MAX_BLOCKS_LENGTH:
        return "msg_blocks_too_long"
    return ""


class SlackServer:
    """Takes messages, keeps them, and does what it was told to do instead.

    Attributes:
        requests: Method and arguments of each call, in order.
        messages: What each channel shows, by its ``ts``; replies have a ``thread_ts``.
        hooked: What came through the webhook.
        uploads: Channel, thread and bytes of each file that was shared.
        ephemeral: What was told to one user only.
        acknowledged: Ids of the envelopes that were acknowledged.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.messages: dict[str, dict[str, Any]] = {}
        self.hooked: list[dict[str, Any]] = []
        self.uploads: list[tuple[str, str | None, bytes]] = []
        self.ephemeral: list[dict[str, Any]] = []
        self.acknowledged: list[str] = []
        self.base = ""
        self.hanging = asyncio.Event()
        self.hung_up = asyncio.Event()
        self._replies: dict[str, deque[Reply]] = defaultdict(deque)
        self._files: dict[str, bytes | None] = {}
        self._tickets: set[str] = set()
        self._open: dict[web.WebSocketResponse, web.Request] = {}
        self._count = itertools.count(1)
        self._news = asyncio.Condition()

    @property
    def api_url(self) -> str:
        """What ``api_url`` is to be set to."""
        return f"{self.base}/api/"

    @property
    def webhook_url(self) -> str:
        """What ``webhook_url`` is to be set to."""
        return f"{self.base}{WEBHOOK_PATH}"

    def say(self, method: str, *replies: Reply) -> None:
        """Answer the next calls of ``method`` (``webhook``, ``upload`` and ``link`` too) with ``replies``."""
        self._replies[method].extend(replies)

    def calls(self, method: str) -> list[dict[str, Any]]:
        """The arguments of each call of ``method``."""
        return [arguments for name, arguments in self.requests if name == method]

    def threads(self) -> list[dict[str, Any]]:
        """The messages that are no replies."""
        return [message for message in self.messages.values() if "thread_ts" not in message]

    def replies(self, ts: str) -> list[dict[str, Any]]:
        """The replies to a message."""
        return [message for message in self.messages.values() if message.get("thread_ts") == ts]

    async def until(self, condition: Any) -> None:
        """Wait until ``condition()`` holds."""
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(condition)

    @property
    def connected(self) -> int:
        """How many Socket Mode connections are open."""
        return len(self._open)

    async def press(self, message: dict[str, Any], **user: Any) -> str:
        """Press the button of a message, as Slack tells an app; returns when the envelope was acknowledged."""
        button = button_of(message)
        assert button is not None
        return await self.push(
            {
                "type": "block_actions",
                "user": {"id": "U123", "username": "ann", "name": "ann", "team_id": "T1"} | user,
                "channel": {"id": CHANNEL_ID, "name": "alerts"},
                "message": {"ts": message["ts"]},
                "actions": [{"type": "button", "action_id": button["action_id"], "value": button.get("value")}],
            }
        )

    async def push(self, payload: Any, kind: str = "interactive") -> str:
        """Send an envelope to one connection; returns its id when it was acknowledged."""
        envelope_id = f"envelope-{next(self._count)}"
        envelope = {"type": kind, "envelope_id": envelope_id, "payload": payload, "accepts_response_payload": False}
        await self.raw(json.dumps(envelope))
        await self.until(lambda: envelope_id in self.acknowledged)
        return envelope_id

    async def raw(self, text: str) -> None:
        """Send text to the newest connection."""
        await list(self._open)[-1].send_str(text)

    async def drop(self) -> None:
        """Cut every Socket Mode connection without a word."""
        for request in self._open.values():
            assert request.transport is not None
            request.transport.abort()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer anything but a WebSocket."""
        method, arguments = await self._read(request)
        self.requests.append((method, arguments))
        await self._tell()
        scripted = self._replies[method].popleft() if self._replies[method] else None
        if scripted is None:
            return await self._answer(method, arguments, request)
        if scripted.after:
            await self._answer(method, arguments, request)
        if scripted.hang:
            self.hanging.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.hung_up.set()
        text = scripted.body if isinstance(scripted.body, str) else json.dumps(scripted.body)
        kind = "text/plain" if isinstance(scripted.body, str) else "application/json"
        headers = {"Content-Type": kind} | scripted.headers
        return web.Response(status=scripted.status, body=text.encode(), headers=headers)

    async def _read(self, request: web.Request) -> tuple[str, dict[str, Any]]:
        if request.path.startswith("/upload/"):
            return "upload", {"file": request.path.rpartition("/")[2], "data": await request.read()}
        method = "webhook" if request.path == WEBHOOK_PATH else request.path.removeprefix("/api/")
        arguments: dict[str, Any] = dict(request.query)
        if request.content_type == "application/json":
            arguments |= await request.json()
        return method, arguments

    async def _answer(self, method: str, arguments: dict[str, Any], request: web.Request) -> web.Response:
        answer = self._done(method, arguments, request)
        await self._tell()
        return answer

    def _done(self, method: str, arguments: dict[str, Any], request: web.Request) -> web.Response:
        if method == "webhook":
            if code := fault(arguments):
                return web.Response(status=400, text=code)
            self.hooked.append(arguments)
            return web.Response(text="ok")
        if method == "upload":
            self._files[arguments["file"]] = arguments["data"]
            return web.Response(text=f"OK - {len(arguments['data'])}")
        wanted = APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN
        if request.headers.get("Authorization") != f"Bearer {wanted}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        action = getattr(self, "_" + method.replace(".", "_"), None)
        found = action(arguments) if action else {"error": "unknown_method"}
        return web.json_response({"ok": "error" not in found} | found)

    def _chat_postMessage(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if arguments.get("channel") not in (CHANNEL, CHANNEL_ID):
            return {"error": "channel_not_found"}
        if code := fault(arguments):
            return {"error": code}
        thread = arguments.get("thread_ts")
        if thread is not None and thread not in self.messages:
            return {"error": "thread_not_found"}
        ts = f"17000000{next(self._count):02}.000100"
        self.messages[ts] = arguments | {"ts": ts}
        return {"channel": CHANNEL_ID, "ts": ts, "message": {"text": arguments.get("text")}}

    def _chat_update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments.get("channel") != CHANNEL_ID:
            return {"error": "channel_not_found"}
        if arguments.get("ts") not in self.messages:
            return {"error": "message_not_found"}
        if code := fault(arguments):
            return {"error": code}
        self.messages[arguments["ts"]] |= arguments
        return {"channel": CHANNEL_ID, "ts": arguments["ts"], "text": arguments.get("text")}

    def _chat_postEphemeral(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.ephemeral.append(arguments)
        return {"message_ts": "1700000000.000200"}

    def _files_getUploadURLExternal(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if not arguments.get("filename") or int(arguments.get("length", 0)) < 1:
            return {"error": "invalid_arguments"}
        file_id = f"F{next(self._count)}"
        self._files[file_id] = None
        return {"file_id": file_id, "upload_url": f"{self.base}/upload/{file_id}"}

    def _files_completeUploadExternal(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        files = json.loads(arguments["files"]) if isinstance(arguments["files"], str) else arguments["files"]
        for each in files:
            data = self._files.get(each["id"])
            if data is None:
                return {"error": "file_not_found"}
            self.uploads.append((arguments.get("channel_id", ""), arguments.get("thread_ts"), data))
        return {"files": [{"id": each["id"], "title": each["title"]} for each in files]}

    def _apps_connections_open(self, _: dict[str, Any]) -> dict[str, Any]:
        ticket = f"ticket{next(self._count)}-SeCrEtTicket"
        self._tickets.add(ticket)
        return {"url": f"ws{self.base.removeprefix('http')}/link/?ticket={ticket}"}

    async def link(self, request: web.Request) -> web.StreamResponse:
        """A Socket Mode connection; each ticket is good for one."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403)
        self._tickets.discard(ticket)
        if self._replies["link"]:
            scripted = self._replies["link"].popleft()
            return web.Response(status=scripted.status, headers=scripted.headers)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._open[socket] = request
        await socket.send_json(
            {"type": "hello", "num_connections": self.connected, "connection_info": {"app_id": "A1"}}
        )
        await self._tell()
        try:
            async for message in socket:
                self.acknowledged.append(json.loads(message.data)["envelope_id"])
                await self._tell()
        finally:
            del self._open[socket]
            await self._tell()
        return socket

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def end_connections(self, _: web.Application) -> None:
        """Say goodbye to every connection."""
        for socket in list(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY)


@asynccontextmanager
async def slack_server() -> AsyncIterator[SlackServer]:
    """Run a server on a free port of loopback."""
    server = SlackServer()
    app = web.Application(client_max_size=1 << 24)
    app.router.add_get("/link/", server.link)
    app.router.add_route("*", "/{path:.*}", server.handle)
    app.on_shutdown.append(server.end_connections)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.base = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
