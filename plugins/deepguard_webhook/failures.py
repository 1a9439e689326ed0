"""Why there is no answer, in words for people. What aiohttp says itself is never shown: it may hold the URL."""

from __future__ import annotations

import os

import aiohttp

from deepguard import NotifyError


def explain(host: str, error: Exception) -> NotifyError:
    """Say what it means that a request failed.

    Args:
        host: Who was asked.
        error: What aiohttp raised.
    """
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "") or "it does not verify"
        message = f"the certificate of {host} is not trusted ({reason}); if a CA of your own signed it, name ca_file"
        return NotifyError(message, refused=True)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NotifyError(f"the name {host} cannot be resolved; check the host in url, and that DNS works here")
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        reason = str(getattr(error.os_error, "reason", "") or "the handshake failed")
        return NotifyError(f"{host} does not speak TLS as it should ({reason.replace('_', ' ').lower()})")
    if isinstance(error, aiohttp.ClientConnectorError):
        # Not `strerror`: asyncio writes a sentence of its own there.
        return NotifyError(f"{host} cannot be reached ({os.strerror(error.errno) if error.errno else 'no connection'})")
    if isinstance(error, aiohttp.ClientResponseError):
        return NotifyError(f"{host} does not speak HTTP as it should")
    return NotifyError(f"{host} closed the connection without an answer")


__all__ = ["explain"]
