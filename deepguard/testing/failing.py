"""How a contract's check fails."""

from __future__ import annotations

import traceback
from typing import NoReturn

import pytest


def fail(message: str, error: BaseException | None = None) -> NoReturn:
    """Fail a check in words for the author, with the traceback of what their code raised."""
    shown = "\n\n" + "".join(traceback.format_exception(error)) if error else ""
    raise pytest.fail.Exception(message + shown, pytrace=False) from None


__all__ = ["fail"]
