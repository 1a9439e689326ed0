"""The list in a digest: everything that it stands for, each with its name, in as many sections as Slack wants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deepguard import Notification, NotificationKind, level_words
from deepguard_slack.text import NOTHING, clean, units

TOTAL = 9000
"""UTF-16 units of the whole list. Slack refuses a message whose blocks hold much more than 11,000 characters together
(``msg_blocks_too_long``), a limit that it does not document."""
SECTION = 2900
"""UTF-16 units of one section; Slack takes 3000."""
LONGEST_NAME = 60
SHORTEST_NAME = 12
LONGEST_ID = 40

_WORDS = {
    NotificationKind.OPENED: "opened",
    NotificationKind.UPDATED: "updated",
    NotificationKind.REPEATED: "repeated",
    NotificationKind.ACKNOWLEDGED: "acknowledged",
    NotificationKind.RESOLVED: "resolved",
    NotificationKind.COVERAGE_LOST: "coverage lost",
    NotificationKind.COVERAGE_REGAINED: "coverage regained",
    NotificationKind.TEST: "test",
    NotificationKind.DIGEST: "digest",
}


def digest_lines(items: Sequence[Notification]) -> list[str]:
    """Name every item, one a line: participant, what happened, level, incident (or, without one, the call).

    A hundred always fit; of many more than that, the last are counted instead of named.

    Returns:
        The texts of as many sections.
    """
    # The more there are, the shorter the lines: none may be lost for the sake of a long one.
    for brief in (False, True):
        facts = [_facts(item, brief=brief) for item in items]
        spare = (TOTAL - sum(units(fact) + 3 for fact in facts)) // max(1, len(items))
        if spare >= SHORTEST_NAME:
            break
    longest = min(LONGEST_NAME, max(SHORTEST_NAME, spare))
    lines, room = [], TOTAL
    for item, fact in zip(items, facts, strict=True):
        line = f"{clean(item.participant_id, longest) or NOTHING}: {fact}"
        room -= units(line) + 1
        if room < 0:
            lines.append(f"… and {len(items) - len(lines)} more; deepguard deliveries list names them")
            break
        lines.append(line)
    return list(_packed(lines))


def _facts(item: Notification, *, brief: bool) -> str:
    words = "simulated, " if item.simulated else ""
    words += _WORDS[item.kind]
    if item.source is not None and not brief:
        words += f" ({item.source})"
    where = item.incident.id if item.incident else item.call_id
    return f"{words}, {level_words(item)}, {clean(where, LONGEST_ID) or NOTHING}"


def _packed(lines: list[str]) -> Iterator[str]:
    text = ""
    for line in lines:
        if text and units(text) + units(line) + 1 > SECTION:
            yield text
            text = ""
        text += f"\n{line}" if text else line
    if text:
        yield text
