"""Which addresses may be connected to. A name in a URL says nothing about where it leads."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST = IPv6Network("2000::/3")
# Not in the tables of every Python that is supported.
_SPECIAL = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))


def is_public(address: Address) -> bool:
    """Whether an address is one of the public Internet: not private, loopback, link-local, multicast or reserved.

    An IPv6 address that stands for an IPv4 one (mapped, NAT64, 6to4) is what that one is.
    """
    if (inner := _inner(address)) is not None:
        return is_public(inner)
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _SPECIAL)


def is_named(address: Address, networks: Sequence[Network]) -> bool:
    """Whether one of ``networks`` holds an address, or the IPv4 address that it stands for."""
    inner = _inner(address)
    return any(address in network or (inner is not None and inner in network) for network in networks)


def _inner(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


class RefusedAddressError(OSError):
    """An address that must not be connected to."""


class AddressGuard:
    """Opens sockets to allowed addresses only.

    It stands where the socket is made, after every look-up: literals, odd spellings of addresses and names that change
    what they answer all come by here with the very address that is connected to next.

    Attributes:
        refused: The addresses that were refused since ``begin``.
        passed: How many addresses were let through since ``begin``.
    """

    def __init__(self, networks: Sequence[Network], *, named_only: bool) -> None:
        """Guard connections.

        Args:
            networks: May be connected to whatever they are.
            named_only: Nothing else may, public or not.
        """
        self._networks = networks
        self._named_only = named_only
        self.begin()

    def begin(self) -> None:
        """Forget what was refused and passed: another attempt begins."""
        self.refused: list[str] = []
        self.passed = 0

    def open_socket(self, target: tuple[Any, ...]) -> socket.socket:
        """Make the socket for a target, as aiohttp's connector asks for it.

        Args:
            target: Like an entry of ``socket.getaddrinfo``.

        Raises:
            RefusedAddressError: Its address is not allowed, or not written as one.
        """
        family, kind, protocol, _, (host, *_rest) = target
        if not self._allows(host):
            self.refused.append(host)
            raise RefusedAddressError(f"{host} is not an allowed address")
        self.passed += 1
        return socket.socket(family, kind, protocol)

    def _allows(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            # The system reads more as an address than this (2130706433, 0x7f.1): what cannot be judged is not used.
            return False
        return is_named(address, self._networks) or (is_public(address) and not self._named_only)


__all__ = ["Address", "AddressGuard", "Network", "RefusedAddressError", "is_named", "is_public"]
