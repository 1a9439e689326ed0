"""How the store is, as probes and the page are told."""

from __future__ import annotations

from typing import Any

from deepguard.net import is_loopback
from deepguard.runtime import Runtime

ELSEWHERE = "The store cannot be used; the server's log says why."


def store_dict(runtime: Runtime) -> dict[str, Any]:
    """Whether the store can be used, and what waits for it.

    Args:
        runtime: What all calls share.
    """
    store = runtime.dispatcher.store_health
    # The words name hosts and folders, which are nobody's business on the network.
    detail = store.detail if store.ok or is_loopback(runtime.config.server.host) else ELSEWHERE
    return {"ok": store.ok, "detail": detail, "waiting": store.waiting}


__all__ = ["store_dict"]
