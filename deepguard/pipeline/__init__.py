"""The guard in Pipecat: as a frame processor, as the pipeline of a call, as in-call messages."""
