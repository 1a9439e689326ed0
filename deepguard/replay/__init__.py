"""Recorded calls, played through another policy: what would have been told, when, and how right that had been."""
