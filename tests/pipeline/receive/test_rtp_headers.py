"""What is read of RTP packets: of any bytes at all, and of packets as they are."""

from __future__ import annotations

import struct

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpReceiveParameters
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from deepguard.pipeline.receive.rtp import AUDIO_LEVEL, audio_level, header_of, is_rtp

ids = st.integers(1, 14)
levels = st.integers(0, 127)
others = st.lists(st.tuples(st.integers(1, 14), st.binary(min_size=1, max_size=16)), max_size=5)


def packet(csrcs: int, profile: int, extensions: bytes, payload: bytes = b"sound") -> bytes:
    """An RTP packet with header extensions, padded to words as they have to be."""
    extensions += bytes(-len(extensions) % 4)
    head = struct.pack("!BBHII", 0x90 | csrcs, 111, 7, 960, 0xABCDEF)
    return head + bytes(4 * csrcs) + struct.pack("!HH", profile, len(extensions) // 4) + extensions + payload


def one_byte(elements: list[tuple[int, bytes]], between: bytes = b"") -> bytes:
    return between.join(bytes([found << 4 | len(data) - 1]) + data for found, data in elements)


def two_bytes(elements: list[tuple[int, bytes]], between: bytes = b"") -> bytes:
    return between.join(bytes([found, len(data)]) + data for found, data in elements)


@given(st.binary(max_size=200), st.integers(0, 255))
def test_any_bytes_may_come(data: bytes, wanted: int) -> None:
    if is_rtp(data):
        assert 0 <= header_of(data).kind < 128
        assert 0 <= header_of(data).sequence < 2**16
        assert 0 <= header_of(data).ssrc < 2**32
        assert audio_level(data, wanted) in [None, *range(128)]


@given(st.integers(0, 15), st.binary(max_size=60), st.sampled_from([0xBEDE, 0x1000, 0x100F]), ids)
def test_any_extensions_may_come(csrcs: int, extensions: bytes, profile: int, wanted: int) -> None:
    data = packet(csrcs, profile, extensions)
    for cut in range(12, len(data)):
        assert audio_level(data[:cut], wanted) in [None, *range(128)]


@given(
    st.integers(0, 15), ids, levels, st.booleans(), others, others, st.integers(0, 3), st.sampled_from([0, 1]),
)  # fmt: skip
def test_the_level_is_found_wherever_it_is(
    csrcs: int,
    wanted: int,
    level: int,
    voice: bool,
    before: list[tuple[int, bytes]],
    after: list[tuple[int, bytes]],
    padding: int,
    size: int,
) -> None:
    elements = [
        *((found, data) for found, data in before if found != wanted),
        (wanted, bytes([voice << 7 | level])),
        *after,
    ]
    write, profile = (one_byte, 0xBEDE) if size == 0 else (two_bytes, 0x1003)
    assert audio_level(packet(csrcs, profile, write(elements, bytes(padding))), wanted) == level


@given(ids, levels, st.integers(0, 3), st.binary(min_size=1, max_size=60))
def test_it_is_what_aiortc_writes(wanted: int, level: int, csrcs: int, payload: bytes) -> None:
    known = HeaderExtensionsMap()
    known.configure(
        RTCRtpReceiveParameters(headerExtensions=[RTCRtpHeaderExtensionParameters(id=wanted, uri=AUDIO_LEVEL)])
    )
    sent = RtpPacket(payload_type=111, sequence_number=65_535, timestamp=1, ssrc=2**32 - 1, payload=payload)
    sent.csrc = list(range(csrcs))
    sent.extensions = HeaderExtensions(audio_level=(True, level))
    data = sent.serialize(known)
    assert is_rtp(data)
    assert header_of(data) == (111, 65_535, 2**32 - 1)
    assert audio_level(data, wanted) == level
    assert audio_level(data, wanted % 14 + 1) is None


@pytest.mark.parametrize(
    "data",
    [
        packet(0, 0xBEDE, one_byte([(2, b"ab")])),
        packet(0, 0xBEDE, b"\xf0" + one_byte([(1, b"\x05")])),  # 15 ends all reading
        packet(0, 0x1000, bytes([1, 0])),  # there, but empty
        packet(0, 0xABCD, one_byte([(1, b"\x05")])),  # another kind of extensions
        struct.pack("!BBHII", 0x80, 111, 7, 960, 1) + one_byte([(1, b"\x05")]),  # none at all: this is the payload
    ],
)
def test_where_it_is_not_said_it_is_not_found(data: bytes) -> None:
    assert audio_level(data, 1) is None


@given(st.binary(min_size=12, max_size=40))
def test_stun_dtls_and_rtcp_are_no_rtp(data: bytes) -> None:
    assert not is_rtp(bytes([data[0] % 128]) + data[1:])
    assert not is_rtp(bytes([192 + data[0] % 64]) + data[1:])
    assert not is_rtp(bytes([128 + data[0] % 64, 192 + data[1] % 32]) + data[2:])
    assert not is_rtp(data[:11])
