"""What a Slack notifier's settings may be, and how wrong ones are told."""

import pytest
from pydantic import ValidationError

import deepguard_slack
from deepguard_slack.config import SlackConfig
from deepguard_slack.notifier import SlackNotifier
from support.slack_server import APP_TOKEN, BOT_TOKEN

HOOK = "https://hooks.slack.com/services/T0001/B0001/SeCrEtHook"
BOT = {"bot_token": BOT_TOKEN, "channel": "#alerts"}


def test_the_type_is_offered_through_the_hook():
    (offered,) = deepguard_slack.deepguard_register_notifiers()
    assert (offered.name, offered.config) == ("slack", SlackConfig)
    assert isinstance(offered.factory(SlackConfig.model_validate({"webhook_url": HOOK})), SlackNotifier)


@pytest.mark.parametrize(
    "settings",
    [
        {"webhook_url": HOOK},
        {"webhook_url": f" {HOOK}\n"},
        {"webhook_url": "http://127.0.0.1:8080/x"},
        BOT,
        BOT | {"channel": "C0123456789", "app_token": APP_TOKEN, "evidence": True},
        BOT | {"bot_token": "xoxe.xoxb-1-abc", "api_url": "http://[::1]:8080/api"},
        BOT | {"channel": "#alarme-büro"},
    ],
)
def test_good_settings(settings):
    config = SlackConfig.model_validate(settings)
    assert config.api_url.endswith("/")
    if config.webhook_url:
        assert config.webhook_url.get_secret_value() == settings["webhook_url"].strip()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "either webhook_url, or bot_token and channel"),
        ({"channel": "#alerts"}, "either webhook_url, or bot_token and channel"),
        ({"app_token": APP_TOKEN}, "either webhook_url, or bot_token and channel"),
        ({"bot_token": BOT_TOKEN}, "bot_token needs a channel"),
        (BOT | {"webhook_url": HOOK}, "no bot_token and no channel"),
        ({"webhook_url": HOOK, "app_token": APP_TOKEN}, "no app_token"),
        ({"webhook_url": HOOK, "evidence": True}, "no evidence"),
        (BOT | {"bot_token": "xoxp-1-SeCrEt"}, "this is a user token; it must be the Bot User OAuth Token"),
        (BOT | {"bot_token": APP_TOKEN}, "this is an app-level token; it must be the Bot User OAuth Token"),
        (BOT | {"bot_token": HOOK}, "this is an address"),
        (BOT | {"bot_token": "SeCrEt"}, "this is no token of that kind"),
        (BOT | {"bot_token": " "}, "it is empty"),
        (BOT | {"bot_token": "xoxb-SeCrEt\r\nX: y"}, "characters that no token has"),
        (BOT | {"app_token": BOT_TOKEN}, "this is a bot token; it must be an app-level token"),
        ({"webhook_url": BOT_TOKEN}, "this is a token, not a webhook's address"),
        ({"webhook_url": "SeCrEt"}, "not an address such as"),
        ({"webhook_url": "https://SeCrEt:x/"}, "not an address such as"),
        ({"webhook_url": "https://[SeCrEt/"}, "not an address such as"),
        ({"webhook_url": "https:///SeCrEt"}, "not an address such as"),
        ({"webhook_url": "ftp://hooks.slack.com/SeCrEt"}, "not an address such as"),
        ({"webhook_url": "http://hooks.slack.com/SeCrEt"}, "must begin with https://"),
        ({"webhook_url": "https://SeCrEt:SeCrEt@hooks.slack.com/"}, "neither spaces nor a user name"),
        ({"webhook_url": f"{HOOK} x"}, "neither spaces nor a user name"),
        (BOT | {"api_url": "http://slack.com/api/"}, "must begin with https://"),
        (BOT | {"api_url": "https://slack.com/api?x=SeCrEt"}, "must end with a path"),
        (BOT | {"channel": "# SeCrEt"}, "channel"),
        (BOT | {"channel": "<!SeCrEt>"}, "channel"),
        (BOT | {"colour": "SeCrEt"}, "colour"),
    ],
)
def test_bad_settings_say_what_to_do_and_never_the_value(settings, told):
    with pytest.raises(ValidationError) as caught:
        SlackConfig.model_validate(settings)
    assert told in str(caught.value)
    assert "SeCrEt" not in str(caught.value)
    assert "SeCrEt" not in str(caught.value.errors(include_input=False, include_url=False, include_context=False))


def test_secrets_are_in_no_repr():
    for config in (
        SlackConfig.model_validate({"webhook_url": HOOK}),
        SlackConfig.model_validate(BOT | {"app_token": APP_TOKEN}),
    ):
        assert "SeCrEt" not in repr(config) + str(config) + config.model_dump_json() + repr(SlackNotifier(config))
