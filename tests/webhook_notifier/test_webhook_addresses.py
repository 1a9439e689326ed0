"""Where a webhook may connect to: judged by the address that is connected to, whatever the URL says."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from deepguard import NotifyError
from deepguard.testing import make_notification
from deepguard_webhook.addresses import AddressGuard, RefusedAddressError, is_named, is_public
from support.webhook import Peer, notifier, read_nothing

ELSEWHERE = ["198.51.100.0/24"]
"""A network that nothing here is in: with it named, `http://` may be written."""

NOT_PUBLIC = [
    *["0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254"],
    *["169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1"],
    *["192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.2.3", "240.0.0.1"],
    *["255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"],
    *["::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8", "100::1", "2001::1"],
    *["2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::", "3fff::1", "5f00::1", "fc00::1"],
    *["fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "ff0e::1"],
]
PUBLIC = [
    *["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.32.0.1", "169.253.0.1", "11.0.0.1", "223.255.255.1"],
    *["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2606:4700:4700::1111", "2a00:1450:4001::1"],
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_an_address_in_another_coat_is_judged_as_what_it_is(address: IPv4Address) -> None:
    mapped = ip_address(f"::ffff:{address}")
    translated = ip_address(f"64:ff9b::{address}")
    tunnelled = ip_address((0x2002 << 112) | (int(address) << 80) | 1)
    assert {is_public(each) for each in (address, mapped, translated, tunnelled)} == {is_public(address)}
    networks = [ip_network(f"{address}/32")]
    assert all(is_named(each, networks) for each in (address, mapped, translated, tunnelled))


def target(host: str, port: int = 80) -> tuple[Any, ...]:
    return (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))


@pytest.mark.parametrize("host", [*NOT_PUBLIC, "2130706433", "017700000001", "0x7f.1", "127.1", "localhost", ""])
def test_no_socket_is_made_for_what_is_refused_or_no_plain_address(host: str) -> None:
    guard = AddressGuard([ip_network("198.51.100.128/25")], named_only=False)
    with pytest.raises(RefusedAddressError):
        guard.open_socket(target(host))
    assert (guard.refused, guard.passed) == ([host], 0)


@pytest.mark.parametrize("host", ["8.8.8.8", "2606:4700:4700::1111", "10.1.2.3"])
def test_a_socket_is_made_for_what_is_allowed(host: str) -> None:
    guard = AddressGuard([ip_network("10.0.0.0/8")], named_only=False)
    guard.open_socket(target(host)).close()
    assert (guard.refused, guard.passed) == ([], 1)


def test_plain_http_goes_to_named_networks_only() -> None:
    guard = AddressGuard([ip_network("10.0.0.0/8")], named_only=True)
    guard.open_socket(target("10.1.2.3")).close()
    with pytest.raises(RefusedAddressError):
        guard.open_socket(target("8.8.8.8"))


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


async def refusal(url: str, **settings: Any) -> NotifyError:
    async with notifier(url, **{"allow_networks": ELSEWHERE, **settings}) as webhook:
        with pytest.raises(NotifyError) as caught:
            await webhook.send(make_notification())
    return caught.value


@pytest.fixture
async def here() -> AsyncIterator[Peer]:
    async with Peer(read_nothing).serving() as peer:
        yield peer


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_name_that_leads_inside_is_refused_and_nobody_came(here: Peer, scheme: str) -> None:
    error = await refusal(f"{scheme}://localhost:{here.port}/t0ps3cret")
    assert (error.retryable, error.refused) == (True, True)
    assert str(error).startswith("localhost is at ")
    assert "allow_networks" in str(error)
    assert "t0ps3cret" not in str(error)
    assert await here.others_came() == 0


@pytest.mark.parametrize(
    ("url", "address", "said"),
    [
        (
            "https://soc.example/",
            "127.0.0.1",
            "soc.example is at 127.0.0.1, which is not a public address, and not in allow_networks; "
            "if it is right, name its network there (127.0.0.1/32)",
        ),
        (
            "https://soc.example/",
            "::1",
            "soc.example is at ::1, which is not a public address, and not in allow_networks; "
            "if it is right, name its network there (::1/128)",
        ),
        (
            "http://soc.example/",
            "8.8.8.8",
            "soc.example is at 8.8.8.8, which is not in allow_networks, and http:// goes nowhere else; "
            "use https://, or if it is right, name its network there (8.8.8.8/32)",
        ),
        (
            "http://8.8.8.8/",
            "8.8.8.8",
            "8.8.8.8 is not in allow_networks, and http:// goes nowhere else; "
            "use https://, or if it is right, name its network there (8.8.8.8/32)",
        ),
    ],
)
async def test_the_message_says_where_it_leads_and_what_to_name(
    monkeypatch: pytest.MonkeyPatch, url: str, address: str, said: str
) -> None:
    answering(monkeypatch, [address])
    assert str(await refusal(url)) == said


LITERALS = ["127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]"]
SPELLINGS = ["2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "127.1", "0x7f.0.0.1"]


@pytest.mark.parametrize("host", [*LITERALS, *SPELLINGS])
async def test_whatever_way_an_address_is_spelt_nobody_is_reached(here: Peer, host: str) -> None:
    """Past the configuration, which refuses them too: this is what the connection itself does."""
    guard = AddressGuard([ip_network(ELSEWHERE[0])], named_only=False)
    connector = aiohttp.TCPConnector(socket_factory=guard.open_socket, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(f"http://{host}:{here.port}/", data=b"x")
    assert guard.passed == 0
    assert await here.others_came() == 0


class Resolver(AbstractResolver):
    """A resolver that answers as scripted; the last answer stays."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


def answering(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Let names stand for these addresses, one list a look-up."""
    monkeypatch.setattr("aiohttp.connector.DefaultResolver", lambda **_: Resolver(*answers))


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["169.254.169.254", "127.0.0.1", "10.0.0.1"]])
async def test_a_name_that_answers_private_addresses_is_refused(
    here: Peer, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    answering(monkeypatch, addresses)
    error = await refusal(f"https://soc.example:{here.port}/")
    assert (error.retryable, error.refused) == (True, True)
    assert await here.others_came() == 0


async def test_a_name_that_answers_another_address_the_second_time_gains_nothing(
    here: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])
    async with notifier(f"http://soc.example:{here.port}/", allow_networks=["127.0.0.2/32"]) as webhook:
        with pytest.raises(NotifyError) as first:
            await webhook.send(make_notification())
        # 127.0.0.2 may be asked, and nobody listens there.
        assert (first.value.refused, "cannot be reached" in str(first.value)) == (False, True)
        with pytest.raises(NotifyError) as second:
            await webhook.send(make_notification())
    assert second.value.refused
    assert "127.0.0.1" in str(second.value)
    assert await here.others_came() == 0


async def test_of_several_addresses_only_the_allowed_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    answering(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    async with (
        Peer(speak).serving() as peer,
        notifier(f"http://soc.example:{peer.port}/", allow_networks=["127.0.0.1/32"]) as webhook,
    ):
        await webhook.send(make_notification())
        assert peer.came == 1


@pytest.mark.skipif(not has_ipv6() and os.environ.get("CI") != "true", reason="this machine has no IPv6 loopback")
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_ipv6_loopback_is_refused_too(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, ["::1"])
    async with Peer(read_nothing).serving("::1") as peer:
        error = await refusal(f"{scheme}://soc.example:{peer.port}/")
        assert error.refused
        assert await peer.others_came() == 0
