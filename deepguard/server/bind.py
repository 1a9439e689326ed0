"""Takes the port, before anything slow is done."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from deepguard.errors import DeepguardError

FREE_PORT_TRIES = 10


class PortTakenError(DeepguardError):
    """Somebody else listens on the port."""


def bind(host: str, port: int) -> list[socket.socket]:
    """Take the port on every address of a host, before anything slow is done.

    Args:
        host: A name or an address.
        port: 0 takes a free one, the same on every address.

    Raises:
        PortTakenError: The port is in use.
        DeepguardError: The host is not an address of this machine, or the port may not be taken.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror:
        raise DeepguardError(f"cannot listen on {host!r}: no such host; see server.host or --host") from None
    tries = 1 if port else FREE_PORT_TRIES
    while True:
        tries -= 1
        try:
            return _bind_all(list(dict.fromkeys(addresses)), port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and tries:
                continue  # a port that is free for one address need not be for the next
            if error.errno == errno.EADDRINUSE:
                raise PortTakenError(
                    f"port {port} on {host} is already in use; stop the other program, or choose another with --port"
                ) from None
            raise DeepguardError(f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}") from None


def _bind_all(addresses: list[Any], port: int) -> list[socket.socket]:
    """Listen on every address that this machine has, all on one port.

    Raises:
        OSError: One is taken or may not be taken, or the machine has none of them.
    """
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, kind, protocol, _, address in addresses:
            taken = sockets[0].getsockname()[1] if sockets else port
            try:
                sockets.append(_listen(family, kind, protocol, (address[0], taken, *address[2:])))
            except OSError as error:
                # A machine without IPv6 still resolves localhost to ::1.
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                missing = error
        if missing is not None and not sockets:
            raise missing
    except OSError:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def _listen(family: int, kind: int, protocol: int, address: tuple[Any, ...]) -> socket.socket:
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening
