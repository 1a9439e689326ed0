"""The guard of one call: media in, samples to the detector, verdicts through the policy, transitions and notifications out.

Knows nothing of Pipecat; the ``pipeline`` room feeds it.
"""
