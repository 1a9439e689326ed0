"""Packages to install."""

from support.packages import site

__all__ = ["site"]
