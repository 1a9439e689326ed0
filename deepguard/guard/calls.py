"""A call's beginning: its id, and what whoever started it said about it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping

from deepguard.model import Call
from deepguard.text import one_line

MAX_TEXT = 120
MAX_ENTRIES = 20


def new_call(call_id: str | None = None, metadata: Mapping[str, object] | None = None) -> Call:
    """A call that begins now.

    Args:
        call_id: Its session id; a new one when None.
        metadata: What whoever started it said about it: only short texts are kept.
    """
    return Call(call_id or uuid.uuid4().hex, time.time(), short_texts(metadata or {}))


def short_texts(metadata: Mapping[str, object]) -> dict[str, str]:
    """What is kept of metadata from outside: a few texts, each on one short line."""
    texts = {key: value for key, value in metadata.items() if isinstance(value, str)}
    return {one_line(key, MAX_TEXT): one_line(value, MAX_TEXT) for key, value in list(texts.items())[:MAX_ENTRIES]}


def participant_of(call: Call) -> str:
    """Who is watched: what the call's ``participant_id`` says, or ``caller``."""
    return call.metadata.get("participant_id") or "caller"
