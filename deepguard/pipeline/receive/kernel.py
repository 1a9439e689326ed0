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

SO_ATTACH_FILTER = 26
SO_DETACH_FILTER = 27

_UDP_HEADER = 8
_RTCP_TYPES = range(64, 96)  # what RTCP's packet types look like without their first bit (RFC 5761)

_LOAD_BYTE = 0x30  # BPF_LD | BPF_B | BPF_ABS
_LOAD_HALF = 0x28  # BPF_LD | BPF_H | BPF_ABS
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_IF_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_IF_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_WHOLE = 0x40000


class KernelFilterError(Exception):
    """The kernel takes no filter here."""


def program(masks: Mapping[int, int]) -> bytes:
    """A program that lets everything pass but most packets of some payload types.

    Args:
        masks: By payload type: of its packets those pass whose sequence number has none of these bits, so that 63
            lets every 64th through. Types that RTCP's could be taken for are never dropped.

    Returns:
        Instructions of ``struct sock_filter``, 8 bytes each, in the machine's byte order.
    """
    dropped = [(kind, mask) for kind, mask in sorted(masks.items()) if kind not in _RTCP_TYPES]
    lines: list[tuple[int, int, int, int]] = [
        (_LOAD_BYTE, 0, 0, _UDP_HEADER),
        (_IF_AT_LEAST, 0, 1, 128),
        (_IF_AT_LEAST, 0, 1, 192),
        (_RETURN, 0, 0, _WHOLE),
        (_LOAD_BYTE, 0, 0, _UDP_HEADER + 1),
        (_AND, 0, 0, 0x7F),
    ]
    for kind, mask in dropped:
        # Not this type: on to the next one, four instructions further.
        lines += [
            (_IF_EQUAL, 0, 4, kind),
            (_LOAD_HALF, 0, 0, _UDP_HEADER + 2),
            (_IF_ANY_BIT, 0, 1, mask),
            (_RETURN, 0, 0, 0),
            (_RETURN, 0, 0, _WHOLE),
        ]
    lines.append((_RETURN, 0, 0, _WHOLE))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def attach(descriptor: int, masks: Mapping[int, int]) -> None:
    """Put a filter on a UDP socket, in place of the one that is there; none when nothing is to be dropped.

    Args:
        descriptor: The socket's file descriptor; it stays its owner's.
        masks: As ``program`` takes them.

    Raises:
        KernelFilterError: The platform has no such filters, or the kernel refuses it.
    """
    if sys.platform != "linux":
        raise KernelFilterError("only Linux has socket filters")
    try:
        # Whatever wraps the socket elsewhere (an event loop may allow no options): an own descriptor of the same one.
        with socket.socket(fileno=os.dup(descriptor)) as same:
            if not masks:
                same.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
                return
            code = program(masks)
            buffer = ctypes.create_string_buffer(code, len(code))
            fprog = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
            same.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, fprog)
    except FileNotFoundError:
        return  # there was none to take away
    except OSError as error:
        raise KernelFilterError(f"the kernel refuses a socket filter ({error.strerror})") from None


__all__ = ["KernelFilterError", "attach", "program"]
