"""Frames are put together of their packets, whatever the network made of their order."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from aiortc.codecs.vpx import vp8_depayload
from hypothesis import given
from hypothesis import strategies as st

from deepguard.pipeline.receive.assembling import MOST_PACKETS, FrameAssembler, Whole, starts_frame, vp8_data


class Sent(NamedTuple):
    sequence: int
    timestamp: int
    data: bytes
    starts: bool
    ends: bool


def sent(sizes: list[int], first: int = 65_530) -> tuple[list[Sent], list[Whole]]:
    """The packets of frames of so many packets each, and the frames."""
    packets: list[Sent] = []
    frames: list[Whole] = []
    for number, size in enumerate(sizes):
        timestamp = (2**32 - 3000 + 3000 * number) % 2**32
        begin = len(packets)
        packets += [
            Sent((first + begin + part) % 65_536, timestamp, bytes([number, part % 256]), part == 0, part == size - 1)
            for part in range(size)
        ]
        frames.append(Whole(b"".join(packet.data for packet in packets[begin:]), timestamp))
    return packets, frames


def put_together(packets: list[Sent]) -> list[Whole]:
    assembler = FrameAssembler()
    return [
        whole
        for packet in packets
        for whole in assembler.add(
            packet.sequence, packet.timestamp, packet.data, starts=packet.starts, ends=packet.ends
        )
    ]


SIZES = st.lists(st.integers(1, 6), min_size=2, max_size=12)


@given(SIZES, st.data())
def test_frames_come_whole_and_in_order_however_the_packets_do(sizes: list[int], data: st.DataObject) -> None:
    packets, frames = sent(sizes)
    # The first one tells where the stream begins; of the others each may be overtaken by some, or come twice.
    first, *others = packets
    late = data.draw(st.lists(st.integers(0, 5), min_size=len(others), max_size=len(others)))
    order = sorted(range(len(others)), key=lambda at: (at + late[at], at))
    twice = data.draw(st.sets(st.integers(0, len(others) - 1)))
    shuffled = [others[at] for at in order for _ in range(2 if at in twice else 1)]
    assert put_together([first, *shuffled]) == frames


@given(SIZES, st.data())
def test_after_a_lost_packet_nothing_comes_until_it_is_sent_again(sizes: list[int], data: st.DataObject) -> None:
    packets, frames = sent(sizes)
    at = data.draw(st.integers(1, len(packets) - 1))
    lost = packets.pop(at)
    before = put_together(packets)
    assert before == frames[: len(before)]
    assert all(lost.timestamp != whole.timestamp for whole in before)
    assert put_together([*packets, lost]) == frames


def test_a_stream_that_is_joined_in_the_middle_begins_with_the_next_frame() -> None:
    packets, frames = sent([4, 3, 2])
    assert put_together(packets[2:]) == frames[1:]
    # Not even the beginning of a frame is needed, if the end of the one before was seen.
    unmarked = [packet._replace(starts=False) for packet in packets[3:]]
    assert put_together(unmarked) == frames[1:]


def test_a_sender_without_marks_is_understood_by_its_timestamps() -> None:
    packets, frames = sent([3, 2, 2])
    assert put_together([packet._replace(ends=False) for packet in packets]) == frames[:-1]


def test_padding_belongs_to_no_frame() -> None:
    packets, frames = sent([2, 2])
    padding = Sent(packets[1].sequence + 1, packets[1].timestamp, b"", starts=False, ends=False)
    moved = [packet._replace(sequence=packet.sequence + 1) for packet in packets[2:]]
    assert put_together([*packets[:2], padding, *moved]) == frames


def test_too_many_packets_are_given_up() -> None:
    packets, _ = sent([MOST_PACKETS + 20, 2, 2], first=0)
    del packets[5]
    assert [whole.data for whole in put_together(packets)] == [b"\x01\x00\x01\x01", b"\x02\x00\x02\x01"]


@pytest.mark.parametrize(
    ("codec", "payload", "starts"),
    [
        ("VP8", b"\x10\x9d", True),
        ("VP8", b"\x90\x80\x01", True),
        ("VP8", b"\x11\x00", False),
        ("VP8", b"\x80\x80\x01", False),
        ("H264", b"\x67\x42", True),
        ("H264", b"\x78\x00\x04", True),
        ("H264", b"\x7c\x85", False),
        ("H264", b"\x61\x9a", False),
        ("AV1", b"\x10", False),
        ("VP8", b"", False),
    ],
)
def test_what_certainly_begins_a_frame(codec: str, payload: bytes, *, starts: bool) -> None:
    assert starts_frame(codec, payload) is starts


@given(st.one_of(st.binary(min_size=1, max_size=8), st.binary(max_size=8).map(lambda rest: b"\x90" + rest)))
def test_what_a_vp8_packet_carries_is_what_aiortc_finds_in_it(payload: bytes) -> None:
    try:
        expected = vp8_depayload(payload)
    except ValueError:
        expected = b""
    assert vp8_data(payload) == expected
