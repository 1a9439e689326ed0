"""From the configuration to a detector."""

from __future__ import annotations

from collections.abc import Mapping

from deepguard.config.models import DetectorEntry, DetectorList
from deepguard.contracts import Detector, DetectorType
from deepguard.detectors.several.detector import FORGOTTEN_SECONDS, SeveralDetector


def build_detector(
    entry: DetectorEntry,
    types: Mapping[str, DetectorType],
    *,
    needed: int = 1,
    forgotten_after: float = FORGOTTEN_SECONDS,
) -> Detector:
    """Build what judges one call.

    Args:
        entry: What the configuration says.
        types: The kinds that loaded plugins offer, by name; has those that ``entry`` names.
        needed: Of several: how many must be up, and must cover a track.
        forgotten_after: Of several: seconds after which a sample that one of them never ended counts as expired there.
    """
    if not isinstance(entry.options, DetectorList):
        return types[entry.type].factory(entry.options)
    members = {each.title: types[each.type].factory(each.options) for each in entry.options.members}
    return SeveralDetector(members, needed=needed, forgotten_after=forgotten_after)


__all__ = ["build_detector"]
