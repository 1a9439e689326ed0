"""The story of an incident, from what is written down of it: pure functions."""
