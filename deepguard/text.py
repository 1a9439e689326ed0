"""Words for people: those that came from outside, made safe to show on one line, and those that several rooms share."""

from __future__ import annotations

from deepguard.model import BlindReason, Label, Level, Notification

LIMIT = 200
NOT_WATCHED = "not watched"

BLIND_WORDS = {
    BlindReason.STARTING: "Waiting for the first check",
    BlindReason.NO_MEDIA: "Nothing arrives",
    BlindReason.NO_SPEECH: "Nobody has spoken yet",
    BlindReason.BLACK_PICTURE: "The picture is black",
    BlindReason.FROZEN_PICTURE: "The picture is frozen",
    BlindReason.NO_FACE: "No face in the picture",
    BlindReason.DETECTOR_DOWN: "The detector cannot be reached",
    BlindReason.NO_ANSWER: "The detector does not answer in time",
    BlindReason.SAMPLES_EXPIRED: "The last sample expired without an answer",
    BlindReason.DETECTOR_ERROR: "The detector reported an error",
    BlindReason.NOT_ASSESSED: "Deepfake: not assessed",
}
"""Why a track is not being watched, in words for people."""

LABEL_WORDS = {
    Label.CONFIRMED: "confirmed",
    Label.FALSE_POSITIVE: "false positive",
    Label.MISSED: "missed",
}
"""What people found out, in words for people."""


def level_words(notification: Notification) -> str:
    """A notification's level in words: ``clear``, ``suspicious``, ``alert``; or ``not watched``.

    Whoever is not being watched is never called clear.
    """
    if notification.level is Level.CLEAR and not notification.covered:
        return NOT_WATCHED
    return str(notification.level)


def one_line(text: str, limit: int = LIMIT) -> str:
    """Put untrusted text on one line.

    Whatever does not print (line breaks, escape sequences, characters that reverse the direction of writing) becomes a
    space, and runs of spaces become one.

    Args:
        text: A name or a message from outside.
        limit: Most characters of the answer; what is longer ends in an ellipsis.
    """
    # Cut before the work as well: the peer chooses the length.
    cut = text[: 4 * limit]
    line = " ".join("".join(char if char.isprintable() else " " for char in cut).split())
    if len(line) > limit or len(cut) < len(text):
        return line[: limit - 1].rstrip() + "…"
    return line


__all__ = ["BLIND_WORDS", "LABEL_WORDS", "LIMIT", "NOT_WATCHED", "level_words", "one_line"]
