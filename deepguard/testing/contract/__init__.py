"""The contract that every notifier passes: a class to subclass in a test."""

from __future__ import annotations

from typing import Any

from deepguard.testing.contract.config_checks import ConfigChecks
from deepguard.testing.contract.delivery_checks import DeliveryChecks
from deepguard.testing.contract.http_checks import HttpChecks


class NotifierContract(HttpChecks, DeliveryChecks, ConfigChecks):
    """Checks of a notifier; pytest runs them where this is subclassed.

    ```python
    class TestPager(NotifierContract):
        notifier_type = deepguard_pager.deepguard_register_notifiers()[0]
        secrets = ("token-of-the-test",)

        def settings(self, url):
            return {"url": url, "token": "token-of-the-test"}
    ```

    Needs pytest and pytest-asyncio, in whatever mode.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Leave out what does not apply: pytest collects nothing that is None."""
        super().__init_subclass__(**kwargs)
        cls._blocks = False
        if not cls.speaks_http:
            for name in vars(HttpChecks):
                if name.startswith("test_"):
                    setattr(cls, name, None)


__all__ = ["NotifierContract"]
