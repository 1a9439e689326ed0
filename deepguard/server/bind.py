"""Takes the port, before anything slow is done."""

from __future__ import annotations

import errno
import os
import socket

from deepguard.errors import DeepguardError


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
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(addresses):
            listening = socket.socket(family, kind, protocol)
            sockets.append(listening)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken = sockets[0].getsockname()[1] if len(sockets) > 1 else port
            try:
                listening.bind((address[0], taken, *address[2:]))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL and len(addresses) > 1:
                    # A machine without IPv6 still resolves localhost to ::1.
                    sockets.remove(listening)
                    listening.close()
                    continue
                raise
            listening.listen(128)
    except OSError as error:
        for opened in sockets:
            opened.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(
                f"port {port} on {host} is already in use; stop the other program, or choose another with --port"
            ) from None
        raise DeepguardError(f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}") from None
    return sockets
