"""Addresses of services, turned into what Apprise sends with."""

from __future__ import annotations

import logging
import re

from apprise import Apprise, AppriseAsset, NotificationManager, NotifyBase, OverflowMode

LIST = "https://appriseit.com/services/"
LONG_ENOUGH = 1000
"""Characters: a service whose messages may be longer is handed a long notification in several; a shorter one (an SMS,
which costs) only the first."""

_SCHEMA = re.compile(r"([a-z0-9][a-z0-9+.-]{0,20})://", re.IGNORECASE)
_KNOWN = NotificationManager()

# What Apprise and the library below it log holds whole addresses, and those hold tokens. Warnings of Apprise are read
# where they are needed, and reach no log.
_logger = logging.getLogger("apprise")
_logger.setLevel(logging.WARNING)
_logger.propagate = False
_logger.addHandler(logging.NullHandler())
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


def service(url: str) -> NotifyBase:
    """Read the address of one service.

    Raises:
        ValueError: It is none; the message does not repeat it.
    """
    schema = _SCHEMA.match(url)
    if not schema or not url.isprintable() or " " in url:
        raise ValueError("must be the address of one service, for example ntfy://ntfy.example/alerts")
    # No storage path: it keeps nothing in files. No time limit of its own, which would take a thread from a pool that
    # all notifiers share: how long a send may take is core's to say.
    asset = AppriseAsset(
        app_id="deepguard",
        app_desc="deepguard",
        interpret_emojis=False,
        interpret_escapes=False,
        http_redirects=False,
        service_timeout=0,
        language="en",
    )
    found = Apprise.instantiate(url, asset=asset)
    if found is None:
        raise ValueError(_fault(schema[1].lower()))
    # Trying again is core's.
    found.retry = 0
    if found.overflow_mode == OverflowMode.UPSTREAM:
        found.overflow_mode = OverflowMode.SPLIT if found.body_maxlen >= LONG_ENOUGH else OverflowMode.TRUNCATE
    return found


def _fault(schema: str) -> str:
    # Only a name that Apprise knows is shown: in an address with a typing mistake, anything may be a secret.
    if schema not in _KNOWN:
        return f"Apprise knows no service of this kind; its list is at {LIST}"
    if not _KNOWN[schema].enabled:
        return f"Apprise cannot use {schema}:// here: it needs a library that is not installed, or another system"
    return f"Apprise cannot read this address; how {schema}:// is written is at {_KNOWN[schema].setup_url or LIST}"
