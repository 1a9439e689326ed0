"""The webhook notifier passes the contract of all notifiers."""

from __future__ import annotations

import json
from typing import Any

import deepguard_webhook
from deepguard.testing import NotifierContract, Request
from support.webhook import LOOPBACK, SECRET

URL_TOKEN = "token-of-the-url"
HEADER_TOKEN = "token-of-the-header"


class TestWebhook(NotifierContract):
    notifier_type = deepguard_webhook.deepguard_register_notifiers()[0]
    secrets = (SECRET, URL_TOKEN, HEADER_TOKEN)

    def settings(self, url: str) -> dict[str, Any]:
        return {
            "url": f"{url}/{URL_TOKEN}",
            "secret": SECRET,
            "headers": {"Authorization": f"Bearer {HEADER_TOKEN}"},
            "allow_networks": list(LOOPBACK),
        }

    def inspect(self, request: Request) -> None:
        # A body that is read as UTF-8 and as JSON, and could be written as both again.
        json.dumps(json.loads(request.body.decode()), ensure_ascii=False).encode()
