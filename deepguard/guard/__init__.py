"""The guard of one call: media in, samples judged, verdicts through the policy, transitions and notifications out.

Knows nothing of Pipecat; the ``pipeline`` room feeds it.
"""
