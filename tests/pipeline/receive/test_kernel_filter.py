"""The filter in the kernel, on real UDP sockets."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepguard.pipeline.receive import kernel
from deepguard.pipeline.receive.kernel import Dropped, KernelFilterError, attach, probe

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has socket filters")
END = b"\x00end"


class Line:
    """Two sockets: what is sent at one arrives at the other, or does not."""

    def __init__(self, family: socket.AddressFamily, host: str) -> None:
        self.far, self.near = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        self.near.bind((host, 0))
        self.near.settimeout(10)
        self.far.connect(self.near.getsockname())

    def pass_on(self, datagrams: list[bytes]) -> list[bytes]:
        """Those that arrive, in order."""
        arrived: list[bytes] = []
        for at in range(0, len(datagrams), 50):
            for datagram in [*datagrams[at : at + 50], END]:
                self.far.send(datagram)
            while (data := self.near.recv(2000)) != END:
                arrived.append(data)
        return arrived

    def close(self) -> None:
        self.far.close()
        self.near.close()


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    try:
        found = Line(*request.param)
    except OSError:
        pytest.skip("this machine has no such addresses")
    yield found
    found.close()


def rtp(kind: int, sequence: int, marker: int = 0, first: int = 0x80, ssrc: int = 1) -> bytes:
    return struct.pack("!BBHII", first, marker << 7 | kind, sequence, 0, ssrc) + b"secret"


def descriptors_open() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@linux
def test_of_what_is_dropped_the_same_few_pass_always(line: Line) -> None:
    sent = [rtp(96, number % 65_536, number % 2) for number in range(65_536 - 300, 65_536 + 300)]
    for mask in (0, 1, 15, 63, 4095):
        attach(line.near.fileno(), {Dropped(96): mask})
        expected = [data for data in sent if not struct.unpack_from("!H", data, 2)[0] & mask]
        assert line.pass_on(sent) == expected


@linux
def test_several_types_are_dropped_each_in_its_measure_and_all_others_pass(line: Line) -> None:
    masks = {96: 63, 97: 15, 111: 0x7FFF, 0: 63}
    attach(line.near.fileno(), {Dropped(kind): mask for kind, mask in masks.items()})
    sent = [rtp(kind, number, marker) for kind in range(128) for number in (0, 1, 16, 63, 64) for marker in (0, 1)]
    assert line.pass_on(sent) == [
        data for data in sent if not struct.unpack_from("!H", data, 2)[0] & masks.get(data[1] & 0x7F, 0)
    ]


@linux
def test_streams_of_one_type_are_dropped_each_in_its_measure(line: Line) -> None:
    masks = {0xFFFFFFFF: 63, 2: 15}
    attach(line.near.fileno(), {**{Dropped(96, ssrc): mask for ssrc, mask in masks.items()}, Dropped(97): 1})
    sent = [
        rtp(kind, number, ssrc=ssrc) for kind in (96, 97, 98) for number in range(70) for ssrc in (1, 2, 0xFFFFFFFF)
    ]
    every = {96: masks, 97: {1: 1, 2: 1, 0xFFFFFFFF: 1}, 98: {}}
    assert line.pass_on(sent) == [
        data
        for data in sent
        if not struct.unpack_from("!H", data, 2)[0] & every[data[1]].get(int.from_bytes(data[8:12]), 0)
    ]


@linux
def test_what_is_no_rtp_passes_always(line: Line) -> None:
    attach(line.near.fileno(), dict.fromkeys(map(Dropped, range(128)), 0x7FFF))
    not_rtp = [bytes([first]) + b"\x60\x00\x01" + bytes(20) for first in (*range(1, 128), *range(192, 256))]
    rtcp = [rtp(kind & 0x7F, 1, 1, first) for kind in range(192, 224) for first in (0x80, 0x81, 0xBF)]
    short = [b"\x00\x01", b"\x16\xfe\xfd"]
    assert line.pass_on([*not_rtp, *rtcp, *short]) == [*not_rtp, *rtcp, *short]
    # Types like those of RTCP are never dropped, whichever their first bit.
    assert len(line.pass_on([rtp(kind, 1) for kind in range(128)])) == 32


@linux
def test_a_filter_can_be_replaced_and_taken_away(line: Line) -> None:
    both = [rtp(96, 1), rtp(97, 1)]
    descriptors = descriptors_open()
    attach(line.near.fileno(), {})  # there is none
    attach(line.near.fileno(), {Dropped(96): 63})
    assert line.pass_on(both) == both[1:]
    attach(line.near.fileno(), {Dropped(97): 63})
    assert line.pass_on(both) == both[:1]
    attach(line.near.fileno(), {})
    assert line.pass_on(both) == both
    attach(line.near.fileno(), {Dropped(97): 63})
    probe(line.near.fileno())
    assert line.pass_on(both) == both
    assert descriptors_open() == descriptors


@linux
def test_what_is_no_socket_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        descriptor = closed.fileno()
    with pytest.raises(KernelFilterError, match="refuses"):
        attach(descriptor, {Dropped(96): 63})
    with (tmp_path / "file").open("wb") as file:
        descriptors = descriptors_open()
        with pytest.raises(KernelFilterError, match="refuses"):
            attach(file.fileno(), {Dropped(96): 63})
        assert descriptors_open() == descriptors


def test_other_platforms_have_no_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel.sys, "platform", "darwin")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, pytest.raises(KernelFilterError, match="only Linux"):
        attach(one.fileno(), {Dropped(96): 63})


def with_level(level: int | None, *others: tuple[int, bytes], sequence: int = 1) -> bytes:
    """A packet with header extensions, the audio level (id 2) as the last of them."""
    told = [*others, *([(2, bytes([level]))] if level is not None else [])]
    extensions = b"".join(bytes([number << 4 | len(data) - 1]) + data for number, data in told)
    extensions += bytes(-len(extensions) % 4)
    header = rtp(96, sequence, first=0x90)[:12]
    return header + struct.pack("!HH", 0xBEDE, len(extensions) // 4) + extensions + b"secret"


@linux
def test_what_says_that_it_is_quiet_is_dropped_and_what_says_nothing_passes(line: Line) -> None:
    attach(line.near.fileno(), {Dropped(96, level_id=2, quieter=75): 15})
    before = [(1, b"0"), (3, b"abc"), (4, b"xy")]
    for count in range(len(before) + 1):
        others = before[:count]
        for level in range(256):
            passes = (level & 0x7F) < 75
            data = with_level(level, *others)
            assert line.pass_on([data]) == ([data] if passes else []), (count, level)
    silent = with_level(127, sequence=16)
    passing = [
        silent,  # one in sixteen
        with_level(None, (1, b"0")),
        with_level(127, *before, (5, b"z")),  # too far behind for a program without loops
        rtp(96, 1),
        rtp(97, 1),
        with_level(127)[:1].replace(b"\x90", b"\x91") + with_level(127)[1:],  # a contributing source
        with_level(127).replace(b"\xbe\xde", b"\x10\x00"),
    ]
    assert line.pass_on(passing) == passing
