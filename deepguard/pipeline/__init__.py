"""The guard in Pipecat: as a frame processor, as the pipeline of a call, as in-call messages."""

import os

# Before Pipecat loads it: the library that runs the speech model reports about itself unless it is told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
