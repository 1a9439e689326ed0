"""How a policy is asked on a live call: deepguard's own at once, a plugin's where it can be cut off."""

from __future__ import annotations

from deepguard.contracts import PolicyStep
from deepguard.guard.cutoff import CutOffThread
from deepguard.model import Verdict
from deepguard.policy.choosing import Chosen
from deepguard.policy.engine import Engine
from deepguard.text import one_line


class Asking:
    """Asks the policy of one engine.

    Attributes:
        engine: Its levels and incidents.
    """

    def __init__(self, engine: Engine, chosen: Chosen, name: str, time_limit: float) -> None:
        """Prepare.

        Args:
            engine: Begins with the policy that was chosen.
            chosen: The policy.
            name: Names the thread, where one is needed.
            time_limit: Seconds that a plugin's policy may take for one verdict.
        """
        self.engine = engine
        self._origin = chosen.origin
        # deepguard's own policy is trusted to be quick; a thread would cost several times what it does.
        self._thread = None if chosen.built_in else CutOffThread(name, time_limit)

    @property
    def may_fail(self) -> bool:
        """Whether a plugin has a say in it."""
        return self._thread is not None

    async def ask(self, verdict: Verdict, now: float) -> PolicyStep:
        """Have the policy decide on a verdict, and change nothing yet.

        Args:
            verdict: The verdict.
            now: Unix time in seconds.

        Raises:
            Exception: Whatever a plugin's policy raises; ``TimeoutError`` when it takes too long.
        """
        if self._thread is None:
            return self.engine.ask(verdict, now)
        return await self._thread.run(lambda: self.engine.ask(verdict, now))

    def reason(self, error: Exception) -> str:
        """Why the policy failed, for people."""
        kind = "too slow" if isinstance(error, TimeoutError) else type(error).__name__
        return f"{self._origin}: {kind}: {one_line(str(error))}"

    def close(self) -> None:
        """Let the thread end; whoever is asked from now on is asked at once. Safe twice."""
        if self._thread is not None:
            self._thread.close()
            self._thread = None


__all__ = ["Asking"]
