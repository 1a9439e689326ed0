"""A guess at what a mistyped word was meant to be."""

from __future__ import annotations

from collections.abc import Iterable

LIKENESS = 0.6
LONGEST = 64


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """Find the candidate that ``word`` is most likely a slip for.

    A part of a candidate counts too (``fsp`` is near ``burst_fps``); of equally near ones the first wins.

    Args:
        word: What was written.
        candidates: What could have been meant.
    """
    # Only a mistake needs difflib: a correct file must not pay for its import.
    from difflib import SequenceMatcher

    def likeness(candidate: str) -> float:
        ratios = [SequenceMatcher(None, wanted, candidate).ratio()]
        if "_" in candidate:
            ratios += [0.95 * SequenceMatcher(None, wanted, part).ratio() for part in candidate.split("_")]
        return max(ratios)

    wanted = _plain(word[:LONGEST])
    best, guess = max(
        ((likeness(_plain(name)), name) for name in candidates), key=lambda pair: pair[0], default=(0, "")
    )
    return guess if best >= LIKENESS else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """The guess as the end of a sentence: ``; did you mean 'x'?``, or nothing."""
    guess = closest(word, candidates)
    return f"; did you mean '{guess}'?" if guess else ""


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")
