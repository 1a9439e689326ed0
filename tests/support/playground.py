"""Events of the live stream, and a server that answers as it is told."""

from __future__ import annotations

import mimetypes
from typing import Any

from playwright.sync_api import Route

from deepguard.server.app import PLAYGROUND
from deepguard.server.limits import SECURITY_HEADERS

HERE = "http://localhost/"
INFO = {
    "version": "0",
    "detector": {
        "type": "test",
        "label": "Test",
        "simulated": False,
        "assesses_deepfakes": True,
        "local": True,
        "advisory": "",
    },
    "sampling": {},
    "limits": {},
    "ice_servers": [],
    "notifiers": ["log"],
}
ALL_WELL = {"store": {"ok": True, "detail": "", "waiting": 0}, "notifiers": []}
WATCHED = {"covered": True, "reason": None, "text": "Watched"}
BLIND = {"covered": False, "reason": "no_media", "text": "Off, or nothing arrives"}


def verdict(at: float, source: str = "camera", judgement: str = "clear", **more: Any) -> dict[str, Any]:
    return {
        "type": "verdict",
        "at": at,
        "participant": "p",
        "source": source,
        "judgement": judgement,
        "score": None,
        "message": "",
        "detector": "test",
        "model": "",
        "captured_at": at,
        "signals": {},
        "blind": None,
    } | more


def coverage(at: float, covered: dict[str, Any], source: str = "camera") -> dict[str, Any]:
    return {"type": "coverage", "at": at, "participant": "p", "source": source, "coverage": covered}


def level(at: float, before: str, after: str, source: str | None = "camera") -> dict[str, Any]:
    change = {"before": before, "after": after, "cause": "why"}
    return {"type": "level", "at": at, "participant": "p", "source": source, **change}


def notification(at: float, ident: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "notification",
        "at": at,
        "id": ident,
        "kind": "incident.opened",
        "title": "Alert",
        "detail": "",
        "level": "alert",
        "participant": "p",
        "source": None,
        "incident_id": "i",
        "simulated": False,
    } | more


def delivery(at: float, notification_id: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "delivery",
        "at": at,
        "notification_id": notification_id,
        "notifier": "log",
        "status": "delivered",
        "attempts": 1,
        "detail": "",
        "seconds": 1,
    } | more


def state(at: float, recent: list[dict[str, Any]], tracks: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "type": "state",
        "at": at,
        "call": {"id": "c", "started_at": 0, "ended_at": None, "ended_reason": None},
        "detector": INFO["detector"] | {"health": {"state": "up", "detail": ""}},
        "participants": [{"id": "p", "level": "clear", "incident_id": None, "acknowledged": None, "tracks": tracks}],
        "sampling": {"video": {}, "audio": {}, "burst": False},
        "recent": recent,
    } | more


def track(source: str, **more: Any) -> dict[str, Any]:
    return {"source": source, "level": "clear", "coverage": WATCHED, "last_verdict": None, "samples": {}} | more


class Served:
    """The page's folder and the answers of a server, at any address."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {"/api/info": (200, INFO), "/api/alerts": (200, ALL_WELL)}
        self.asked: list[str] = []

    def __call__(self, route: Route) -> None:
        path = "/" + route.request.url.split("/", 3)[3]
        if path in self.answers:
            self.asked.append(path)
            status, body = self.answers[path]
            route.fulfill(status=status, json=body, headers=SECURITY_HEADERS)
            return
        file = PLAYGROUND / (path.lstrip("/") or "index.html")
        if not file.is_file():
            route.fulfill(status=404, json={"detail": "Not Found"})
            return
        headers = {**SECURITY_HEADERS, "Content-Type": mimetypes.guess_type(file.name)[0] or "text/plain"}
        route.fulfill(body=file.read_bytes(), headers=headers)
