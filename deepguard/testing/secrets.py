"""Finds secrets where they must not be: in errors, logs, and what is printed."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import traceback
from base64 import b64encode
from collections.abc import Iterable
from typing import Self
from urllib.parse import quote

from loguru import logger


class SecretWatch:
    """Reads along, while it is entered, what is logged (at every level, by every library) or printed.

    Attributes:
        leaks: Where a secret was found, without repeating it.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        """Look for ``secrets``, also as they stand in addresses, in JSON and in ``Authorization: Basic``."""
        self.leaks: list[str] = []
        self._forms = [
            form
            for secret in secrets
            for form in {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], b64encode(secret.encode()).decode()}
        ]
        self._exit = contextlib.ExitStack()

    def look_at(self, text: str, where: str) -> None:
        """Note it when there is a secret in ``text``, and that it was found in ``where``."""
        if any(form in text for form in self._forms):
            self.leaks.append(where)

    def look_at_error(self, error: BaseException) -> None:
        """Look at all that a traceback of ``error`` would show, also of the errors that led to it."""
        self.look_at(f"{error} {error!r}", f"the text of {type(error).__name__}")
        if not self.leaks:
            shown = "".join(traceback.format_exception(error))
            self.look_at(shown, f"what led to {type(error).__name__}; `raise NotifyError(…) from None` keeps it out")

    def __enter__(self) -> Self:
        """Begin to read along."""
        sink = logger.add(self._logged, level=0, format="{message}\n{exception}", diagnose=False, backtrace=False)
        self._exit.callback(logger.remove, sink)
        root, handler = logging.getLogger(), _Reader(self)
        self._exit.callback(root.setLevel, root.level)
        self._exit.callback(root.removeHandler, handler)
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        for stream, redirect in (("stdout", contextlib.redirect_stdout), ("stderr", contextlib.redirect_stderr)):
            printed = io.StringIO()
            self._exit.callback(lambda printed=printed, stream=stream: self.look_at(printed.getvalue(), stream))
            self._exit.enter_context(redirect(printed))
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Read along no more."""
        self._exit.close()

    def _logged(self, message: str) -> None:
        self.look_at(str(message), "a log line (loguru)")


class _Reader(logging.Handler):
    """Hands what the standard library's loggers say to a watch."""

    def __init__(self, watch: SecretWatch) -> None:
        super().__init__(logging.DEBUG)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        self._watch.look_at(self.format(record), f"a log line of the logger '{record.name}' ({record.levelname})")


__all__ = ["SecretWatch"]
