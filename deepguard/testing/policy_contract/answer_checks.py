"""Checks of what a policy answers."""

from __future__ import annotations

from dataclasses import fields

from deepguard.contracts import PolicyStep
from deepguard.model import Level, Source, Verdict
from deepguard.testing.failing import fail
from deepguard.testing.policy_contract.base import PolicyContractBase, after
from deepguard.testing.policy_contract.turns import asked
from deepguard.testing.timeline import verdict_line
from deepguard.thresholds import Thresholds

_RULES = {f"thresholds.{field.name}" for field in fields(Thresholds)}


class AnswerChecks(PolicyContractBase):
    """Every verdict is answered, in words that people can use."""

    def test_never_raises(self) -> None:
        """Whatever comes, the policy decides: one that raises is cut off for the rest of the call."""

        def check(verdicts: list[Verdict]) -> None:
            done = asked(self._policy(), verdicts)
            if done.error and done.failed_at:
                fail(
                    f"the policy raised {type(done.error).__name__} for: {verdict_line(done.failed_at)}. Live, it "
                    f"would have been replaced by the built-in one{after(verdicts)}",
                    done.error,
                )

        self._search(check)

    def test_answers_every_verdict_with_a_step(self) -> None:
        """Each answer is a PolicyStep that deepguard can use."""

        def check(verdicts: list[Verdict]) -> None:
            done = asked(self._policy(), verdicts)
            if done.wrong and done.failed_at:
                fail(f"{done.wrong}, for: {verdict_line(done.failed_at)}{after(verdicts)}")

        self._search(check)

    def test_says_why_a_level_changes(self) -> None:
        """Whoever is told of an alert reads why, and a rule is one that stands in the YAML."""

        def check(verdicts: list[Verdict]) -> None:
            levels: dict[tuple[str, Source | None], Level] = {}
            for verdict, _, step in asked(self._policy(), verdicts).turns:
                now: dict[Source | None, Level] = {**step.tracks, None: step.participant}
                for source, level in now.items():
                    before = levels.get((verdict.participant_id, source), Level.CLEAR)
                    levels[verdict.participant_id, source] = level
                    if level is not before and not _cause(step, source):
                        what = f"the level of the {source}" if source else "the participant's level"
                        fail(
                            f"{what} changed from {before} to {level}, and the step has no `cause`: people read it in "
                            f"the alert{after(verdicts)}"
                        )
                for rule in (step.rule, step.participant_rule):
                    if rule and rule not in _RULES:
                        fail(
                            f"the step names the rule '{rule}', which is not in the YAML; a rule is a path below "
                            f"`policy`, for example thresholds.alert_after, or empty{after(verdicts)}"
                        )

        self._search(check)


def _cause(step: PolicyStep, source: Source | None) -> str:
    return step.cause.strip() or (step.participant_cause.strip() if source is None else "")


__all__ = ["AnswerChecks"]
