"""A notification as a mail message.

The messages of one incident form one thread without anything being remembered: the first has an address (Message-ID)
that follows from the incident's id, and the others refer to it. A second delivery of a notification has the same
address as the first, so that mail programs can tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.headerregistry import Address, HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from deepguard import Notification, NotificationKind, Picture
from deepguard_email.addresses import ascii_domain
from deepguard_email.render import as_html, as_text
from deepguard_email.story import tell
from deepguard_email.words import for_header, token

SUBJECT, NAME = 150, 60

_headers = HeaderRegistry()
# As ordinary text, an address longer than a line would be encoded, and no mail program would find it again.
_headers.map_to_type("in-reply-to", MessageIDHeader)  # pyright: ignore[reportArgumentType]  (a mixin, as it should be)
_headers.map_to_type("references", MessageIDHeader)  # pyright: ignore[reportArgumentType]
# 7bit: not every server on the way takes more.
_POLICY = SMTP.clone(header_factory=_headers, cte_type="7bit")
_POLICY_UTF8 = SMTPUTF8.clone(header_factory=_headers, cte_type="7bit")


def needs_utf8(addresses: Iterable[Address]) -> bool:
    """Whether a server must offer SMTPUTF8 for these addresses; names before them do not count."""
    return not all(address.addr_spec.isascii() for address in addresses)


def compose(
    notification: Notification, sender: Address, recipients: tuple[Address, ...], picture: Picture | None = None
) -> EmailMessage:
    """Write the message that tells of a notification.

    Args:
        notification: What to tell.
        sender: Who the message is from; its domain is part of the message's address.
        recipients: Who it is to.
        picture: What to attach.
    """
    message = EmailMessage(_POLICY_UTF8 if needs_utf8((sender, *recipients)) else _POLICY)
    domain = ascii_domain(sender.domain)
    own, root = f"<{token(notification.id)}@{domain}>", _root(notification, domain)
    if notification.kind is NotificationKind.OPENED and root:
        own = root
    message["From"] = sender
    message["To"] = recipients
    message["Subject"] = subject(notification)
    message["Date"] = format_datetime(datetime.fromtimestamp(notification.at, UTC))
    message["Message-ID"] = own
    if root and root != own:
        message["In-Reply-To"] = root
        message["References"] = root
    # No out-of-office answers: the second is what Exchange heeds.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["X-Deepguard-Kind"] = notification.kind.value
    message["X-Deepguard-Notification"] = token(notification.id)
    if notification.incident:
        message["X-Deepguard-Incident"] = token(notification.incident.id)
    story = tell(notification, attached=picture is not None)
    message.set_content(as_text(story))
    message.add_alternative(as_html(story), subtype="html")
    if picture:
        name = f"evidence.{'jpg' if picture.format == 'jpeg' else picture.format}"
        message.add_attachment(picture.data, maintype="image", subtype=picture.format.value, filename=name)
    return message


def subject(notification: Notification) -> str:
    """The subject: of an incident, or of a track's coverage, always the same but for ``Re:``.

    Mail programs take messages apart whose subjects differ, whatever they refer to.
    """
    who = for_header(notification.participant_id, NAME) or "a participant"
    if notification.incident:
        first = notification.kind is NotificationKind.OPENED
        topic = f"Suspected deepfake: {who} ({token(notification.incident.id)[-8:]})"
    elif notification.source:
        first = notification.kind is NotificationKind.COVERAGE_LOST
        topic = f"Not watched: {who}, {notification.source.value} ({token(notification.call_id)[-8:]})"
    else:
        return for_header(notification.title, SUBJECT) or "deepguard"
    return f"{'' if first else 'Re: '}{'Simulation: ' if notification.simulated else ''}{topic}"


def _root(notification: Notification, domain: str) -> str:
    if notification.incident:
        return f"<{token(notification.incident.id)}@{domain}>"
    if notification.source:
        track = "\0".join((notification.call_id, notification.participant_id, notification.source))
        return f"<coverage_{token(track)}@{domain}>"
    return ""
