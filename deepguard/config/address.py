"""The guard's own address, as people outside reach it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, WithJsonSchema

_WORDS = "must be the address of this server as people reach it, for example https://guard.example"


def _public_url(value: object) -> str:
    if value == "":
        return ""
    if not isinstance(value, str) or len(value) > 500 or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(_WORDS)
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(_WORDS) from None
    if parts.scheme not in ("http", "https") or not has_host:
        raise ValueError(_WORDS)
    if parts.username is not None or any(mark in value for mark in "?#"):
        raise ValueError(f"{_WORDS}: without user, password, question mark and number sign")
    return value.rstrip("/")


PublicUrl = Annotated[
    str, BeforeValidator(_public_url), WithJsonSchema({"type": "string", "pattern": "^(https?://[^\\s?#@]+)?$"})
]
"""``http://`` or ``https://`` with a host and perhaps a path, without a slash at its end; empty for none."""


__all__ = ["PublicUrl"]
