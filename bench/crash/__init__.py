"""Kills the program again and again, and counts what is lost: `python -m bench crash`."""
