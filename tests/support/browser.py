"""Chromium with a fake camera and microphone, for tests on the real page."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Page, async_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)
SENTENCE = "Good morning. I am calling about the transfer that we agreed on yesterday, and I would like to change it."


async def _run(*command: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()


async def make_voice(folder: Path) -> Path:
    """A sentence, spoken, with a pause after it: 48 kHz mono."""
    spoken, voice = folder / "spoken.wav", folder / "voice.wav"
    await _run("espeak-ng", "-w", spoken, SENTENCE)
    await _run("ffmpeg", "-y", "-i", spoken, "-af", "apad=pad_dur=1", "-ar", "48000", "-ac", "1", voice)
    return voice


async def make_picture(folder: Path) -> Path:
    """A few seconds of a moving test picture."""
    picture = folder / "picture.y4m"
    await _run(
        "ffmpeg", "-y", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=15:duration=4", "-pix_fmt", "yuv420p", picture
    )
    return picture


@functools.cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="deepguard-media-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


_made: list[Path] = []


async def _media() -> list[Path]:
    """The picture and the voice; made once in a process."""
    if not _made:
        _made[:] = await asyncio.gather(make_picture(_folder()), make_voice(_folder()))
    return _made


@contextlib.asynccontextmanager
async def page_of(
    url: str,
    *,
    allow: bool = True,
    server_ends: bool = False,
    dark: bool = False,
    width: int = 1280,
    height: int = 900,
) -> AsyncIterator[Page]:
    """A page in Chromium, opened at ``url``; what it prints to its console as an error fails the test.

    Args:
        url: What to open.
        allow: Whether camera and microphone are allowed.
        server_ends: Whether the server may be gone before the page is: browsers print each request that then fails.
        dark: Whether the system prefers dark colours.
        width: Of the window.
        height: Of the window.
    """
    picture, voice = await _media()
    media = (f"--use-file-for-fake-video-capture={picture}", f"--use-file-for-fake-audio-capture={voice}")
    ask = ("--use-fake-ui-for-media-stream",) if allow else ("--deny-permission-prompts",)
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*FLAGS, *media, *ask]
        )
        context = await browser.new_context(
            permissions=["camera", "microphone"] if allow else [],
            color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": height},
        )
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((url, "data:", "blob:")) else complaints.append(f"asked {request.url}")
            ),
        )
        await page.goto(url)
        try:
            yield page
        finally:
            await browser.close()
    if server_ends:
        complaints = [text for text in complaints if "net::ERR_" not in text]
    assert not complaints, complaints


__all__ = ["make_picture", "make_voice", "page_of"]
