"""What the receive path touches of aiortc and aioice, and what it does where that is not there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from deepguard.model import Source
from deepguard.pipeline.receive import internals, kernel
from deepguard.pipeline.receive.abilities import Abilities, abilities
from deepguard.pipeline.receive.counts import Fallback, ReceiveLevel
from support.receiving import receiving


@pytest.fixture(autouse=True)
def looked_anew() -> Iterator[None]:
    abilities.cache_clear()
    yield
    abilities.cache_clear()


async def test_the_installed_versions_are_those_that_are_known() -> None:
    """A new aiortc or aioice in which this fails has to be looked at: until then calls cost many times as much."""
    assert abilities() == Abilities()


ANOTHER_AIORTC = """
import asyncio
import {module}
del {module}.{name}
import deepguard.call
from deepguard.pipeline.receive.abilities import abilities

async def look():
    print(abilities().missing_receiver)

asyncio.run(look())
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("aiortc.rtcrtpreceiver", "NackGenerator"),
        ("aiortc.codecs", "depayload"),
        ("aioice.ice", "StunProtocol"),
    ],
)
def test_a_name_that_cannot_even_be_imported_is_missed(module: str, name: str) -> None:
    program = ANOTHER_AIORTC.format(module=module, name=name)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert name in done.stdout


@pytest.mark.parametrize("name", ["_QUEUE", "_JITTER_BUFFER", "_NACKS", "_ESTIMATOR", "_STATISTICS", "_OWN_SSRC"])
async def test_each_name_is_missed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internals, name, "_RTCRtpReceiver__renamed")
    assert abilities() == Abilities(missing_receiver=("_RTCRtpReceiver__renamed",))


async def test_without_the_receiver_s_names_everything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internals, "_QUEUE", "_RTCRtpReceiver__renamed")
    async with receiving() as scene:
        assert scene.path.level is ReceiveLevel.DECODED
        assert len(scene.logged("everything is decoded")) == 1
        assert scene.counts.fallbacks == {Fallback.INTERNALS: 2}
        await scene.samples(2)


async def test_without_the_socket_s_names_packets_are_dropped_after_they_are_decrypted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Renamed:
        pass

    monkeypatch.setattr(internals, "StunProtocol", Renamed)
    assert abilities() == Abilities(missing_datagrams=("aioice.StunProtocol.datagram_received",))
    async with receiving() as scene:
        assert scene.path.level is ReceiveLevel.PACKET
        assert len(scene.logged("all packets are decrypted")) == 1
        await scene.samples(2)
        assert scene.counts.packets_held[Source.CAMERA]


async def test_without_what_decrypts_packets_are_dropped_after_aiortc_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internals, "srtp", None)
    monkeypatch.setattr(internals, "ffi", None)
    assert abilities() == Abilities(missing_datagrams=("pylibsrtp._binding.lib.srtp_unprotect",))
    async with receiving() as scene:
        assert scene.path.level is ReceiveLevel.PACKET
        await scene.samples(2)
        assert scene.counts.packets_held[Source.CAMERA]


async def test_where_the_kernel_takes_no_filter_the_process_drops_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise kernel.KernelFilterError("not here")

    monkeypatch.setattr(kernel, "probe", refuse)
    async with receiving() as scene:
        assert scene.path.level is ReceiveLevel.DATAGRAM
        await scene.samples(2)
        assert scene.counts.packets_held[Source.CAMERA]


async def test_a_kernel_that_takes_no_filter_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise kernel.KernelFilterError("no more")

    async with receiving() as scene:
        assert scene.path.level is ReceiveLevel.KERNEL
        await scene.samples(1)
        monkeypatch.setattr(kernel, "attach", refuse)
        await scene.until(lambda: scene.path.level is ReceiveLevel.DATAGRAM)
        assert scene.counts.tracks == {ReceiveLevel.KERNEL: 0, ReceiveLevel.DATAGRAM: 2}
        assert len(scene.logged("after the kernel from now on")) == 1
        monkeypatch.undo()
        await scene.samples(1)
