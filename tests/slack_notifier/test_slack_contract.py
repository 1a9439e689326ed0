"""The Slack notifier passes the contract of all notifiers, as a webhook and as an app."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import deepguard_slack
from deepguard.testing import Answer, NotifierContract, Request
from support.slack_server import CHANNEL_ID, fault, walk

HOOK = "T0001/B0001/SeCrEtHook"
TOKEN = "xoxb-111-222-SeCrEtBot"


def look_at_message(request: Request) -> None:
    """Slack would take it, and interpret nothing in it."""
    if not request.headers.get("Content-Type", "").startswith("application/json"):
        return
    message = json.loads(request.body)
    assert fault(message) == ""
    assert not any(node.get("type") == "mrkdwn" for node in walk(message))
    assert "<" not in message["text"]


class TestWebhook(NotifierContract):
    notifier_type = deepguard_slack.deepguard_register_notifiers()[0]
    secrets = (HOOK,)

    def settings(self, url: str) -> dict[str, Any]:
        return {"webhook_url": f"{url}/services/{HOOK}"}

    def accepts(self, request: Request) -> Answer:
        return Answer(body="ok", headers={"Content-Type": "text/plain"})

    def inspect(self, request: Request) -> None:
        look_at_message(request)


class TestApp(NotifierContract):
    notifier_type = deepguard_slack.deepguard_register_notifiers()[0]
    secrets = (TOKEN,)
    # Slack answers 200 to whatever it takes, and nothing else of the 2xx.
    statuses = MappingProxyType({at: due for at, due in NotifierContract.statuses.items() if not 200 < at < 300})

    def settings(self, url: str) -> dict[str, Any]:
        return {"bot_token": TOKEN, "channel": "#alerts", "evidence": True, "api_url": f"{url}/api/"}

    def accepts(self, request: Request) -> Answer:
        if request.path.startswith("/upload/"):
            return Answer(body="OK - 42", headers={"Content-Type": "text/plain"})
        here = f"http://{request.headers['Host']}/upload/F1"
        return Answer(
            body={
                "ok": True,
                "channel": CHANNEL_ID,
                "ts": "1700000000.000100",
                "file_id": "F1",
                "upload_url": here,
                "files": [{"id": "F1"}],
            }
        )

    def inspect(self, request: Request) -> None:
        look_at_message(request)
