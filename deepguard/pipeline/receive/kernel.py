"""Dropping packets before they reach the process: a classic BPF program on a UDP socket (Linux).

The program sees a datagram from its UDP header on, so that what was sent begins at byte 8. It reads nothing that is
encrypted: the first byte tells RTP from STUN and DTLS, the second the payload type, which no RTCP packet shares.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

SO_ATTACH_FILTER = 26
SO_DETACH_FILTER = 27

_UDP_HEADER = 8
_RTCP_TYPES = range(64, 96)  # what RTCP's packet types look like without their first bit (RFC 5761)

_LOAD_BYTE = 0x30  # BPF_LD | BPF_B | BPF_ABS
_LOAD_HALF = 0x28  # BPF_LD | BPF_H | BPF_ABS
_LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_LOAD_BYTE_AT = 0x50  # BPF_LD | BPF_B | BPF_IND
_SET_PLACE = 0x01  # BPF_LDX | BPF_W | BPF_IMM
_MOVE_TO_PLACE = 0x07  # BPF_MISC | BPF_TAX
_ADD = 0x04  # BPF_ALU | BPF_ADD | BPF_K
_ADD_PLACE = 0x0C  # BPF_ALU | BPF_ADD | BPF_X
_SHIFT_RIGHT = 0x74  # BPF_ALU | BPF_RSH | BPF_K
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_IF_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_IF_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_WHOLE = 0x40000

_EXTENSIONS = 4
"""So many header extensions of a packet are looked through for the audio level; programs have no loops."""

_Line: TypeAlias = tuple[int, int, int, int]


class KernelFilterError(Exception):
    """The kernel takes no filter here."""


class Dropped(NamedTuple):
    """Packets of which most are dropped.

    Attributes:
        kind: Their payload type.
        ssrc: Their stream; None for all of that type.
        level_id: The id of the header extension that says how loud they are (RFC 6464).
        quieter: Only those are dropped that say of themselves that they are at least so many decibels below the
            loudest. None: all of them.
    """

    kind: int
    ssrc: int | None = None
    level_id: int = 0
    quieter: int | None = None


def program(masks: Mapping[Dropped, int]) -> bytes:
    """A program that lets everything pass but most packets of some payload types, or of some streams.

    Args:
        masks: Of these packets those pass whose sequence number has none of these bits, so that 63 lets every 64th
            through. Types that RTCP's could be taken for are never dropped.

    Returns:
        Instructions of ``struct sock_filter``, 8 bytes each, in the machine's byte order.
    """
    return _program(tuple(masks.items()))


# Calls differ little: what is due of them is opened and closed with the same few programs.
@lru_cache(maxsize=256)
def _program(masks: tuple[tuple[Dropped, int], ...]) -> bytes:
    lines: list[_Line] = [
        (_LOAD_BYTE, 0, 0, _UDP_HEADER),
        (_IF_AT_LEAST, 0, 1, 128),
        (_IF_AT_LEAST, 0, 1, 192),
        (_RETURN, 0, 0, _WHOLE),
    ]
    for packets, mask in masks:
        kind, ssrc = packets.kind, packets.ssrc
        if kind in _RTCP_TYPES:
            continue
        judged = [
            (_LOAD_HALF, 0, 0, _UDP_HEADER + 2),
            (_IF_ANY_BIT, 1, 0, mask),
            (_RETURN, 0, 0, _WHOLE),
            *([(_RETURN, 0, 0, 0)] if packets.quieter is None else _if_quieter(packets.level_id, packets.quieter)),
        ]
        # Not this stream, or not this type: on to the next one.
        if ssrc is not None:
            judged = [(_LOAD_WORD, 0, 0, _UDP_HEADER + 8), (_IF_EQUAL, 0, len(judged), ssrc), *judged]
        lines += [
            (_LOAD_BYTE, 0, 0, _UDP_HEADER + 1),
            (_AND, 0, 0, 0x7F),
            (_IF_EQUAL, 0, len(judged), kind),
            *judged,
        ]
    lines.append((_RETURN, 0, 0, _WHOLE))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _if_quieter(level_id: int, level: int) -> list[_Line]:
    """Drop a packet that says that it is at least so quiet; let every other one pass, whatever it looks like."""
    first = _UDP_HEADER + 12
    found: list[_Line] = [
        (_LOAD_BYTE_AT, 0, 0, 1),
        (_AND, 0, 0, 0x7F),
        (_IF_AT_LEAST, 0, 1, level),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, _WHOLE),
    ]
    search: list[_Line] = []
    for left in range(_EXTENSIONS - 1, -1, -1):
        # A found one is judged behind all searches and the end of them.
        search += [
            (_LOAD_BYTE_AT, 0, 0, 0),
            (_SHIFT_RIGHT, 0, 0, 4),
            (_IF_EQUAL, 5 + 8 * left + 1, 0, level_id),
            (_LOAD_BYTE_AT, 0, 0, 0),
            (_AND, 0, 0, 0x0F),
            (_ADD, 0, 0, 2),
            (_ADD_PLACE, 0, 0, 0),
            (_MOVE_TO_PLACE, 0, 0, 0),
        ]
    return [
        # A header with extensions of one byte each (RFC 8285), and no contributing sources before them.
        (_LOAD_BYTE, 0, 0, _UDP_HEADER),
        (_AND, 0, 0, 0x1F),
        (_IF_EQUAL, 1, 0, 0x10),
        (_RETURN, 0, 0, _WHOLE),
        (_LOAD_HALF, 0, 0, first),
        (_IF_EQUAL, 1, 0, 0xBEDE),
        (_RETURN, 0, 0, _WHOLE),
        (_SET_PLACE, 0, 0, first + 4),
        *search,
        (_RETURN, 0, 0, _WHOLE),
        *found,
    ]


def probe(descriptor: int) -> None:
    """See whether a UDP socket can have a filter; one that was there is taken away.

    Args:
        descriptor: The socket's file descriptor.

    Raises:
        KernelFilterError: The platform has no such filters, or the kernel refuses it.
    """
    _put(descriptor, program({}))
    _put(descriptor, b"")


def attach(descriptor: int, masks: Mapping[Dropped, int]) -> None:
    """Put a filter on a UDP socket, in place of the one that is there; none when nothing is to be dropped.

    Args:
        descriptor: The socket's file descriptor; it stays its owner's.
        masks: As ``program`` takes them.

    Raises:
        KernelFilterError: The platform has no such filters, or the kernel refuses it.
    """
    _put(descriptor, program(masks) if masks else b"")


def _put(descriptor: int, code: bytes) -> None:
    if sys.platform != "linux":
        raise KernelFilterError("only Linux has socket filters")
    try:
        with _same_socket(descriptor) as same:
            if not code:
                same.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
                return
            buffer = ctypes.create_string_buffer(code, len(code))
            fprog = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
            same.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, fprog)
    except FileNotFoundError:
        return  # there was none to take away
    except OSError as error:
        raise KernelFilterError(f"the kernel refuses a socket filter ({error.strerror})") from None


def _same_socket(descriptor: int) -> socket.socket:
    # Whatever wraps the socket elsewhere (an event loop may allow no options): an own descriptor of the same one. What
    # it is called here makes no difference to its options, and asking the kernel would take longer than setting them.
    own = os.dup(descriptor)
    try:
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 0, fileno=own)
    except OSError:
        os.close(own)
        raise


__all__ = ["Dropped", "KernelFilterError", "attach", "probe", "program"]
