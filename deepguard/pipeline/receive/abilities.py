"""Whether aiortc and aioice are as the receive path knows them, inside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Abilities:
    """What of the private parts is there.

    Attributes:
        missing_receiver: What a receiver lacks; nothing when encoded frames can be taken from it.
        missing_datagrams: What an ICE connection lacks; nothing when datagrams can be seen before they are decrypted.
    """

    missing_receiver: tuple[str, ...] = ()
    missing_datagrams: tuple[str, ...] = ()


@cache
def abilities() -> Abilities:
    """Look once; nothing else of the receive path that knows private names is imported before. Needs a running loop."""
    try:
        from deepguard.pipeline.receive import encoded, internals  # noqa: F401 - all of it must be there
    except ImportError as error:
        return Abilities(missing_receiver=(str(error),))
    return internals.look()


__all__ = ["Abilities", "abilities"]
