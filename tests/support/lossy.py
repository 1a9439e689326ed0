"""A network that loses and reorders: UDP both ways between a caller and whom it calls.

It stands before the sockets of both. What is hooked into the receiving end instead comes too late: the receive path
looks at datagrams before anybody else does, and the kernel drops some before that.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from deepguard.pipeline.receive.rtp import is_rtp

if TYPE_CHECKING:
    from bench.senders import Answer

OVERTAKEN_BY = 2

_Address: TypeAlias = tuple[Any, ...]


class LossyPath:
    """One call's way through the network. Of STUN, DTLS and RTCP nothing is lost, and nothing that the callee sends.

    Attributes:
        lost: How many of the caller's packets were lost.
        late: How many were overtaken.
    """

    def __init__(self, seed: int, share: float = 0.03) -> None:
        """Prepare; ``leading_to`` opens it.

        Args:
            seed: Of the chance by which packets are lost and overtaken.
            share: Of the caller's packets of media, sent again or not, that are lost; of the others as many are late.
        """
        self.lost = self.late = 0
        self._share = share
        self._chance = random.Random(seed)
        self._caller: _Address | None = None
        self._callee: _Address | None = None
        self._sockets: list[asyncio.DatagramTransport] = []
        self._overtaken: bytes | None = None
        self._behind = 0

    def leading_to(self, answer: Answer) -> Answer:
        """Answer offers so that each side knows no address of the other's but the network's.

        Args:
            answer: Answers them otherwise.
        """

        async def answer_from_afar(offer: str) -> str:
            here = await self._open(offer, self._take_from_callee)
            answered = await answer(_moved(offer, here))
            self._callee = _first_address(answered)
            return _moved(answered, await self._open(answered, self._take_from_caller))

        return answer_from_afar

    def close(self) -> None:
        """Let nothing through any more."""
        for each in self._sockets:
            each.close()

    async def _open(self, sdp: str, take: Callable[[bytes, _Address], None]) -> int:
        """Open a socket beside the one that a session description names; returns its port."""
        host, _ = _first_address(sdp)
        socket, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Taking(take), local_addr=(host, 0)
        )
        self._sockets.append(socket)
        return socket.get_extra_info("sockname")[1]

    def _take_from_callee(self, data: bytes, _address: _Address) -> None:
        if self._caller is not None:
            self._sockets[1].sendto(data, self._caller)

    def _take_from_caller(self, data: bytes, address: _Address) -> None:
        if self._caller is None:
            self._caller = address
        if address != self._caller:
            return  # another of its sockets: what would be answered could not be told apart
        if not is_rtp(data):
            self._send(data)
        elif self._chance.random() < self._share:
            self.lost += 1
        elif self._overtaken is None and self._chance.random() < self._share:
            self.late += 1
            self._overtaken, self._behind = data, OVERTAKEN_BY
        else:
            self._send(data)
            self._behind -= 1
            if self._overtaken is not None and self._behind == 0:
                self._send(self._overtaken)
                self._overtaken = None

    def _send(self, data: bytes) -> None:
        self._sockets[0].sendto(data, self._callee)


class _Taking(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, _Address], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: _Address) -> None:
        self._take(data, addr)


def _is_candidate(line: str) -> bool:
    """Whether a line of a session description is an address at which its sender can be reached: IPv4 and UDP."""
    fields = line.split()
    return line.startswith("a=candidate:") and fields[2].lower() == "udp" and "." in fields[4]


def _first_address(sdp: str) -> tuple[str, int]:
    fields = next(line for line in sdp.splitlines() if _is_candidate(line)).split()
    return fields[4], int(fields[5])


def _moved(sdp: str, port: int) -> str:
    """A session description that names one address only, at another port, for all of its media."""
    lines: list[str] = []
    named = False
    for line in sdp.splitlines():
        if line.startswith("m="):
            named = False
        if line.startswith("a=candidate:"):
            if named or not _is_candidate(line):
                continue
            named, fields = True, line.split()
            line = " ".join([*fields[:4], _first_address(sdp)[0], str(port), *fields[6:]])
        lines.append(line)
    return "".join(f"{line}\r\n" for line in lines)


__all__ = ["LossyPath"]
