"""The check at the end of each line of an export, by which the first line that was changed can be named.

Its first half is computed from the line, its second half from the check of the line before and the line. It finds
damage and slips of the hand. It is no signature: whoever wants to can compute it anew.
"""

from __future__ import annotations

import re
from hashlib import sha256

_HALF = 8
_CHECKED = re.compile(rb'(\{.*),"check":"([0-9a-f]{16})"\}\n', re.DOTALL)


class Chain:
    """The checks of lines that follow each other."""

    def __init__(self) -> None:
        """Begin with the first line."""
        self._before = b""

    def line(self, content: bytes) -> bytes:
        """A line with its check.

        Args:
            content: A JSON object with one field at least.

        Returns:
            The same with the field ``check`` at its end, and a line break.
        """
        self._before = self._check(content)
        return b'%s,"check":"%s"}\n' % (content[:-1], self._before)

    def content(self, line: bytes) -> bytes:
        """Check a line.

        Args:
            line: With its line break.

        Returns:
            It without its check.

        Raises:
            ValueError: It is not as it was written; says what may have happened.
        """
        if not line.endswith(b"\n"):
            raise ValueError("the file is cut off in this line")
        found = _CHECKED.fullmatch(line)
        if found is None:
            raise ValueError("this line was changed: it does not end in its check")
        content, check = found[1] + b"}", found[2]
        due = self._check(content)
        if check[:_HALF] != due[:_HALF]:
            raise ValueError("this line was changed: its check does not fit")
        if check != due:
            raise ValueError(
                "this line does not follow the one before: a line is missing, was added, or stands elsewhere"
            )
        self._before = check
        return content

    def _check(self, content: bytes) -> bytes:
        own = sha256(content).hexdigest()[:_HALF]
        return (own + sha256(self._before + content).hexdigest()[:_HALF]).encode()


__all__ = ["Chain"]
