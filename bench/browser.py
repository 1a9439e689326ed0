"""`python -m bench browser`: what bench `quality` measures, with Chromium as the sender."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from loguru import logger
from rich.console import Console

from bench.lively import lively_picture, write_y4m
from bench.quality import BIT_RATES, CODECS, WARM_UP_SECONDS, compare, name_of, rows_of
from bench.results import table
from bench.senders import Answer, chromium

RATES = (0.2, 1.0)


def browser(
    codec: Annotated[list[str] | None, typer.Option(help="VP8 or H264. Default: both.")] = None,
    bits: Annotated[list[int] | None, typer.Option(help="Bits a second that it may send. Default: three.")] = None,
    fps: Annotated[list[float] | None, typer.Option(help="Samples a second. Default: two.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="How many, of each call.")] = 6,
) -> None:
    """Hold samples of a gated call against those of one that is decoded as a whole: one page, one camera."""
    logger.remove()
    frames = lively_picture()
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "picture.y4m")
        write_y4m(frames, picture)
        for chosen in codec or CODECS:
            for rate in bits or BIT_RATES:
                for often in fps or RATES:

                    @asynccontextmanager
                    async def calls(
                        answers: Sequence[Answer], codec: str = chosen, bits: int = rate
                    ) -> AsyncIterator[None]:
                        async with chromium(picture) as page:
                            for answer in answers:
                                await page.call(answer, codec, bits, whole=True)
                            yield

                    found = asyncio.run(compare(calls, frames, often, samples, WARM_UP_SECONDS))
                    name = f"Chromium {chosen}, {name_of(rate, often)}"
                    if found.fell_back:
                        name += " (all decoded: too often for keyframes)"
                    Console(width=150).print(table(name, rows_of(name, found)))


__all__ = ["browser"]
