"""Which plugins are installed: the entry points of group ``deepguard``, found without importing any."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import Distribution, EntryPoint

GROUP = "deepguard"


def find_entry_points(installed: Iterable[Distribution]) -> dict[str, list[EntryPoint]]:
    """Gather the group's entry points by name; a damaged distribution is passed over.

    Args:
        installed: The distributions to look at, in the order of ``sys.path``.

    Returns:
        Usually one entry point a name, more when several distributions offer the same name.
    """
    found: dict[str, list[EntryPoint]] = {}
    seen: set[str] = set()
    for distribution in installed:
        try:
            # Cheap first: most distributions have none, and parsing their metadata is what takes time.
            if f"[{GROUP}]" not in (distribution.read_text("entry_points.txt") or ""):
                continue
            own = [entry for entry in distribution.entry_points if entry.group == GROUP]
            key = distribution.name.lower().replace("-", "_").replace(".", "_")
        except Exception:  # noqa: BLE001, S112 - half-removed packages fail in many ways, and none is ours to mend
            continue
        # The first of one name on sys.path is the one that gets imported.
        if key not in seen:
            seen.add(key)
            for entry in own:
                found.setdefault(entry.name, []).append(entry)
    return found


def distribution_of(entry: EntryPoint) -> tuple[str, str]:
    """Name and version of the package that brought an entry point."""
    return (entry.dist.name, entry.dist.version) if entry.dist else ("", "")


__all__ = ["GROUP", "distribution_of", "find_entry_points"]
