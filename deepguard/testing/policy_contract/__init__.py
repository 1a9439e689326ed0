"""The contract that every policy passes: a class to subclass in a test."""

from __future__ import annotations

from typing import Any

from deepguard.testing.policy_contract.answer_checks import AnswerChecks
from deepguard.testing.policy_contract.purity_checks import PurityChecks
from deepguard.testing.policy_contract.reach_checks import ReachChecks


class PolicyContract(AnswerChecks, PurityChecks, ReachChecks):
    """Checks of a policy; pytest runs them where this is subclassed.

    ```python
    class TestMyPolicy(PolicyContract):
        def policy(self):
            return load_policy("my_policy.py")
    ```

    Needs pytest and hypothesis.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Leave out what does not apply: pytest collects nothing that is None."""
        super().__init_subclass__(**kwargs)
        if not cls.reaches_alert:
            cls.test_an_alert_can_be_reached = None  # pyright: ignore[reportAttributeAccessIssue]
        if not (cls.reaches_alert and cls.ends_alerts):
            cls.test_an_alert_can_end = None  # pyright: ignore[reportAttributeAccessIssue]


__all__ = ["PolicyContract"]
