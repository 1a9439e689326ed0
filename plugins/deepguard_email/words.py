"""Text from outside, made safe for a header or a line of a message."""

from __future__ import annotations

import hashlib
import re

from deepguard import one_line

_TOKEN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-]")
_LINK = re.compile(r"://|www\.", re.IGNORECASE)


def for_header(text: str, limit: int) -> str:
    """Like ``one_line``, and no part of it is taken for an encoded word, behind which other text could hide."""
    return one_line(text, limit).replace("=?", "= ?")


def for_body(text: str, limit: int) -> str:
    """Like ``one_line``, and mail programs make no link of an address in it: callers choose their own names."""
    return _LINK.sub(lambda found: found[0].replace(":", "[:]").replace(".", "[.]"), one_line(text, limit))


def token(identifier: str) -> str:
    """An id as it may stand in a message's address: itself where it can, else a digest of it."""
    if _TOKEN.fullmatch(identifier) and ".." not in identifier:
        return identifier
    return hashlib.sha256(identifier.encode(errors="surrogatepass")).hexdigest()[:32]
