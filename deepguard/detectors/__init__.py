"""Detectors: who judges samples. Each is a plugin of its own."""
