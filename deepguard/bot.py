"""The entry for Pipecat's own runner and for Pipecat Cloud: ``async def bot(runner_args)``.

`deepguard run` is the other way in; both guard a call the same way. The configuration is the file that
``DEEPGUARD_CONFIG`` names, else ``deepguard.yaml`` of the working directory, else the defaults.
"""

from __future__ import annotations

import asyncio

from pipecat.runner.types import RunnerArguments, SmallWebRTCRunnerArguments

from deepguard.call import GuardedCall
from deepguard.errors import DeepguardError
from deepguard.guard.calls import new_call
from deepguard.runtime import Runtime

_runtime: Runtime | None = None
_starting = asyncio.Lock()


async def bot(runner_args: RunnerArguments) -> None:
    """Guard one call.

    Args:
        runner_args: What the runner knows of the call; its transport must be WebRTC (SmallWebRTC).

    Raises:
        DeepguardError: The transport is another one, or the configuration or the store cannot be used.
    """
    if not isinstance(runner_args, SmallWebRTCRunnerArguments):
        raise DeepguardError(
            f"this bot guards WebRTC calls only: start the runner with `-t webrtc` (got {type(runner_args).__name__})"
        )
    runtime = await _shared_runtime()
    body = runner_args.body if isinstance(runner_args.body, dict) else {}
    call = new_call(runner_args.session_id, body)
    await GuardedCall(
        runtime,
        runner_args.webrtc_connection,
        call,
        in_call_messages=runtime.config.in_call.messages == "participant",
    ).run()


def check_start() -> None:
    """See that calls can be guarded: whoever starts the runner by hand is told now, and not by the first caller.

    Raises:
        DeepguardError: The configuration or the store cannot be used; says what to do.
    """
    asyncio.run(Runtime.load().check_store())


async def _shared_runtime() -> Runtime:
    # The runner calls `bot` once a call, all in one process: notifiers are started once, and live as long as it.
    global _runtime
    async with _starting:
        if _runtime is None:
            runtime = Runtime.load()
            try:
                await runtime.start()
            except BaseException:
                await runtime.close()  # the next call begins from nothing
                raise
            _runtime = runtime
    return _runtime
