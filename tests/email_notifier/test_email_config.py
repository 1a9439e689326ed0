"""What the email notifier's settings allow."""

import pytest
from pydantic import ValidationError

import deepguard_email
from deepguard_email.addresses import parse_address
from deepguard_email.config import EmailConfig
from deepguard_email.notifier import EmailNotifier

MINIMUM = {"host": "smtp.example", "sender": "guard@example.com", "recipients": ["soc@example.com"]}


def configured(**settings):
    return EmailConfig(**(MINIMUM | settings))


def test_the_type_is_offered_through_the_hook():
    (offered,) = deepguard_email.deepguard_register_notifiers()
    assert (offered.name, offered.config) == ("email", EmailConfig)
    assert isinstance(offered.factory(configured()), EmailNotifier)


@pytest.mark.parametrize(
    ("settings", "encryption", "port"),
    [
        ({}, "starttls", 587),
        ({"port": 2525}, "starttls", 2525),
        ({"port": 465}, "tls", 465),
        ({"tls": "tls"}, "tls", 465),
        ({"tls": "tls", "port": 8465}, "tls", 8465),
        ({"tls": "none", "host": "localhost"}, "none", 25),
        ({"tls": "none", "host": "127.0.0.1", "username": "u", "password": "p"}, "none", 25),
        ({"tls": "none", "host": "::1"}, "none", 25),
        ({"tls": "none", "host": "relay.example", "allow_plaintext": True}, "none", 25),
    ],
)
def test_the_port_follows_from_the_encryption_and_the_other_way_round(settings, encryption, port):
    config = configured(**settings)
    assert (config.encryption, config.endpoint[1]) == (encryption, port)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"username": "u"}, "both or none"),
        ({"password": "p-4711"}, "both or none"),
        ({"username": "u\r\n", "password": "p-4711"}, "do not print"),
        ({"tls": "none"}, "allow_plaintext: true"),
        ({"tls": "none", "username": "u", "password": "p-4711", "allow_plaintext": True}, "never sent without"),
        ({"tls": "none", "host": "localhost", "ca_file": "x.pem"}, "ca_file has no meaning"),
        ({"allow_plaintext": True}, "no meaning without tls: none"),
        ({"tls": "starttls", "port": 465}, "set tls: tls"),
        ({"colour": "red"}, "Extra inputs"),
        ({"port": 0}, "greater than or equal"),
        ({"host": "smtp.example/x"}, "match pattern"),
        ({"host": "smtp.example\n"}, "match pattern"),
        ({"recipients": []}, "must not be empty"),
        ({"recipients": ["a@b.c"] * 51}, "at most 50"),
        ({"recipients": ["nobody"]}, "must be a mail address"),
    ],
)
def test_what_cannot_work_is_refused_without_the_value(settings, words):
    with pytest.raises(ValidationError) as error:
        configured(**settings)
    assert words in str(error.value)
    assert "4711" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("guard@example.com", "", "guard@example.com"),
        (" <a.b+c@mail.example> ", "", "a.b+c@mail.example"),
        ("The Guard <guard@example.com>", "The Guard", "guard@example.com"),
        ('"Guard, Inc. (SOC)" <guard@example.com>', "Guard, Inc. (SOC)", "guard@example.com"),
        ("Wächter <wächter@bücher.example>", "Wächter", "wächter@bücher.example"),
        ("root@localhost", "", "root@localhost"),
    ],
)
def test_addresses_that_are_addresses(text, name, address):
    parsed = parse_address(text)
    assert (parsed.display_name, parsed.addr_spec) == (name, address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@b.c",
        "a@",
        "a@b@c.example",
        "a@b..c",
        ".a@b.c",
        "a@-b.c",
        "a@b.c, d@e.f",
        "a@b.c> d@e.f",
        "x <a@b.c> <d@e.f>",
        "a b@c.d",
        "a@b.c\r\nBcc: x@y.z",
        "x\n <a@b.c>",
        "a@b.c\x00",
        "a@\u202eb.c",
        '"a b"@c.d',
        "=?utf-8?q?x?= <a@b.c>",
        'x" <a@b.c>',
        "x\\ <a@b.c>",
        "x" * 101 + " <a@b.c>",
        "a" * 65 + "@b.c",
        "a@" + "b" * 64 + ".c",
        "a@" + "b." * 126 + "cd",
        "group: a@b.c;",
        "a@[127.0.0.1]",
        "a@b.c SIZE=1",
    ],
)
def test_addresses_that_are_none(text):
    with pytest.raises(ValueError, match=r"address") as error:
        parse_address(text)
    assert len(text) < 4 or text not in str(error.value)


def test_a_list_of_which_no_entry_is_right_is_not_called_empty():
    with pytest.raises(ValidationError) as caught:
        configured(recipients=["nobody", "no body"])
    assert [error["loc"] for error in caught.value.errors()] == [("recipients", 0), ("recipients", 1)]


def test_neither_the_settings_nor_the_notifier_show_the_password():
    config = configured(username="guard", password="p-4711")
    assert "4711" not in repr(config) + str(config) + repr(vars(EmailNotifier(config)).keys())
    assert "4711" not in config.model_dump_json()
