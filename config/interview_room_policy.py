"""The policy of an interview room: the camera decides, the voice confirms."""

from typing import NamedTuple

from deepguard import Level, PolicyStep, Source, ThresholdPolicy, hookimpl

ALONE = 120.0
"""Seconds that the camera has to be at ALERT when no voice confirms it."""
UNSEEN = 60.0
"""Seconds without a verdict on the camera, after which the voice counts alone."""


class Room(NamedTuple):
    """What is known of the candidate.

    Attributes:
        tracks: The state of the built-in policy, which keeps a level for each track.
        level: The candidate's level.
        alerting_since: When the camera came to ALERT; None while it is not.
        seen_at: When the camera was last judged; None before that.
    """

    tracks: object
    level: Level = Level.CLEAR
    alerting_since: float | None = None
    seen_at: float | None = None


class CameraDecides:
    """The candidate is at ALERT when the camera is, and the voice agrees or two minutes have passed.

    A voice alone makes suspicious. It counts like a camera while there is no camera: turning it off must not help.
    """

    def __init__(self, thresholds):
        self._tracks = ThresholdPolicy(thresholds)

    def initial(self):
        """Nobody has been seen or heard."""
        return Room(self._tracks.initial())

    def advance(self, state, verdict, now):
        """Take one verdict in."""
        step = self._tracks.advance(state.tracks, verdict, now)
        camera = step.tracks.get(Source.CAMERA, Level.CLEAR)
        voice = step.tracks.get(Source.MICROPHONE, Level.CLEAR)
        since, seen_at = state.alerting_since, state.seen_at
        if verdict.source is Source.CAMERA:
            seen_at = now
        if camera is not Level.ALERT:
            since = None
        elif since is None:
            since = now
        unseen = seen_at is None or now - seen_at > UNSEEN
        level, cause = self._decided(camera, voice, since, unseen, now)
        if state.level is Level.ALERT and camera is not Level.CLEAR and not unseen:
            level = Level.ALERT  # the voice that confirmed it may be clear again; only the camera ends it
        return PolicyStep(
            Room(step.state, level, since, seen_at),
            step.tracks,
            level,
            cause=step.cause or cause,
            rule=step.rule,
            verdicts=step.verdicts,
            participant_cause=cause if level is not state.level else "",
            disagreements=step.disagreements,
        )

    def _decided(self, camera, voice, since, unseen, now):
        if unseen and voice is Level.ALERT:
            return Level.ALERT, "the voice is at alert, and there is no camera to see"
        if camera is Level.ALERT and voice >= Level.SUSPICIOUS:
            return Level.ALERT, "the camera is at alert, and the voice confirms it"
        if since is not None and now - since >= ALONE:
            return Level.ALERT, f"the camera has been at alert for {ALONE:g} s"
        if camera >= Level.SUSPICIOUS:
            return Level.SUSPICIOUS, "the camera is suspicious, and nothing confirms it yet"
        if voice >= Level.SUSPICIOUS:
            return Level.SUSPICIOUS, "the voice is suspicious, and the camera is clear"
        return Level.CLEAR, "the camera and the voice are clear"


@hookimpl
def deepguard_policy(call, thresholds):
    """Decide on every call in this way; the thresholds of the YAML are those of each track."""
    return CameraDecides(thresholds)
