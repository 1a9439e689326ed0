"""Text that came from outside, made safe to show on one line."""

from __future__ import annotations

LIMIT = 200


def one_line(text: str, limit: int = LIMIT) -> str:
    """Put untrusted text on one line.

    Whatever does not print (line breaks, escape sequences, characters that reverse the direction of writing) becomes a
    space, and runs of spaces become one.

    Args:
        text: A name or a message from outside.
        limit: Most characters of the answer; what is longer ends in an ellipsis.
    """
    # Cut before the work as well: the peer chooses the length.
    cut = text[: 4 * limit]
    line = " ".join("".join(char if char.isprintable() else " " for char in cut).split())
    if len(line) > limit or len(cut) < len(text):
        return line[: limit - 1].rstrip() + "…"
    return line


__all__ = ["LIMIT", "one_line"]
