"""Links by which whoever is told of an incident can acknowledge it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import quote

from deepguard.model import Notification, NotificationKind
from deepguard.store import secrets
from deepguard.store.store import Store

PATH = "/ack/"
"""Where the pages are below the guard's own address."""
LINKED = frozenset({NotificationKind.OPENED, NotificationKind.UPDATED, NotificationKind.REPEATED})


class AckLinks:
    """Makes the links, and knows its own again, whichever process on the same store made them."""

    def __init__(self, public_url: str) -> None:
        """Make none yet: ``load`` brings the key.

        Args:
            public_url: ``server.public_url``; empty for no links.
        """
        self._public_url = public_url
        self._key = b""

    @property
    def wanted(self) -> bool:
        """Whether there are links at all."""
        return bool(self._public_url)

    async def load(self, store: Store) -> None:
        """Take the key from the store, or make it there.

        Args:
            store: An open store.

        Raises:
            StoreError: The store failed.
        """
        if self.wanted and not self._key:
            self._key = await store.write(lambda db: secrets.key(db, secrets.ACKNOWLEDGE))

    def url(self, notification: Notification) -> str:
        """The link that a notification carries; empty when there is nothing to acknowledge, or there are no links."""
        incident = notification.incident
        if not self._key or incident is None or notification.kind not in LINKED:
            return ""
        if incident.resolved_at is not None or incident.acknowledged_at is not None:
            return ""
        return f"{self._public_url}{PATH}{quote(incident.id, safe='', errors='replace')}?t={self._token(incident.id)}"

    def is_right(self, incident_id: str, token: str) -> bool:
        """Whether a token is that of an incident's link. Takes as long for a wrong one as for the right one.

        Args:
            incident_id: Of whatever length; from outside.
            token: From outside.
        """
        if not self._key:
            return False
        return hmac.compare_digest(self._token(incident_id).encode(), token.encode("utf-8", "replace"))

    def _token(self, incident_id: str) -> str:
        digest = hmac.digest(self._key, incident_id.encode("utf-8", "replace"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


__all__ = ["PATH", "AckLinks"]
