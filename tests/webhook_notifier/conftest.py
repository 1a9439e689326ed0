"""A receiver on loopback, and a certificate for localhost."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deepguard.testing import ScriptedEndpoint
from support import certificates


@pytest.fixture
async def endpoint() -> AsyncIterator[ScriptedEndpoint]:
    async with ScriptedEndpoint() as serving:
        yield serving


@pytest.fixture(scope="session")
def localhost_tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost that signs itself: the file to trust, and the server's context."""
    return certificates.certificate(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture
def certificate(localhost_tls: tuple[Path, ssl.SSLContext]) -> Path:
    return localhost_tls[0]


@pytest.fixture
def server_tls(localhost_tls: tuple[Path, ssl.SSLContext]) -> ssl.SSLContext:
    return localhost_tls[1]
