"""Callers who show the lively picture: aiortc in this process, and Chromium."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.codecs import h264, vpx
from playwright.async_api import Page, async_playwright

from bench.lively import LivelyTrack, Planes

Answer: TypeAlias = Callable[[str], Awaitable[str]]
"""Answers an offer; both as SDP."""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)

_PAGE = "http://localhost/"
"""Never asked for: cameras are for secure pages only, and this one counts as such."""

_OFFER = """async ({codec}) => {
  window.calls ??= [];
  window.stream ??= await navigator.mediaDevices.getUserMedia({video: {width: 1280, height: 720, frameRate: 30}});
  const pc = new RTCPeerConnection();
  calls.push(pc);
  pc.addTransceiver("audio", {direction: "sendonly"});
  const camera = pc.addTransceiver(stream.getVideoTracks()[0], {direction: "sendonly", streams: [stream]});
  const codecs = RTCRtpSender.getCapabilities("video").codecs;
  const chosen = name => codecs.filter(each => each.mimeType === "video/" + name);
  camera.setCodecPreferences([...chosen(codec), ...chosen("rtx")]);
  await pc.setLocalDescription(await pc.createOffer());
  if (pc.iceGatheringState !== "complete")
    await new Promise(done => pc.addEventListener("icegatheringstatechange",
      () => pc.iceGatheringState === "complete" && done()));
  return pc.localDescription.sdp;
}"""

_CONNECT = """async ({sdp, bits, whole, atOnce}) => {
  const pc = calls.at(-1);
  if (atOnce)
    sdp = sdp.replace(/a=rtpmap:(\\d+) (?:VP8|H264)\\/.*/g, `$&\\r\\na=fmtp:$1 x-google-start-bitrate=${bits / 1000}`);
  await pc.setRemoteDescription({type: "answer", sdp});
  const sender = pc.getSenders()[1], parameters = sender.getParameters();
  if (bits) parameters.encodings[0].maxBitrate = bits;
  if (whole) parameters.degradationPreference = "maintain-resolution";
  await sender.setParameters(parameters);
}"""

_STATISTICS = """async number => [...(await calls[number].getStats()).values()]
  .filter(each => ["outbound-rtp", "remote-inbound-rtp"].includes(each.type) ||
    each.type === "candidate-pair" && each.nominated)"""


class Chromium:
    """One page with a camera, which opens calls."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def call(
        self, answer: Answer, codec: str, bits: int | None = None, *, whole: bool = False, at_once: bool = False
    ) -> None:
        """Open one more call.

        Args:
            answer: Whom to call.
            codec: VP8 or H264.
            bits: Bits a second that it may send at most; None: what Chromium finds right.
            whole: Whether pictures keep their size, however few bits or little time there is.
            at_once: Whether it sends so many bits from the first second on. Otherwise it begins with 0.3 Mbit/s, unless
                it is told that it may send more, which a call that is decoded as a whole does not tell.
        """
        offer = await self._page.evaluate(_OFFER, {"codec": codec})
        how = {"sdp": await answer(offer), "bits": bits, "whole": whole, "atOnce": at_once}
        await self._page.evaluate(_CONNECT, how)

    async def statistics(self, number: int = 0) -> dict[str, dict[str, Any]]:
        """What a call's ``getStats`` says, by type.

        Args:
            number: Of the call, in the order in which they were opened.
        """
        found = await self._page.evaluate(_STATISTICS, number)
        return {each["type"]: each for each in found if each.get("kind", "video") == "video"}


@contextlib.asynccontextmanager
async def chromium(picture: Path) -> AsyncIterator[Chromium]:
    """Chromium with a camera.

    Args:
        picture: What the camera shows over and over: a ``.y4m`` file.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*FLAGS, f"--use-file-for-fake-video-capture={picture}"]
        )
        try:
            page = await browser.new_page()
            await page.route(_PAGE, lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
            await page.goto(_PAGE)
            yield Chromium(page)
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def aiortc_calls(
    answers: Sequence[Answer], frames: list[Planes], codec: str, bits: int | None = None, every: int = 1
) -> AsyncIterator[None]:
    """Calls of an aiortc sender, each with a camera of its own that shows the same.

    Args:
        answers: Whom to call.
        frames: What the camera shows, over and over.
        codec: VP8 or H264.
        bits: Bits a second; None: what aiortc finds right.
        every: Only one frame in so many is shown.
    """
    pcs = [RTCPeerConnection() for _ in answers]
    with _bit_rate(bits):
        try:
            for pc, answer in zip(pcs, answers, strict=True):
                pc.addTransceiver("audio", direction="sendonly")
                camera = pc.addTransceiver(LivelyTrack(frames, every), direction="sendonly")
                codecs = RTCRtpSender.getCapabilities("video").codecs
                camera.setCodecPreferences([each for each in codecs if each.mimeType == f"video/{codec}"])
                await pc.setLocalDescription(await pc.createOffer())
                answered = await answer(pc.localDescription.sdp)
                await pc.setRemoteDescription(RTCSessionDescription(answered, "answer"))
            yield
        finally:
            for pc in pcs:
                await pc.close()


@contextlib.contextmanager
def _bit_rate(bits: int | None) -> Iterator[None]:
    """Have aiortc's encoders keep to a bit rate: it has no parameter for that."""
    names = ("DEFAULT_BITRATE", "MIN_BITRATE", "MAX_BITRATE")
    before = [(module, name, getattr(module, name)) for module in (vpx, h264) for name in names]
    try:
        if bits is not None:
            for module, name, _ in before:
                setattr(module, name, bits)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


__all__ = ["Answer", "Chromium", "aiortc_calls", "chromium"]
