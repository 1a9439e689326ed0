"""Measures what the README claims: `python -m bench [NAME…]`. See README.md in this folder."""
