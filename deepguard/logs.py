"""How the program's log lines look, and which of its libraries' are worth a line."""

from __future__ import annotations

import json
import logging
import sys
from enum import StrEnum
from typing import TYPE_CHECKING

from loguru import logger

if TYPE_CHECKING:
    from loguru import Message, Record

QUIET = {
    "alembic": "WARNING",
    "pipecat": "WARNING",
    # Warns on every call: of a screen that nobody shares, of tracks that end. The guard tells what matters of it.
    "pipecat.transports.smallwebrtc": "ERROR",
    "aiortc": "WARNING",
    "aioice": "WARNING",
    "uvicorn": "WARNING",
    "asyncio": "WARNING",
}
"""Libraries that are chatty, and from which level on they are heard."""

MAX_MESSAGE = 2000
_ESCAPES = {"\n": "\n    "}
"""A further line of a message is indented: it cannot pose as one of the program's own."""


class LogFormat(StrEnum):
    """How log lines are written."""

    TEXT = "text"
    JSON = "json"


def configure_logs(log_format: LogFormat, *, verbose: bool = False) -> None:
    """Send everything that is logged, also through the standard library, to standard error in one format.

    Args:
        log_format: Lines for people, or one JSON object a line.
        verbose: Whether libraries log their details too.
    """
    level = "DEBUG" if verbose else "INFO"
    levels: dict[str | None, str | int | bool] = {"": level} if verbose else {"": level, **QUIET}
    logger.remove()
    logger.configure(patcher=_make_printable)
    # diagnose would print the values of variables under a traceback, secrets and pictures among them.
    if log_format is LogFormat.JSON:
        logger.add(_write_json, format="{message}", level=level, filter=levels, diagnose=False, backtrace=False)
    else:
        text = "<dim>{time:HH:mm:ss.SSS}</dim> <level>{level: <7}</level> {message}"
        logger.add(sys.stderr, format=text, level=level, filter=levels, diagnose=False, backtrace=False)
    logging.basicConfig(handlers=[_ToLoguru()], level=logging.DEBUG if verbose else logging.INFO, force=True)


def _make_printable(record: Record) -> None:
    """Libraries log what peers sent: it must neither steer a terminal, nor pose as a line of its own, nor flood."""
    message = record["message"]
    if len(message) > MAX_MESSAGE:
        message = f"{message[:MAX_MESSAGE]}… ({len(message)} characters)"
    if not message.isprintable():
        message = "".join(char if char.isprintable() else _ESCAPES.get(char) or _escape(char) for char in message)
    record["message"] = message


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()


def _write_json(message: Message) -> None:
    record = message.record
    line = {
        "at": record["time"].isoformat(),
        "level": record["level"].name.lower(),
        "logger": record["name"],
        "message": record["message"],
        **{key: value for key, value in record["extra"].items() if isinstance(value, (str, int, float, bool))},
    }
    if record["exception"] is not None:
        line["exception"] = str(message).removeprefix(record["message"]).strip()
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")


class _ToLoguru(logging.Handler):
    """Hands records of the standard library's loggers to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - as with any handler, a library's faulty call must not fail in the library
            message = str(record.msg)
        # The record's own logger name, so that the levels of libraries apply.
        logger.patch(lambda entry: entry.update(name=record.name)).opt(exception=record.exc_info).log(
            level, "{}", message
        )
