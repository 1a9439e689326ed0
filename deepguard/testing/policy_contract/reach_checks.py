"""Checks that a policy does its work, on long calls too."""

from __future__ import annotations

from deepguard.model import Judgement, Level, Source, Verdict
from deepguard.testing.failing import fail
from deepguard.testing.policy_contract.base import PolicyContractBase
from deepguard.testing.policy_contract.picture import picture, size
from deepguard.testing.policy_contract.turns import asked
from deepguard.testing.streams import START

LONG = 3_000
_PATTERN = (
    *(Judgement.CLEAR,) * 9,
    Judgement.UNKNOWN,
    *(Judgement.SUSPICIOUS,) * 4,
    Judgement.ERROR,
    *(Judgement.ALERT,) * 3,
    *(Judgement.CLEAR,) * 2,
)
_TRACKS = (*(Source.CAMERA,) * 7, *(Source.MICROPHONE,) * 2, Source.SCREEN)


class ReachChecks(PolicyContractBase):
    """Alerts come and go, and a call may last."""

    def test_an_alert_can_be_reached(self) -> None:
        """Somebody who is held for fake all the time is alerted on: else nobody ever would be."""
        turns = asked(self._policy(), self.convincing()).turns
        if not any(turn.step.participant is Level.ALERT for turn in turns):
            highest = max((turn.step.participant for turn in turns), default=Level.CLEAR)
            fail(
                f"no alert was reached in the stream of `convincing` (20 minutes of alerts, unless overridden): the "
                f"highest level was {highest}. A policy that alerts on nobody says so: reaches_alert = False"
            )

    def test_an_alert_can_end(self) -> None:
        """Somebody who is held for genuine for long enough is CLEAR again, and the incident is resolved."""
        fake = self.convincing()
        if not any(turn.step.participant is Level.ALERT for turn in asked(self._policy(), fake).turns):
            return  # the other check's
        calm = self.relieving(fake[-1].received_at + 5.0)
        turns = asked(self._policy(), [*fake, *calm]).turns
        if turns[-1].step.participant is not Level.CLEAR:
            fail(
                f"the alert did not end in the stream of `relieving` (an hour of clear verdicts, unless overridden): "
                f"the level is {turns[-1].step.participant}. A policy whose alerts last says so: ends_alerts = False"
            )

    def test_its_state_stays_small(self) -> None:
        """A state does not grow with the call: it is kept for each participant, for hours."""
        turns = asked(self._policy(), _long(2 * LONG)).turns
        if len(turns) < 2 * LONG:
            return  # it raised, which is another check's
        half, whole = (
            max(size(picture(turn.step.state)) for turn in turns[end - 50 : end]) for end in (LONG, 2 * LONG)
        )
        if whole > half * 1.5 + 50:
            fail(
                f"the state grows with the call: {half} values after {LONG} verdicts, {whole} after {2 * LONG}. Keep "
                f"no more than the rules look at, by source or detector and not by track_id or sample_id"
            )


def _long(length: int) -> list[Verdict]:
    """A long call of one participant, who often connects anew."""
    return [
        Verdict(
            participant_id="participant-1",
            track_id=f"track-{number}",
            source=_TRACKS[number % len(_TRACKS)],
            # By the sevens, so that each track hears every judgement.
            judgement=_PATTERN[number // 7 % len(_PATTERN)],
            received_at=START + number,
            detector="test",
            model=f"model-{number}",
            score=number % 100 / 100,
            message=f"message {number}",
            sample_id=f"sample-{number}",
            captured_at=START + number - 0.5,
        )
        for number in range(length)
    ]


__all__ = ["LONG", "ReachChecks"]
