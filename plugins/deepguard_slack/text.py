"""Words from outside, made safe and short enough for Slack."""

from __future__ import annotations

from typing import Any

NOTHING = "-"
"""Stands where Slack wants some text and there is none."""


def clean(text: str, limit: int) -> str:
    """Put text on one line of at most ``limit`` UTF-16 units, which is how Slack's limits are counted at worst.

    Whatever does not print (line breaks, control characters, characters that reverse the direction of writing, halves
    of surrogate pairs) becomes a space, and runs of spaces become one. What is longer ends in an ellipsis.
    """
    # Cut before the work as well: whoever joins a call chooses the length of their name.
    start = text[: 4 * limit]
    line = " ".join("".join(char if char.isprintable() else " " for char in start).split())
    if len(start) == len(text) and units(line) <= limit:
        return line
    room, kept = limit - 1, []
    for char in line:
        room -= units(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept).rstrip() + "…"


def units(text: str) -> int:
    """The length of text in UTF-16 units: an emoji counts for two."""
    return len(text) + sum(char > "\uffff" for char in text)


def escaped(text: str) -> str:
    """Escape what Slack gives a meaning in the text of a message, so that no name can ping or link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain(text: str) -> dict[str, Any]:
    """A text object in which Slack interprets nothing; ``text`` must be clean."""
    return {"type": "plain_text", "text": text or NOTHING, "emoji": False}
