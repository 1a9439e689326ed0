"""What a message shows, and what nobody can make it show."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepguard import Level, Notification, NotificationKind, Source
from deepguard.testing import make_notification
from deepguard_slack.digest import digest_lines
from deepguard_slack.message import full_message, reply
from deepguard_slack.text import clean
from support.slack_server import MAX_BLOCKS_LENGTH, all_blocks, button_of, fault, texts, units, walk

HOSTILE = [
    "<!channel>",
    "<!here|x> <@U123> <#C123> <https://evil.example|Slack>",
    "@channel @here *bold* _i_ ~s~ `c` ```b``` > quote & &amp; :skull:",
    "a\u202egnp.exe\u2066\u200f\u061c",
    "\x00\x1b[31m\r\n\u2028\u2029\x85\ud800",
    "x" * 10_000,
    "👩‍👩‍👧‍👦🏴" * 2_000,
    "\n" * 10_000,
    "",
]
names = st.one_of(st.sampled_from(HOSTILE), st.text(), st.text(st.sampled_from("<>!@#&|`*\n\u202e😀")))


def as_payload(message):
    return {"text": message.text, "blocks": message.blocks, "attachments": message.attachments}


def with_incident(notification: Notification, **over) -> Notification:
    assert notification.incident is not None
    return replace(notification, incident=replace(notification.incident, **over))


def check(message) -> None:
    """Slack takes it, and finds nothing in it to interpret."""
    payload = as_payload(message)
    assert fault(payload) == ""
    for node in walk(payload):
        assert node.get("type") != "mrkdwn"
        assert not {"mrkdwn_in", "fallback", "pretext"} & node.keys()
        if node.get("type") == "plain_text":
            assert node["emoji"] is False
    # Nothing that Slack would read as a mention, a link or an escape of somebody's making.
    assert "<" not in message.text
    assert ">" not in message.text
    assert "&" not in message.text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    for text in [message.text, *texts(payload)]:
        assert all(line.isprintable() for line in text.split("\n"))


@given(names, names, names, st.sampled_from(NotificationKind), st.booleans())
def test_whatever_a_name_holds_it_is_plain_text(name, title, other, kind, simulated):
    notification = make_notification(
        kind=kind, participant_id=name, call_id=other, title=title, detail=other, detector=name, simulated=simulated
    )
    if notification.incident is not None:
        notification = with_incident(
            notification,
            participant_id=name,
            acknowledged_at=1.0,
            acknowledged_by=name,
            context={f"{i}{name}": other for i in range(30)},
            detail=title,
        )
    for message in (full_message(notification, button=True), reply(notification)):
        check(message)


@pytest.mark.parametrize("kind", NotificationKind)
def test_each_kind_shows_who_and_which(kind):
    notification = make_notification(
        kind=kind, participant_id="Zoë <B>", call_id="s-41", title="Zoë <B> may be …", id="ntf_1"
    )
    shown = texts(as_payload(full_message(notification)))
    assert shown[0] == "Zoë <B> may be …"
    assert "Notification ntf_1" in shown
    assert "Participant\nZoë <B>" in shown or kind is NotificationKind.DIGEST
    assert full_message(notification).text == "Zoë &lt;B&gt; may be …"
    if notification.incident:
        assert f"Incident\n{notification.incident.id}" in shown
        assert full_message(notification).metadata == {
            "event_type": "deepguard_notification",
            "event_payload": {"id": "ntf_1", "incident": notification.incident.id},
        }


def test_a_simulation_says_so_everywhere():
    notification = make_notification(simulated=True)
    for message in (full_message(notification), reply(notification)):
        assert message.text.startswith("Simulation: ")
        assert texts(as_payload(message))[0].startswith("Simulation: ")


def test_a_title_too_long_for_a_header_is_shown_below_it():
    title = "t" * 200
    shown = texts(as_payload(full_message(make_notification(title=title))))
    assert shown[:2] == ["t" * 149 + "…", title]


def test_colours_follow_what_is_so_now():
    def colour(notification):
        return full_message(notification).attachments[0]["color"]

    alert, suspicious = (colour(make_notification(level=level)) for level in (Level.ALERT, Level.SUSPICIOUS))
    clear = colour(make_notification(kind=NotificationKind.RESOLVED, level=Level.ALERT))
    blind = colour(make_notification(kind=NotificationKind.COVERAGE_LOST, level=Level.CLEAR))
    assert len({alert, suspicious, clear, blind}) == 4
    assert clear == colour(make_notification(kind=NotificationKind.COVERAGE_REGAINED))


def test_the_button_is_there_while_it_can_be_used():
    open_one = make_notification(ack_url="https://guard.example/ack/x")
    assert open_one.incident is not None
    button = button_of(as_payload(full_message(open_one, button=True)))
    assert button is not None
    assert (button["action_id"], button["value"]) == ("deepguard_acknowledge", open_one.incident.id)
    assert "url" not in button
    link = button_of(as_payload(full_message(open_one)))
    assert link is not None
    assert link["url"] == "https://guard.example/ack/x"
    taken = with_incident(open_one, acknowledged_at=5.0, acknowledged_by="ann")
    over = make_notification(kind=NotificationKind.RESOLVED, ack_url="https://guard.example/ack/x")
    for done in (taken, over, make_notification(kind=NotificationKind.TEST, ack_url="https://guard.example/")):
        assert button_of(as_payload(full_message(done, button=True))) is None
        assert button_of(as_payload(full_message(done))) is None
    assert "Acknowledged\n1970-01-01 00:00:05 UTC by ann" in texts(as_payload(full_message(taken)))


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "https://x/" + "a" * 3000, "https://x/\n", "https://x/ y"])
def test_what_is_no_address_makes_no_link(url):
    assert button_of(as_payload(full_message(make_notification(ack_url=url)))) is None


def test_an_id_that_is_none_makes_no_button():
    notification = with_incident(make_notification(ack_url=""), id="<!channel>" + "x" * 5000)
    assert button_of(as_payload(full_message(notification, button=True))) is None
    check(full_message(notification, button=True))


DIGESTED = [kind for kind in NotificationKind if kind is not NotificationKind.DIGEST]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(names, st.sampled_from(DIGESTED), st.booleans()), min_size=1, max_size=8),
    st.integers(min_value=1, max_value=100),
)
def test_a_digest_of_a_hundred_names_every_one(kinds, count):
    items = [
        make_notification(
            kind=kind,
            participant_id=name,
            call_id="0b2d9f6c-8a51-4c4e-9d5e-1c2f3a4b5c6d",
            simulated=simulated,
            level=Level.SUSPICIOUS,
            source=Source.MICROPHONE if kind.startswith("coverage") else None,
        )
        for name, kind, simulated in (kinds * count)[:count]
    ]
    digest = Notification("ntf_d", NotificationKind.DIGEST, "", "", 1.0, "x" * 500, "y" * 5000, items=tuple(items))
    message = full_message(digest)
    check(message)
    lines = [line for text in texts(as_payload(message)) for line in text.split("\n")]
    last = 0
    for item in items:
        which = item.incident.id if item.incident else item.call_id
        word = item.kind.rpartition(".")[2]
        # In order, each with its own line.
        last = 1 + next(
            at
            for at, line in enumerate(lines[last:], last)
            if which in line and word in line and ", suspicious, " in line and ("simulated" in line) == item.simulated
        )
        name = clean(item.participant_id, 12)
        assert lines[last - 1].startswith(name.rstrip("…") or name or "-")


def test_a_hundred_names_of_ten_thousand_emoji_fit():
    items = tuple(make_notification(participant_id=f"{i} " + "😀" * 10_000) for i in range(100))
    digest = Notification("ntf_d", NotificationKind.DIGEST, "", "", 1.0, "100 alerts", items=items, level=Level.ALERT)
    message = full_message(digest)
    check(message)
    lines = [line for text in digest_lines(items) for line in text.split("\n")]
    assert len(lines) == 100
    for i, (line, item) in enumerate(zip(lines, items, strict=True)):
        assert item.incident is not None
        assert line.startswith(f"{i} 😀")
        assert line.endswith(f": opened, alert, {item.incident.id}")


def test_more_than_can_be_named_are_counted():
    items = tuple(make_notification(participant_id="x" * 500) for _ in range(1000))
    lines = [line for text in digest_lines(items) for line in text.split("\n")]
    assert lines[-1] == f"… and {1001 - len(lines)} more; deepguard deliveries list names them"
    check(full_message(Notification("n", NotificationKind.DIGEST, "", "", 1.0, "1000 alerts", items=items)))


def test_few_are_named_in_full():
    item = make_notification(participant_id="Zoë B", kind=NotificationKind.COVERAGE_LOST, source=Source.CAMERA)
    assert digest_lines([item]) == ["Zoë B: coverage lost (camera), not watched, call-1"]
    assert digest_lines([]) == []


@given(names, st.integers(min_value=1, max_value=300))
def test_clean_text_is_one_short_line(text, limit):
    line = clean(text, limit)
    assert units(line) <= limit
    assert line.isprintable()
    assert clean(line, limit) == line
    if text.isprintable() and " " not in text and units(text) <= limit:
        assert line == text


def test_the_longest_of_everything_is_well_within_the_limit():
    notification = with_incident(
        make_notification(participant_id="😀" * 10_000, title="😀" * 10_000, detail="😀" * 10_000, call_id="😀" * 999),
        acknowledged_by="😀" * 999,
        acknowledged_at=1.0,
        context={f"{i}" + "😀" * 999: "😀" * 999 for i in range(99)},
    )
    message = full_message(notification)
    check(message)
    assert sum(map(units, texts(as_payload(message)))) < MAX_BLOCKS_LENGTH
    assert len(all_blocks(as_payload(message))) < 50
