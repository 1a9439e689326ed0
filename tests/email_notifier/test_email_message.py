"""What the messages hold, and what nobody can make them hold."""

from dataclasses import replace
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deepguard import Level, NotificationKind, Picture, SampleFormat, Source
from deepguard.testing import make_notification
from deepguard_email.addresses import parse_address
from deepguard_email.message import compose, needs_utf8, subject
from deepguard_email.words import token

SENDER = parse_address("Guard <guard@example.com>")
RECIPIENTS = (parse_address("soc@example.com"), parse_address("Second, One <two@example.com>"))
HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "X-Deepguard-Kind",
    "X-Deepguard-Notification",
    "MIME-Version",
    "Content-Type",
]
TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "body",
    "div",
    "p",
    "a",
    "span",
    "strong",
    "br",
    "h1",
    "table",
    "tr",
    "th",
    "td",
}
INJECTIONS = [
    "x\r\nBcc: evil@evil.example\r\n\r\nbody",
    "x\nBcc: evil@evil.example",
    "=?utf-8?q?x=0D=0ABcc:_evil@evil.example?=",
    "==?utf-8?b?Qm?= =?utf-8?q?_?=",
    "\x00\x1b[31m\u202e\u2028\x85\ud800",
    "<script src=https://evil.example></script><img src=x onerror=y>\"'&amp;",
    "x" * 10_000,
    "ä" * 10_000,
    "a " * 5_000,
    ".\r\n.\r\nQUIT",
    "",
]
texts = st.one_of(st.text(), st.sampled_from(INJECTIONS), st.text(st.characters(codec="ascii"), max_size=300))


def read(message):
    return message_from_bytes(message.as_bytes(), policy=policy.default)


def written(notification, picture=None):
    return read(compose(notification, SENDER, RECIPIENTS, picture))


def body(message, kind):
    return message.get_body((kind,)).get_content().replace("\r\n", "\n")


class Tags(HTMLParser):
    """Gathers what a page is made of."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.links = set(), set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in {"href", "src"}]


@given(texts, texts, texts, texts, st.sampled_from(NotificationKind))
@example(INJECTIONS[2], INJECTIONS[2], INJECTIONS[2], "e", NotificationKind.TEST)
def test_no_text_from_outside_becomes_a_header_or_markup(name, title, detail, context, kind):
    notification = make_notification(
        kind=kind, participant_id=name, title=title, detail=detail, call_id=context, detector=name, ack_url=""
    )
    if notification.incident:
        incident = replace(notification.incident, context={context: detail}, acknowledged_at=1.0, acknowledged_by=name)
        notification = replace(notification, incident=incident)
    raw = compose(notification, SENDER, RECIPIENTS).as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = message_from_bytes(raw, policy=policy.default)
    threaded = {"In-Reply-To", "References", "X-Deepguard-Incident"} & set(message.keys())
    assert sorted(message.keys()) == sorted([*HEADERS, *threaded])
    assert not message.defects
    for header, value in message.items():
        assert value.isprintable(), header
        assert len(value) < 300
        assert not value.defects
    assert message["To"] == 'soc@example.com, "Second, One" <two@example.com>'
    assert message["From"] == "Guard <guard@example.com>"
    assert message["Subject"].split() == subject(notification).split()
    assert "=?" not in message["Subject"]
    for part in message.walk():
        assert not part.defects
    text, page = body(message, "plain"), Tags(body(message, "html"))
    assert text.replace("\n", "").isprintable()
    assert page.tags <= TAGS
    assert page.attributes <= {"lang", "charset", "name", "content", "style", "dir", "scope", "href"}
    assert all(link.startswith("https://guard.example/ack/inc_") for link in page.links)
    assert len(raw) < 100_000


@given(st.sets(texts, min_size=2, max_size=2))
def test_ids_that_differ_make_addresses_that_differ(ids):
    one, two = map(token, ids)
    assert one != two
    assert token(one) == one
    assert one.isascii()


def test_an_incident_is_one_thread_without_anything_being_remembered():
    opened = make_notification(participant_id="caller")
    assert opened.incident is not None
    kinds = [
        NotificationKind.OPENED,
        NotificationKind.UPDATED,
        NotificationKind.REPEATED,
        NotificationKind.ACKNOWLEDGED,
        NotificationKind.RESOLVED,
    ]
    told = [make_notification(kind=kind, participant_id="caller", incident=opened.incident) for kind in kinds]
    root, *replies = map(written, told)
    assert root["Message-ID"] == f"<{opened.incident.id}@example.com>"
    assert "References" not in root
    assert len({reply["Message-ID"] for reply in (root, *replies)}) == len(kinds)
    for reply in replies:
        assert reply["References"] == reply["In-Reply-To"] == root["Message-ID"]
        assert reply["Subject"] == f"Re: {root['Subject']}"
    other = written(make_notification(participant_id="caller"))
    assert other["Message-ID"] != root["Message-ID"]
    assert other["Subject"] != root["Subject"]


def test_a_second_delivery_is_the_same_message():
    for kind in NotificationKind:
        notification = make_notification(kind=kind)
        first, second = written(notification), written(notification)
        assert first["Message-ID"] == second["Message-ID"]
        assert first["Date"] == second["Date"]
        assert body(first, "html") == body(second, "html")


def test_what_tells_of_the_coverage_of_one_track_is_a_thread():
    lost = make_notification(kind=NotificationKind.COVERAGE_LOST)
    regained = make_notification(kind=NotificationKind.COVERAGE_REGAINED)
    elsewhere = make_notification(kind=NotificationKind.COVERAGE_LOST, source=Source.MICROPHONE)
    one, two, three = map(written, (lost, regained, elsewhere))
    assert one["References"] == two["References"] != three["References"]
    assert two["Subject"] == f"Re: {one['Subject']}"


def test_a_long_domain_leaves_references_readable():
    sender = parse_address("guard@notifications.security.example-company-international.co.uk")
    raw = compose(make_notification(kind=NotificationKind.RESOLVED, id="ntf_1"), sender, RECIPIENTS).as_bytes()
    assert b"=?" not in raw.partition(b"\r\n\r\n")[0]
    assert read(compose(make_notification(id="ntf_1"), sender, RECIPIENTS))["Message-ID"].endswith(".co.uk>")


def test_a_message_says_what_happened_in_text_and_in_html():
    notification = make_notification(
        kind=NotificationKind.RESOLVED,
        participant_id="Zoë",
        at=1_700_000_000.0,
        ack_url="https://guard.example/ack?a=1&b=2",
    )
    assert notification.incident is not None
    notification = replace(
        notification,
        incident=replace(notification.incident, opened_at=1_699_999_940.0, context={"customer": "4711"}),
    )
    message = written(notification)
    assert parsedate_to_datetime(message["Date"]).timestamp() == notification.at
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Deepguard-Kind"] == "incident.resolved"
    assert notification.incident is not None
    for text in (body(message, "plain"), body(message, "html")):
        for word in (
            "Zoë is no longer",
            "2023-11-14 22:13:20 UTC after 60 s, cleared",
            notification.incident.id,
            "4711",
        ):
            assert word in text
    assert "Acknowledge: https://guard.example/ack?a=1&b=2\n" in body(message, "plain")
    page = Tags(body(message, "html"))
    assert page.links == ["https://guard.example/ack?a=1&b=2"]


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "https://x/\r\nX", "https://x/ y", "/ack"])
def test_only_a_page_becomes_a_link(url):
    message = written(make_notification(ack_url=url))
    assert Tags(body(message, "html")).links == []
    assert "Acknowledge:" not in body(message, "plain")


def test_a_name_becomes_no_link():
    message = written(make_notification(participant_id="see https://evil.example or WWW.evil.example"))
    for kind in ("plain", "html"):
        assert "https[:]//evil" in body(message, kind)
        assert "WWW[.]evil" in body(message, kind)


def test_a_digest_names_every_incident():
    items = tuple(make_notification(participant_id=f"caller-{number}") for number in range(300))
    digest = make_notification(
        kind=NotificationKind.TEST, call_id="", participant_id="", title="300 alerts", items=items, level=Level.ALERT
    )
    message = written(replace(digest, kind=NotificationKind.DIGEST))
    assert message["Subject"] == "300 alerts"
    for kind in ("plain", "html"):
        text = body(message, kind)
        for item in items:
            assert item.incident is not None
            assert item.incident.id in text
            assert item.participant_id in text


def test_a_simulation_says_so():
    message = written(make_notification(simulated=True))
    assert message["Subject"].startswith("Simulation: ")
    assert "no real finding" in body(message, "plain")


@pytest.mark.parametrize(
    ("format", "name"), [(SampleFormat.JPEG, "evidence.jpg"), (SampleFormat.WEBP, "evidence.webp")]
)
def test_the_picture_is_attached(format, name):  # noqa: A002
    message = written(make_notification(), Picture(b"\xff\xd8\x00\r\n.\r\n", format, captured_at=1.0))
    (attached,) = message.iter_attachments()
    assert attached.get_content_type() == f"image/{format}"
    assert attached.get_filename() == name
    assert attached.get_content() == b"\xff\xd8\x00\r\n.\r\n"
    assert "Attached" in body(message, "plain")


def test_only_addresses_outside_of_ascii_ask_for_smtputf8():
    assert not needs_utf8([parse_address("Wächter <guard@example.com>")])
    assert needs_utf8([parse_address("wächter@example.com")])
    message = compose(make_notification(), parse_address("wächter@bücher.example"), RECIPIENTS)
    assert "From: wächter@bücher.example\r\n".encode() in message.as_bytes()
    assert message["Message-ID"].endswith("@xn--bcher-kva.example>")
