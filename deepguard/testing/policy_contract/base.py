"""What an author fills in, and the means of all checks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import ClassVar

try:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st
    from hypothesis.errors import Flaky
except ImportError:
    raise ImportError("PolicyContract needs hypothesis: python -m pip install hypothesis") from None

from deepguard.contracts import Policy
from deepguard.model import Verdict
from deepguard.testing.failing import fail
from deepguard.testing.playing import checked
from deepguard.testing.strategies import verdict_streams
from deepguard.testing.streams import stream
from deepguard.testing.timeline import stream_lines

CONVINCING = "camera every 5s: alert=0.99*240; microphone every 10s: alert=0.99*120"
RELIEVING = "camera every 5s: clear=0.01*720; microphone every 10s: clear=0.01*360"


class PolicyContractBase:
    """What the author fills in.

    Attributes:
        examples: Streams that each check looks at. They are the same in each run.
        participant: Who is alerted on in the checks that ask for an alert.
        reaches_alert: False for a policy that by design alerts on nobody: the two checks of alerts are left out.
        ends_alerts: False for a policy whose alerts last to the end of the call: that one check is left out.
    """

    examples: ClassVar[int] = 60
    participant: ClassVar[str] = "participant-1"
    reaches_alert: ClassVar[bool] = True
    ends_alerts: ClassVar[bool] = True

    def policy(self) -> Policy:
        """A new object of the policy, with all that it needs."""
        raise NotImplementedError("the contract needs `policy`: it returns a new object of the policy")

    def streams(self) -> st.SearchStrategy[list[Verdict]]:
        """The streams that the policy is tried with; others where it looks at other participants or detectors."""
        return verdict_streams()

    def convincing(self) -> list[Verdict]:
        """A stream after which whoever is fake is alerted on: by default 20 minutes of alerts on sound and picture."""
        return stream(CONVINCING, participant=self.participant)

    def relieving(self, start: float) -> list[Verdict]:
        """A stream after which an alert is over: by default an hour of clear verdicts.

        Args:
            start: When it begins, as a Unix time.
        """
        return stream(RELIEVING, participant=self.participant, start=start)

    # -- means of the checks -----------------------------------------------------------------------------------------

    def _policy(self) -> Policy:
        try:
            made = self.policy()
        except NotImplementedError:
            raise
        except Exception as error:  # noqa: BLE001 - the author's code may raise anything
            fail("`policy` raised, so that there is nothing to check", error)
        try:
            checked(made)
            for name, arguments in (("initial", ()), ("advance", ("state", "verdict", "now"))):
                _see_signature(getattr(made, name), name, arguments)
        except TypeError as error:
            fail(f"what `policy` returns cannot be used: {error}")
        return made

    def _search(self, check: Callable[[list[Verdict]], None]) -> None:
        """Run a check on many streams; when it fails, on ever shorter ones."""
        self._policy()

        @settings(
            max_examples=self.examples,
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            print_blob=False,
            # Not to explain: that would trace every line, and what is shown is a whole stream anyway.
            phases=(Phase.generate, Phase.shrink),
            # A slow policy, or a narrow strategy of the author's, is no fault of the stream.
            suppress_health_check=(
                HealthCheck.too_slow,
                HealthCheck.data_too_large,
                HealthCheck.filter_too_much,
                HealthCheck.large_base_example,
            ),
        )
        @given(self.streams())
        def found(verdicts: list[Verdict]) -> None:
            check(verdicts)

        try:
            found()
        except Flaky as error:
            inner = getattr(error, "exceptions", ())
            told = str(inner[0]) if inner else str(error)
            fail(f"what the policy answers differs from run to run, so something outlives its objects. Once: {told}")


def after(verdicts: list[Verdict]) -> str:
    """The stream of a failed check, for the author."""
    return f"\n\nThe stream:\n{stream_lines(verdicts)}"


def _see_signature(method: Callable[..., object], name: str, arguments: tuple[str, ...]) -> None:
    if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
        raise TypeError(f"{name} must not be 'async def': a policy does not wait")
    if inspect.isgeneratorfunction(method):
        raise TypeError(f"{name} must return its answer, and not yield it")
    try:
        inspect.signature(method).bind(*arguments)
    except TypeError:
        raise TypeError(f"{name} must take ({', '.join(('self', *arguments))})") from None


__all__ = ["PolicyContractBase", "after"]
