"""What every request must pass before any route sees it: who asks, how much they send, and what pages may do."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepguard.net import is_loopback
from deepguard.notify.links import PATH

MAX_BODY = 256 * 1024
UNSAFE = frozenset({"POST", "PATCH", "PUT", "DELETE"})

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; media-src 'self' blob:; img-src 'self' data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class RequestLimits:
    """Refuses foreign pages, foreign host names and large bodies, and adds security headers to every answer.

    A page of another origin must not start calls on a server that happens to run on its visitor's machine, nor reach it
    through a host name that it made to resolve there (DNS rebinding).

    The pages for acknowledging are reached from elsewhere, through a proxy perhaps: they also answer to the host name
    of ``public_url``, and to nothing else that a stranger could choose. Where their forms come from is not asked: the
    link itself is the right to send one, and browsers send ``Origin: null`` from a page that passes no referrer on.
    """

    def __init__(self, app: ASGIApp, *, loopback: bool, allowed_origins: tuple[str, ...], public_url: str = "") -> None:
        """Wrap ``app``.

        Args:
            app: What to protect.
            loopback: Whether the server listens on loopback only: then only loopback host names are answered.
            allowed_origins: Other origins that may call, written as browsers write them.
            public_url: Where people reach the pages for acknowledging; empty when there are none.
        """
        self._app = app
        self._loopback = loopback
        self._origins = frozenset(allowed_origins)
        self._public_host = urlsplit(public_url).hostname or ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    answer.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope["method"], scope["path"], headers)
        if refusal is not None:
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, _Limited(receive), send_with_headers)

    def _refusal(self, method: str, path: str, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "").lower()
        by_link = bool(self._public_host) and path.startswith(PATH)
        known = is_loopback(_name_of(host)) or (by_link and _name_of(host) == self._public_host)
        if self._loopback and not known:
            return JSONResponse({"detail": "This server answers only to localhost."}, 421)
        origin = headers.get("origin", "").lower()
        own = bool(host) and urlsplit(origin).netloc == host
        if method in UNSAFE and origin and not own and not by_link and origin not in self._origins:
            return JSONResponse(
                {"detail": "Pages of this origin may not call; see server.allowed_origins in the configuration."}, 403
            )
        length = headers.get("content-length", "0")
        # Its length first: Python refuses to read a number of thousands of digits.
        if not length.isdecimal() or len(length) > 9 or int(length) > MAX_BODY:
            return JSONResponse({"detail": f"The body is larger than {MAX_BODY} bytes."}, 413)
        return None


class _Limited:
    """Receives a body that may not grow beyond ``MAX_BODY``, whatever its headers say."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._size = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            if self._size > MAX_BODY:
                return {"type": "http.disconnect"}
        return message


def _name_of(host: str) -> str:
    """The name or address of a Host header, without brackets and port."""
    if host.startswith("["):
        name, closed, _port = host[1:].partition("]")
        return name if closed else ""
    return host.partition(":")[0]
