from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest
from loguru import logger

from deepguard.logs import MAX_MESSAGE, LogFormat, configure_logs


@pytest.fixture
def root() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = handlers, level
    logger.configure(patcher=lambda _record: None)
    logger.remove()
    logger.add(sys.stderr)


@pytest.mark.usefixtures("root")
def test_what_peers_send_neither_steers_the_terminal_nor_poses_as_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogFormat.TEXT)
    logging.getLogger("peer").error("%s", "\x1b[2J\u202e\ud800\n12:00:00 INFO all is well")
    logger.error("{}", "x" * 100_000)
    first, second, third = capsys.readouterr().err.splitlines()
    assert first.endswith("\\x1b[2J\\u202e\\ud800")
    assert second == "    12:00:00 INFO all is well"
    assert len(third) < MAX_MESSAGE + 100


@pytest.mark.usefixtures("root")
def test_a_line_of_json_holds_the_exception_and_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogFormat.JSON)
    secret = "dsk_canary"
    try:
        raise ValueError(len(secret))
    except ValueError:
        logger.bind(call="c1").exception("it\nfailed")
    logging.getLogger("peer").error("%d", "a faulty call")
    line, faulty = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["message"], line["call"], line["level"]) == ("it\n    failed", "c1", "error")
    assert line["exception"].startswith("Traceback")
    assert secret not in json.dumps(line)
    assert faulty["message"] == "%d"
