"""The only rooms that know Pipecat: the guard as a frame processor, the pipeline of a call, in-call messages."""
