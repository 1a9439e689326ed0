"""Any detector, served over the wire that the Dataspike client speaks."""

from __future__ import annotations

from deepguard.detectors.wire_server.app import create_app

__all__ = ["create_app"]
