from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from deepguard.detectors.dataspike import DataspikeConfig, deepguard_register_detectors
from deepguard.detectors.dataspike.config import DEFAULT_URL

KEY = "key-that-nobody-may-see"


def check(environ: dict[str, str] | None = None, **settings: Any) -> DataspikeConfig:
    return DataspikeConfig.model_validate(settings, context={"environ": environ or {}})


def problem(environ: dict[str, str] | None = None, **settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        check(environ, **settings)
    assert KEY not in str(caught.value)
    assert len(caught.value.errors()) == 1, caught.value.errors()
    return caught.value.errors()[0]["msg"]


def test_everything_comes_from_the_environment():
    config = check({"DATASPIKE_API_KEY": KEY, "DATASPIKE_WS_URL": "wss://detect.example/stream"})

    assert config.api_key.get_secret_value() == KEY
    assert config.url == "wss://detect.example/stream"


def test_the_file_wins_over_the_environment():
    config = check(
        {"DATASPIKE_API_KEY": "other", "DATASPIKE_WS_URL": "wss://other.example"}, api_key=KEY, url=DEFAULT_URL
    )

    assert (config.api_key.get_secret_value(), config.url) == (KEY, DEFAULT_URL)


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_setting_is_a_missing_one(empty: str | None):
    config = check({"DATASPIKE_API_KEY": KEY}, api_key=empty, url=empty)

    assert (config.api_key.get_secret_value(), config.url) == (KEY, DEFAULT_URL)


def test_the_process_environment_is_the_fall_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATASPIKE_API_KEY", KEY)
    monkeypatch.delenv("DATASPIKE_WS_URL", raising=False)

    config = DataspikeConfig()

    assert (config.api_key.get_secret_value(), config.url) == (KEY, DEFAULT_URL)


def test_a_missing_key_says_where_to_put_it():
    message = problem()

    assert "DATASPIKE_API_KEY" in message
    assert "api_key" in message


@pytest.mark.parametrize("key", [f"{KEY}\r\nX-Evil: 1", f"{KEY} {KEY}", "schlüssel", f"{KEY}\x00"])
def test_a_key_that_no_header_can_carry_is_refused(key: str):
    assert "DATASPIKE_API_KEY" in problem(api_key=key)


def test_white_space_around_a_key_is_a_slip():
    assert check(api_key=f" {KEY}\n").api_key.get_secret_value() == KEY


@pytest.mark.parametrize(
    "url",
    [
        "ws://localhost:8765",
        "ws://LOCALHOST/x",
        "ws://127.0.0.1:1/x",
        "ws://127.9.9.9",
        "ws://[::1]:8765/",
        "wss://a.b",
    ],
)
def test_good_urls(url: str):
    assert check(api_key=KEY, url=url).url == url


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("https://api.dataspike.io", "wss://"),
        ("api.dataspike.io", "wss://"),
        ("wss://", "wss://"),
        ("wss:///path", "wss://"),
        (f"wss://user:{KEY}@host/", "api_key"),
        (f"wss://{KEY}@host/", "api_key"),
        ("wss://host:notaport/", "URL"),
        ("wss://host:99999/", "URL"),
        ("wss://[::1", "URL"),
        ("wss://host/#fragment", "fragment"),
        ("ws://localhost\\@evil.example/", "special"),
        ("wss://ho st/", "spaces"),
        ("wss://host/\r\nX: 1", "special"),
        ("ws://api.dataspike.io/x", "allow_insecure"),
        ("ws://localhost.evil.example/", "allow_insecure"),
        ("ws://192.168.1.2/", "allow_insecure"),
    ],
)
def test_bad_urls(url: str, word: str):
    for message in (problem(api_key=KEY, url=url), problem({"DATASPIKE_WS_URL": url}, api_key=KEY)):
        assert word in message
        assert "DATASPIKE_WS_URL" in message


def test_insecure_is_possible_when_asked_for():
    assert check(api_key=KEY, url="ws://detector.internal/", allow_insecure=True)


@pytest.mark.parametrize("name", ["window", "answer_timeout", "connect_timeout", "backoff_cap", "heartbeat"])
@pytest.mark.parametrize("value", [0, -1, "nan", "inf", 10**9])
def test_numbers_are_bounded(name: str, value: object):
    settings: dict[str, object] = {"api_key": KEY, name: value}
    problem(None, **settings)


def test_nothing_shows_the_key():
    config = check(api_key=KEY)

    assert KEY not in f"{config!r} {config} {config.model_dump_json()}"


def test_the_schema_asks_for_nothing_and_knows_no_secret(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATASPIKE_API_KEY", KEY)

    schema = DataspikeConfig.model_json_schema()

    assert "required" not in schema
    assert KEY not in str(schema)
    assert all("description" in field for field in schema["properties"].values())


def test_the_hook_offers_one_type():
    (offered,) = deepguard_register_detectors()

    detector = offered.factory(check(api_key=KEY))

    assert (offered.name, offered.config) == ("dataspike", DataspikeConfig)
    assert detector.name == "dataspike"
    assert detector.assesses_deepfakes
    assert not detector.simulated


def test_registering_needs_neither_aiohttp_nor_protobuf():
    program = (
        "import sys, deepguard.detectors.dataspike as d; d.deepguard_register_detectors();"
        "print([name for name in ('aiohttp', 'google.protobuf', 'numpy') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
