from __future__ import annotations

import errno
import socket

import pytest

from deepguard.errors import DeepguardError
from deepguard.server.bind import PortTakenError, bind


def close(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


def test_a_free_port_is_the_same_on_every_address() -> None:
    sockets = bind("localhost", 0)
    assert len({one.getsockname()[1] for one in sockets}) == 1
    close(sockets)


def test_a_free_port_that_another_address_has_taken_is_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: addresses)
    real, refused = socket.socket.bind, []

    class Socket(socket.socket):
        def bind(self, address: tuple[str, int]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            if address[0] == "127.0.0.2" and not refused:
                refused.append(address)
                raise OSError(errno.EADDRINUSE, "in use")
            real(self, address)

    monkeypatch.setattr(socket, "socket", Socket)
    sockets = bind("localhost", 0)
    assert refused
    assert [one.getsockname()[0] for one in sockets] == ["127.0.0.1", "127.0.0.2"]
    close(sockets)


def test_a_taken_port_on_the_second_address_is_named_and_the_first_is_let_go() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port}"):
            bind("localhost", port)


def test_a_machine_without_ipv6_serves_localhost_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def without_ipv6(family: int, *arguments: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "not supported")
        return real(family, *arguments)

    addresses = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: addresses)
    monkeypatch.setattr(socket, "socket", without_ipv6)
    sockets = bind("localhost", 0)
    assert [one.getsockname()[0] for one in sockets] == ["127.0.0.1"]
    close(sockets)


def test_addresses_of_another_machine_are_refused_readably() -> None:
    with pytest.raises(DeepguardError, match=r"cannot listen on 192\.0\.2\.1"):
        bind("192.0.2.1", 0)
