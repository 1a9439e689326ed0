"""The detector that is several."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from loguru import logger

from deepguard.contracts import Detector, DetectorEvent
from deepguard.detectors.several.health import MemberHealth, merge_health
from deepguard.detectors.several.samples import SharedSamples
from deepguard.errors import DetectorError
from deepguard.model import (
    Call,
    DetectorHealth,
    HealthState,
    Judgement,
    Sample,
    SampleEnded,
    SampleOutcome,
    Verdict,
)

OPEN_SECONDS = 5.0
"""How long a member may take to open before it counts as gone."""

PATIENCE_SECONDS = 1.0
"""How long ``open`` waits for members that are slow to open; after that the others begin without them."""

CLOSE_SECONDS = 4.0
"""How long a member may take to close, whatever its own limits are: less than the guard gives all of them together."""

CANCEL_SECONDS = 0.5
FORGOTTEN_SECONDS = 30.0
ENDED = "the call ended before an answer"

_JUDGED = frozenset({Judgement.CLEAR, Judgement.SUSPICIOUS, Judgement.ALERT})


@dataclass(slots=True, eq=False)
class _Member:
    """One of them.

    Attributes:
        name: What its verdicts carry.
        detector: Itself.
        health: What it last said of its health; why it is gone, once it is.
        gone: Whether it will not work again in this call.
        complained: Whether it was logged that what it says cannot be used.
        opening: Its ``open``.
        reading: Reads its events until they end.
    """

    name: str
    detector: Detector
    health: DetectorHealth
    gone: bool = False
    complained: bool = False
    opening: asyncio.Task[None] | None = None
    reading: asyncio.Task[None] | None = None


class SeveralDetector(Detector):
    """Hands each sample to all members that want its format, and passes on what they say.

    A verdict passes at once and carries its member's name. A sample ends when all that had it have ended it. A member
    that cannot be opened, fails or ends leaves the others at work: what it had expires, and it gets nothing any more.
    What a member that does not assess deepfakes says is measured, not judged: such a verdict is never more than
    ``unknown``.

    Attributes:
        needed: How many members that assess deepfakes must be up, and must cover a track for it to be covered.
    """

    name: ClassVar[str] = "several"

    def __init__(
        self, members: Mapping[str, Detector], *, needed: int = 1, forgotten_after: float = FORGOTTEN_SECONDS
    ) -> None:
        """Prepare; nothing is opened before ``open``.

        Args:
            members: The detectors by the names that their verdicts are to carry; at least one.
            needed: At least 1. When none of them assesses deepfakes, those that do not count.
            forgotten_after: Seconds after which a sample that a member never ended counts as expired there.

        Raises:
            ValueError: There are no members, or ``needed`` is below 1.
        """
        super().__init__()
        if not members or needed < 1:
            raise ValueError("several detectors are at least one, and at least one is needed")
        self._members = [_Member(name, detector, detector.health) for name, detector in members.items()]
        detectors = list(members.values())
        # A class of detectors has one name; these are named by their members.
        self.name = " + ".join(members)  # pyright: ignore[reportAttributeAccessIssue]
        self.label = " + ".join(map(_label, self._members))  # pyright: ignore[reportAttributeAccessIssue]
        self.assesses_deepfakes = any(each.assesses_deepfakes for each in detectors)
        self.simulated = any(each.simulated for each in detectors)
        self.local = all(each.local for each in detectors)
        self.formats = frozenset().union(*(each.formats for each in detectors))
        self.needed = needed
        self._samples = SharedSamples()
        self._forgotten_after = forgotten_after
        self._timer: asyncio.TimerHandle | None = None
        self._serving = False
        self._closer: asyncio.Task[None] | None = None

    @property
    def scripted(self) -> tuple[str, ...]:
        """The names of those whose verdicts are simulated, where not all are."""
        names = tuple(each.name for each in self._members if each.detector.simulated)
        return names if len(names) < len(self._members) else ()

    @property
    def out(self) -> frozenset[str]:
        """The names of those that do not watch now: what they said before says nothing of what is seen now."""
        blind = (HealthState.DOWN, HealthState.REFUSED)
        return frozenset(each.name for each in self._members if each.health.state in blind)

    async def open(self, call: Call) -> None:
        """Open all members at once; those that are slow go on in the background.

        Raises:
            DetectorError: It was opened before; each call has detectors of its own.
        """
        if self._serving or self._closer is not None:
            raise DetectorError("these detectors serve one call and cannot be opened again")
        self._serving = True
        opening: list[asyncio.Task[None]] = []
        for member in self._members:
            member.reading = asyncio.create_task(self._read(member), name=f"deepguard-{member.name}-{call.id}")
            member.reading.add_done_callback(partial(self._on_read_to_the_end, member))
            member.opening = asyncio.create_task(self._open(member, call), name=f"deepguard-open-{member.name}")
            opening.append(member.opening)
        await asyncio.wait(opening, timeout=PATIENCE_SECONDS)
        self._review()

    def submit(self, sample: Sample) -> None:
        """Hand a sample to all that want it; where nobody does, or outside of ``open`` and ``close``, it is dropped."""
        takers = [each for each in self._members if not each.gone and sample.format in each.detector.formats]
        if not self._serving or not takers:
            reason = "no detector that works takes it" if self._serving else "the detectors are not open"
            self.emit(SampleEnded(sample.id, SampleOutcome.DROPPED, reason))
            return
        # For all before the first gets it: one may end it before the next has it.
        self._samples.begin(sample.id, [each.name for each in takers], time.monotonic())
        for member in takers:
            try:
                member.detector.submit(sample)
            except Exception as error:  # noqa: BLE001 - a plugin's detector may raise anything; the others go on
                logger.opt(exception=True).error("The detector {} failed on a sample", member.name)
                self._take(member, SampleEnded(sample.id, SampleOutcome.DROPPED, f"failed ({type(error).__name__})"))
        self._schedule()

    async def close(self) -> None:
        """Close all members at once, wait for what they still say, and end every sample. Safe twice."""
        if self._closer is None:
            self._closer = asyncio.create_task(self._close(), name="deepguard-close-detectors")
        # Whoever stops waiting for the end does not stop the end.
        await asyncio.shield(self._closer)

    async def _open(self, member: _Member, call: Call) -> None:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await member.detector.open(call)
        except TimeoutError:
            self._lose(member, f"did not open within {OPEN_SECONDS:g} s")
        except DetectorError as error:
            self._lose(member, str(error))
        except Exception as error:  # noqa: BLE001 - a plugin's detector may raise anything; the others go on
            logger.opt(exception=True).error("The detector {} could not be opened", member.name)
            self._lose(member, f"could not be opened ({type(error).__name__})")

    async def _read(self, member: _Member) -> None:
        async for event in member.detector.events():
            try:
                self._take(member, event)
            except Exception:  # noqa: BLE001 - what a plugin's detector says may be anything; the next may be sound
                if not member.complained:
                    logger.opt(exception=True).error("What the detector {} says cannot be used", member.name)
                member.complained = True

    def _take(self, member: _Member, event: DetectorEvent) -> None:
        match event:
            case Verdict():
                measured = event.judgement in _JUDGED and not member.detector.assesses_deepfakes
                judgement = Judgement.UNKNOWN if measured else event.judgement
                self.emit(replace(event, detector=member.name, judgement=judgement))
            case SampleEnded():
                if ended := self._samples.end(member.name, event):
                    self.emit(ended)
            case DetectorHealth():
                if not member.gone:
                    self._note_health(member, event)

    def _note_health(self, member: _Member, health: DetectorHealth) -> None:
        if health.state is not member.health.state:
            log = logger.info if health.state is HealthState.UP else logger.warning
            log("Of several detectors, {} is {}{}", member.name, health.state, health.detail and f": {health.detail}")
        member.health = health
        self._review()

    def _lose(self, member: _Member, reason: str) -> None:
        """Go on without a member; the first reason is the one that is told."""
        if member.gone or self._closer is not None:
            return
        self._note_health(member, DetectorHealth(HealthState.DOWN, reason))
        member.gone = True
        self._review()
        self._emit_all(self._samples.leave(member.name, reason))

    def _on_read_to_the_end(self, member: _Member, reading: asyncio.Task[None]) -> None:
        error = None if reading.cancelled() else reading.exception()
        if error is not None:
            logger.opt(exception=error).error("The detector {} failed", member.name)
        self._lose(member, f"failed ({type(error).__name__})" if error else "ended before the call")

    def _review(self) -> None:
        if self._closer is not None:
            return
        # Where none of them assesses deepfakes, the guard shows all as not assessed; they are no less up for it.
        every = not self.assesses_deepfakes
        members = [
            MemberHealth(each.name, each.health, every or each.detector.assesses_deepfakes, each.gone)
            for each in self._members
        ]
        self.emit(merge_health(members, self.needed))

    def _emit_all(self, ends: Iterable[SampleEnded]) -> None:
        for ended in ends:
            self.emit(ended)

    def _schedule(self) -> None:
        oldest = self._samples.oldest
        if self._timer is None and oldest is not None:
            wait = max(0.0, oldest + self._forgotten_after - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._expire_forgotten)

    def _expire_forgotten(self) -> None:
        # Detectors end their samples themselves; this bounds what one that forgets can leave open.
        self._timer = None
        moment = time.monotonic() - self._forgotten_after
        self._emit_all(self._samples.expire_before(moment, f"no answer within {self._forgotten_after:g} s"))
        self._schedule()

    async def _close(self) -> None:
        self._serving = False
        # What one of them raises, a cancellation too, must not keep the others open.
        await asyncio.gather(*map(self._close_member, self._members), return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        self._emit_all(self._samples.expire_before(float("inf"), ENDED))
        self.finish()

    async def _close_member(self, member: _Member) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await _end(member.opening)
                await member.detector.close()
                if member.reading is not None:
                    await asyncio.wait([member.reading])
        except TimeoutError:
            logger.warning("The detector {} did not close in {} s", member.name, CLOSE_SECONDS)
        except Exception:  # noqa: BLE001 - a plugin's detector may raise anything; the call must still end
            logger.opt(exception=True).error("The detector {} failed to close", member.name)
        finally:
            await _end(member.reading)


def _label(member: _Member) -> str:
    """Its label; of one that was given a name, that."""
    named = member.name != type(member.detector).name
    return member.name if named else member.detector.label or member.name


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_SECONDS)


__all__ = ["CLOSE_SECONDS", "FORGOTTEN_SECONDS", "OPEN_SECONDS", "PATIENCE_SECONDS", "SeveralDetector"]
