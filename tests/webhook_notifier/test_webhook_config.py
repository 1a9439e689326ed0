"""What the YAML may say about a webhook, and what is said when it says something else."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

import deepguard_webhook
from deepguard import ConfigError
from deepguard.config.loading import load_config
from deepguard.plugins import PluginHost
from deepguard_webhook.config import WebhookConfig
from deepguard_webhook.notifier import WebhookNotifier

URL = "https://soc.example/hook?token=t0ps3cret"
GOOD = "whsec_" + base64.b64encode(b"k" * 32).decode()


def config(**settings: Any) -> WebhookConfig:
    return WebhookConfig.model_validate({"url": URL, **settings})


def refusal(**settings: Any) -> str:
    """What is said about settings that do not work; it never holds one of them."""
    with pytest.raises(ValidationError) as caught:
        config(**settings)
    said = str(caught.value)
    assert "t0ps3cret" not in said
    return said


def test_the_type_is_offered_through_the_hook() -> None:
    (offered,) = deepguard_webhook.deepguard_register_notifiers()
    assert (offered.name, offered.config) == ("webhook", WebhookConfig)
    assert isinstance(offered.factory(config()), WebhookNotifier)


def test_the_example_of_the_design_is_taken() -> None:
    made = config(url="https://soc.example/hook", secret=GOOD, allow_networks=[])
    assert made.keys == (b"k" * 32,)
    assert made.networks == ()


def test_neither_url_nor_secret_nor_headers_show() -> None:
    made = config(secret=[GOOD], headers={"X-Token": "t0ps3cret"})
    for text in (repr(made), str(made), repr(WebhookNotifier(made)), made.model_dump_json()):
        assert "t0ps3cret" not in text
        assert GOOD not in text


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("soc.example/t0ps3cret", "must look like https://host/path"),
        ("ftp://soc.example/t0ps3cret", "must look like https://host/path"),
        ("https:///t0ps3cret", "must look like https://host/path"),
        ("https://soc.example:99999/t0ps3cret", "must look like https://host/path"),
        ("https://soc.example:0/t0ps3cret", "must look like https://host/path"),
        ("https://[::1/t0ps3cret", "must look like https://host/path"),
        ("https://soc.example/t0ps3cret x", "spaces or special characters"),
        ("https://soc.example/\r\nt0ps3cret", "spaces or special characters"),
        ("https://soc.example\\@evil.example/t0ps3cret", "spaces or special characters"),
        ("https://söc.example/t0ps3cret", "spaces or special characters"),
        ("https://user:t0ps3cret@soc.example/", "Authorization"),
        ("https://soc.example/#t0ps3cret", "#fragment"),
        ("https://soc..example/t0ps3cret", "not a name"),
        (f"https://{'a' * 64}.example/t0ps3cret", "not a name"),
        ("https://2130706433/t0ps3cret", "four numbers"),
        ("https://0x7f000001/t0ps3cret", "four numbers"),
        ("https://0177.0.0.1/t0ps3cret", "four numbers"),
        ("https://127.1/t0ps3cret", "four numbers"),
        ("https://127.0.0.1/t0ps3cret", "name its network in allow_networks"),
        ("https://[::ffff:169.254.169.254]/t0ps3cret", "name its network in allow_networks"),
        ("http://soc.example/t0ps3cret", "use https://"),
        ("http://localhost:9000/t0ps3cret", "[127.0.0.0/8, '::1/128']"),
        ("", "must look like https://host/path"),
    ],
)
def test_a_url_that_cannot_work_is_refused_before_anything_is_sent(url: str, said: str) -> None:
    assert said in refusal(url=url)


@pytest.mark.parametrize(
    ("url", "networks"),
    [
        ("http://localhost:9000/hook", ["127.0.0.0/8"]),
        ("http://receiver:9000/hook", ["172.16.0.0/12"]),
        ("https://10.1.2.3/hook", ["10.0.0.0/8"]),
        ("https://[fd00::5]:8443/hook", ["fd00::/8"]),
        ("https://8.8.8.8/hook", []),
        ("https://xn--sc-fka.example", []),
        ("https://soc.example./hook", []),
        ("  https://soc.example/hook\n", []),
    ],
)
def test_urls_that_may_be(url: str, networks: list[str]) -> None:
    assert config(url=url, allow_networks=networks).url.get_secret_value() == url.strip()


@pytest.mark.parametrize("network", ["10.0.0.1/8", "10.0.0.0/33", "intern", "", "10.0.0.0-10.0.0.9"])
def test_a_network_that_is_none_is_told_by_its_place_and_nothing_else_is_blamed(network: str) -> None:
    said = refusal(url="http://10.0.0.1/hook", allow_networks=["127.0.0.0/8", network])
    assert "entry 2 is not a network" in said
    assert "1 validation error" in said


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("t0ps3cret", "is not base64"),
        (GOOD.removeprefix("whsec_"), "does not begin with whsec_"),
        ("whsec_t0ps3cret!", "is not base64"),
        ("whsec_" + base64.b64encode(b"t" * 23).decode(), "too short"),
        ("whsec_" + base64.b64encode(b"t" * 65).decode(), "too short or too long"),
        ("whsec_", "too short"),
        ("", "does not begin with whsec_"),
        ("whsec_ünicode", "is not base64"),
        ([GOOD, "t0ps3cret"], "is not base64"),
    ],
)
def test_a_secret_that_is_none_is_told_what_a_good_one_is(secret: Any, said: str) -> None:
    told = refusal(secret=secret)
    assert said in told
    assert 'echo "whsec_$(openssl rand -base64 32)"' in told


@pytest.mark.parametrize("secret", [[], [GOOD] * 9, 5])
def test_a_list_of_secrets_has_some(secret: Any) -> None:
    assert "secret" in refusal(secret=secret)


def test_what_files_and_tools_do_to_a_secret_does_no_harm() -> None:
    assert config(secret=f" {GOOD}\n").keys == config(secret=GOOD.rstrip("=")).keys == (b"k" * 32,)


def test_several_secrets_keep_their_order() -> None:
    other = "whsec_" + base64.b64encode(b"o" * 24).decode()
    assert config(secret=[other, GOOD]).keys == (b"o" * 24, b"k" * 32)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Host": "t0ps3cret"}, "header host is set by deepguard itself"),
        ({"content-LENGTH": "5"}, "header content-length is set by deepguard itself"),
        ({"Content-Type": "text/plain"}, "header content-type is set by deepguard itself"),
        ({"Transfer-Encoding": "chunked"}, "is set by deepguard itself"),
        ({"Connection": "keep-alive"}, "is set by deepguard itself"),
        ({"Webhook-t0ps3cret": "x"}, "header webhook-… is set by deepguard itself"),
        ({"X-A": "t0ps3cret\r\nX-B: 1"}, "line breaks"),
        ({"X-A": "t0ps3cret\x00"}, "special characters"),
        ({"X-A": "t0ps3crét"}, "special characters"),
        ({"X-B": "1", "X-A": " "}, "header 2: its value is empty"),
        ({"t0ps3cret x": "1"}, "header 1: a name is made of letters, digits and hyphens"),
        ({"t0ps3cret\n": "1"}, "header 1: a name is made of letters, digits and hyphens"),
        ({"": "1"}, "header 1: a name is made of letters, digits and hyphens"),
        ({"X-A": "1", "x-a": "2"}, "header 2 is given twice"),
    ],
)
def test_headers_that_are_not_the_operators_or_not_headers_are_refused(headers: dict[str, str], said: str) -> None:
    assert said in refusal(headers=headers)


def test_values_of_headers_lose_the_line_break_of_the_file_they_came_from() -> None:
    made = config(headers={"Authorization": "Bearer x\n"})
    assert made.headers == {"Authorization": SecretStr("Bearer x")}


def test_unknown_settings_are_refused() -> None:
    assert "extra_forbidden" in refusal(follow_redirects=True)


def loading(folder: Path, entry: str, **environ: str) -> WebhookConfig:
    """Load a file as `deepguard run` does."""
    (folder / "deepguard.yaml").write_text(f"notifiers:\n  - type: webhook\n{entry}")
    (loaded,) = load_config(folder / "deepguard.yaml", PluginHost(), environ).notifiers
    assert isinstance(loaded.options, WebhookConfig)
    return loaded.options


def test_a_file_with_variables_is_taken(tmp_path: Path) -> None:
    entry = "    url: ${URL}\n    secret: ${WEBHOOK_SECRET}\n    headers: {X-Token: '${TOKEN}'}\n"
    made = loading(tmp_path, entry, URL=URL, WEBHOOK_SECRET=GOOD, TOKEN="t")
    assert (made.url.get_secret_value(), made.keys) == (URL, (b"k" * 32,))


def test_everything_that_is_wrong_in_a_file_is_told_with_its_line_and_no_value(tmp_path: Path) -> None:
    entry = (
        "    url: ${URL}\n    secret: ${SECRET}\n    headers:\n      X-A: |\n        t0ps3cret\n        x\n    to: 1\n"
    )
    with pytest.raises(ConfigError) as caught:
        loading(tmp_path, entry, URL="http://soc.example/t0ps3cret", SECRET="t0ps3cret")
    said = str(caught.value)
    assert "t0ps3cret" not in said
    lines = said.splitlines()
    assert [line.split(":")[1] for line in lines] == ["3", "4", "5", "9"]
    assert "http:// is readable and forgeable on the way" in lines[0]
    assert "openssl rand -base64 32" in lines[1]
    assert "line breaks" in lines[2]
    assert "unknown setting 'to'" in lines[3]
