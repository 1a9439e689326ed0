"""Tells the log."""

from __future__ import annotations

from loguru import logger

from deepguard import Notification, NotificationKind, Notifier, NotifyError
from deepguard_log.appender import Appender
from deepguard_log.config import LogConfig
from deepguard_log.lines import json_line, text_line

_NEEDS_SOMEBODY = frozenset({NotificationKind.OPENED, NotificationKind.COVERAGE_LOST})


class LogNotifier(Notifier):
    """Writes each notification to the log, and to a file when one is named."""

    def __init__(self, config: LogConfig) -> None:
        """Prepare; nothing is opened yet."""
        self._config = config
        self._file = Appender(config.path) if config.path else None
        self._last_logged = ""

    async def start(self) -> None:
        """See that the file can be written, so that a wrong path shows before the first alert.

        It does not fail: a notifier that has not started is handed nothing, and the log itself still works.
        """
        if self._file:
            try:
                await self._file.check()
            except NotifyError as error:
                logger.warning("{}", error)

    async def send(self, notification: Notification) -> None:
        """Write one line.

        Raises:
            NotifyError: The file could not be written; the log has the line all the same.
        """
        # When only the file failed, the next attempt must not repeat the line in the log.
        if notification.id != self._last_logged:
            line = json_line(notification) if self._config.format == "json" else text_line(notification)
            level = self._config.level if notification.kind in _NEEDS_SOMEBODY else "INFO"
            # As an argument: in the message itself, braces of a name would be taken for fields.
            logger.log(level, "{}", line)
            self._last_logged = notification.id
        if self._file:
            await self._file.append(json_line(notification))

    async def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()
