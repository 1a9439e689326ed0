"""The section ``policy``: how verdicts become levels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from deepguard.config.section import Section
from deepguard.model import Source
from deepguard.thresholds import (
    MOST_SECONDS,
    After,
    CombineDetectors,
    CombineTracks,
    ScoreBand,
    Scores,
    Thresholds,
)

MOST_IN_A_ROW = 1000


def _after(value: object) -> int | After:
    if isinstance(value, int) and not isinstance(value, bool):
        if 1 <= value <= MOST_IN_A_ROW:
            return value
        raise ValueError(f"must be a whole number from 1 to {MOST_IN_A_ROW}")
    if isinstance(value, str):
        rule = After.parse(value)
        return rule if rule.of or rule.seconds else rule.verdicts
    raise ValueError("must be a number of verdicts in a row (3), a share of the latest (3 of 5), or a time (10 s)")


AfterText = Annotated[
    int | After,
    BeforeValidator(_after),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MOST_IN_A_ROW},
                {"type": "string", "pattern": r"^ *([0-9]+|[0-9]+ +of +[0-9]+|[0-9]+(\.[0-9]+)? *[smh]) *$"},
            ]
        }
    ),
]
"""``3`` in a row, ``3 of 5``, or ``10 s``."""

Weight = Annotated[float, Field(ge=0, le=1000)]
Share = Annotated[float, Field(gt=0, le=1)]
Score = Annotated[float, Field(ge=0, le=1)]


class BandParams(Section):
    """The score at which a level is reached, and the one below which it is left."""

    rise: float = Field(gt=0, le=1, description="It is reached at this score or above.")
    fall: Score | None = Field(
        default=None, description="It is left below this score, which is rise at most. Default: rise."
    )

    @model_validator(mode="after")
    def _check(self) -> BandParams:
        if self.fall is not None and self.fall > self.rise:
            raise ValueError("fall must not be above rise")
        return self

    def band(self) -> ScoreBand:
        """The same values as the policy takes them."""
        return ScoreBand(self.rise, self.rise if self.fall is None else self.fall)


class ScoreParams(Section):
    """Scores decide, and not what the detector makes of them. Verdicts without a score count as what they say."""

    suspicious: BandParams = Field(
        default=BandParams(rise=0.6, fall=0.5),
        description="When a score is suspicious, of 0 (genuine) to 1 (fake). Default: rise 0.6, fall 0.5.",
    )
    alert: BandParams = Field(
        default=BandParams(rise=0.85, fall=0.7), description="When a score is an alert. Default: rise 0.85, fall 0.7."
    )
    half_life: float = Field(
        default=0,
        ge=0,
        le=MOST_SECONDS,
        description="Seconds after which an earlier score counts half as much as the latest; 0: only the latest does.",
    )

    @model_validator(mode="after")
    def _check(self) -> ScoreParams:
        self.scores()
        return self

    def scores(self) -> Scores:
        """The same values as the policy takes them."""
        return Scores(self.suspicious.band(), self.alert.band(), self.half_life)


class CombineTracksParams(Section):
    """How sound and picture of a participant combine."""

    combine: Literal["any", "both", "weighted"] = Field(
        default="any",
        description=(
            "any: the highest level counts. both: sound and picture must agree, once both have been judged. weighted: "
            "a level is reached when the tracks at it hold at least `share` of all weights."
        ),
    )
    weights: dict[Source, Weight] = Field(
        default={}, description="Of camera, microphone and screen; 1 where none is given. For weighted."
    )
    share: Share = Field(default=0.5, description="Of the weight of all tracks that have been judged. For weighted.")


class CombineDetectorsParams(Section):
    """How several detectors of a track combine."""

    combine: Literal["any", "quorum", "weighted"] = Field(
        default="any",
        description=(
            "any: the highest level counts. quorum: the highest that so many detectors give. weighted: a level is "
            "reached when the detectors that give it hold at least `share` of all weights."
        ),
    )
    quorum: int = Field(default=2, ge=1, le=8, description="Detectors that must agree. For quorum.")
    weights: dict[Annotated[str, Field(min_length=1, max_length=64)], Weight] = Field(
        default={}, description="Of detectors, by name; 1 where none is given. For weighted."
    )
    share: Share = Field(default=0.5, description="Of the weight of all that have judged the track. For weighted.")


class ThresholdParams(Section):
    """What has to come together before a level changes."""

    suspicious_after: AfterText = Field(
        default=1,
        description=(
            "To rise to SUSPICIOUS: verdicts at least suspicious. 3: in a row; 3 of 5: of the latest; 10 s: so long."
        ),
    )
    alert_after: AfterText = Field(default=1, description="To rise to ALERT: alert verdicts, in the same ways.")
    clear_after: AfterText = Field(
        default=1, description="To fall back: verdicts below the present level, in the same ways."
    )
    scores: ScoreParams | None = Field(
        default=None, description="How scores become judgements. Default: what the detector says counts."
    )
    dwell: float = Field(
        default=0,
        ge=0,
        le=MOST_SECONDS,
        description="Seconds that a level lasts before it may fall; a rise never waits.",
    )
    max_age: float | None = Field(
        default=None,
        gt=0,
        le=MOST_SECONDS,
        description="Seconds after which a verdict counts for nothing. Default: it counts until others come.",
    )
    tracks: CombineTracksParams = Field(default=CombineTracksParams(), description="How sound and picture combine.")
    detectors: CombineDetectorsParams = Field(
        default=CombineDetectorsParams(), description="How several detectors combine."
    )

    @model_validator(mode="after")
    def _check(self) -> ThresholdParams:
        self.thresholds()
        return self

    def thresholds(self) -> Thresholds:
        """The same values as the policy takes them."""
        return Thresholds(
            suspicious_after=self.suspicious_after,
            alert_after=self.alert_after,
            clear_after=self.clear_after,
            scores=self.scores.scores() if self.scores else None,
            dwell=self.dwell,
            max_age=self.max_age,
            tracks=CombineTracks(self.tracks.combine, dict(self.tracks.weights), self.tracks.share),
            detectors=CombineDetectors(
                self.detectors.combine, self.detectors.quorum, dict(self.detectors.weights), self.detectors.share
            ),
        )


class ShadowParams(Section):
    """A policy that runs beside the live one, on the same verdicts, and notifies nobody."""

    name: str = Field(min_length=1, max_length=64, description="Tells it from the others.")
    thresholds: ThresholdParams | None = Field(default=None, description="Its thresholds. Default: the live ones.")
    plugin: str | None = Field(
        default=None,
        description=(
            "A plugin, of which only deepguard_thresholds and deepguard_policy are asked: an entry point's name, or a "
            "file (./my_policy.py)."
        ),
    )


class PolicyParams(Section):
    """How verdicts become levels."""

    thresholds: ThresholdParams = Field(
        default=ThresholdParams(), description="What has to come together before a level changes."
    )
    plugin: str | None = Field(
        default=None,
        description="A plugin with policy hooks: an installed entry point's name, or a file (./my_policy.py).",
    )
    time_limit: float = Field(
        default=1,
        ge=0.01,
        le=60,
        description="Seconds that a plugin's policy may take for one verdict; then the built-in one takes over.",
    )
    shadow: tuple[ShadowParams, ...] = Field(
        default=(), max_length=8, description="Policies that run beside the live one, to be compared with it."
    )


__all__ = ["PolicyParams", "ShadowParams", "ThresholdParams"]
