"""The configuration: ``deepguard.yaml`` read with its places, checked, and turned into frozen models."""
