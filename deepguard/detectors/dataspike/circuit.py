"""What all clients of one account in this process know together: whether its key is refused, and until when to wait."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable


class Circuit:
    """Open when the service refuses the key: then nobody connects, but for one probe after a long while.

    Also holds everybody back while the service asks for it. Belongs to one thread. Times are monotonic seconds.
    """

    def __init__(self, probe_after: float) -> None:
        """Start closed: everybody may connect.

        Args:
            probe_after: Seconds from a refusal to the next attempt.
        """
        self._probe_after = probe_after
        self._refusal = ""
        self._probe_at = 0.0
        self._prober: object | None = None
        self._held_until = 0.0
        self._listeners: set[Callable[[], None]] = set()

    @property
    def refusal(self) -> str:
        """For people: why the circuit is open; empty while it is closed."""
        return self._refusal

    def listen(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called whenever waiting may have become pointless."""
        self._listeners.add(listener)

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` no more."""
        self._listeners.discard(listener)

    def admit(self, client: object, now: float) -> float:
        """Ask to connect.

        Whoever is admitted while the circuit is open is the probe, and must end with ``accepted``, ``refused`` or
        ``give_up``.

        Returns:
            0 to go ahead; else seconds to wait before asking again, or until a listener is called.
        """
        if now < self._held_until:
            return self._held_until - now
        if not self._refusal:
            return 0.0
        if self._prober is not None and self._prober is not client:
            return math.inf
        if now < self._probe_at:
            return self._probe_at - now
        self._prober = client
        return 0.0

    def accepted(self, client: object) -> None:
        """The service took the key of ``client``: the circuit closes when that was the probe.

        A connection made before the refusal proves nothing: a revoked key's may go on for long.
        """
        if self._prober is client:
            self._refusal = ""
            self._prober = None
            self._tell()

    def refused(self, detail: str, now: float) -> None:
        """The service refused the key.

        Args:
            detail: For people: what it said and what to do.
            now: Monotonic seconds.
        """
        self._refusal = detail
        self._probe_at = now + self._probe_after
        self._prober = None
        self._tell()

    def give_up(self, client: object, now: float) -> None:
        """``client`` stops trying without having learnt anything; the next probe waits as long as after a refusal."""
        if self._prober is client:
            self._prober = None
            self._probe_at = now + self._probe_after
            self._tell()

    def hold(self, seconds: float, now: float) -> None:
        """Keep everybody from connecting for a while: the service asked for it."""
        self._held_until = max(self._held_until, now + seconds)

    def forgettable(self, now: float) -> bool:
        """Whether a new circuit would behave the same."""
        return not self._listeners and now >= self._held_until and (not self._refusal or now >= self._probe_at)

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


_circuits: dict[str, Circuit] = {}


def circuit_for(url: str, api_key: str, probe_after: float, now: float) -> Circuit:
    """The circuit that all clients with this address and key share.

    Args:
        url: The service's address.
        api_key: The key; only a digest of it is kept.
        probe_after: Seconds from a refusal to the next attempt; the first client's counts.
        now: Monotonic seconds.
    """
    for name in [name for name, circuit in _circuits.items() if circuit.forgettable(now)]:
        del _circuits[name]
    digest = hashlib.sha256(f"{url}\n{api_key}".encode()).hexdigest()
    return _circuits.setdefault(digest, Circuit(probe_after))


__all__ = ["Circuit", "circuit_for"]
