"""The log notifier passes the contract of all notifiers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import deepguard_log
from deepguard.testing import NotifierContract


class LogContract(NotifierContract):
    notifier_type = deepguard_log.deepguard_register_notifiers()[0]
    secrets = ()
    speaks_http = False

    @asynccontextmanager
    async def destination(self) -> AsyncIterator[str]:
        with TemporaryDirectory() as folder:
            yield str(Path(folder, "alerts.jsonl"))


class TestText(LogContract):
    def settings(self, url: str) -> dict[str, Any]:
        return {"format": "text", "path": url}


class TestJson(LogContract):
    def settings(self, url: str) -> dict[str, Any]:
        return {"format": "json", "level": "ERROR"}
