"""What the YAML may say about a Slack notifier."""

from __future__ import annotations

import re
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from deepguard import PluginConfig, is_loopback

API_URL = "https://slack.com/api/"

_TOKEN = re.compile(r"[A-Za-z0-9._-]+")
_KINDS_OF_TOKEN = {
    "xoxb-": "a bot token",
    "xoxe.xoxb-": "a bot token",
    "xoxp-": "a user token",
    "xoxe.xoxp-": "a user token",
    "xapp-": "an app-level token",
    "xoxe-": "a refresh token",
    "xoxc-": "a browser's token",
    "xoxa-": "a legacy token",
    "https://": "an address",
}


class SlackConfig(PluginConfig):
    """The settings of `type: slack`: either `webhook_url`, or `bot_token` and `channel`."""

    webhook_url: SecretStr | None = Field(
        default=None, description="An incoming webhook's address. It is a secret: whoever has it can post."
    )
    bot_token: SecretStr | None = Field(
        default=None, description="The app's Bot User OAuth Token (xoxb-…): one thread an incident, edited in place."
    )
    channel: str | None = Field(
        default=None,
        min_length=1,
        max_length=81,
        pattern=r"^#?[^\s#@<>&]+$",
        description="With bot_token: the channel's id (C…) or its name (#alerts).",
    )
    app_token: SecretStr | None = Field(
        default=None, description="With bot_token: an app-level token (xapp-…), for a button that acknowledges."
    )
    evidence: bool = Field(
        default=False,
        description="With bot_token: put the picture that an incident rests on into its thread. Biometric data.",
    )
    api_url: str = Field(default=API_URL, description="Slack's Web API; another address for a proxy of your own.")

    @field_validator("webhook_url")
    @classmethod
    def _check_webhook(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        address = value.get_secret_value().strip()
        if address.startswith(("xoxb-", "xoxp-", "xapp-")):
            raise ValueError("this is a token, not a webhook's address; tokens go to bot_token or app_token")
        _check_address(address, "https://hooks.slack.com/services/…")
        return SecretStr(address)

    @field_validator("bot_token")
    @classmethod
    def _check_bot_token(cls, value: SecretStr | None) -> SecretStr | None:
        where = "the Bot User OAuth Token (xoxb-…), under OAuth & Permissions at https://api.slack.com/apps"
        return _checked_token(value, ("xoxb-", "xoxe.xoxb-"), where)

    @field_validator("app_token")
    @classmethod
    def _check_app_token(cls, value: SecretStr | None) -> SecretStr | None:
        where = "an app-level token (xapp-…), under Basic Information at https://api.slack.com/apps"
        return _checked_token(value, ("xapp-",), where)

    @field_validator("api_url")
    @classmethod
    def _check_api_url(cls, value: str) -> str:
        _check_address(value, API_URL)
        if "?" in value or "#" in value:
            raise ValueError(f"it must end with a path, for example {API_URL}")
        return value if value.endswith("/") else f"{value}/"

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if self.webhook_url is None and self.bot_token is None:
            raise ValueError("Slack needs either webhook_url, or bot_token and channel")
        if self.webhook_url is not None:
            settings = {
                "bot_token": self.bot_token,
                "channel": self.channel,
                "app_token": self.app_token,
                "evidence": self.evidence or None,
            }
            if extra := [name for name, value in settings.items() if value is not None]:
                raise ValueError(
                    f"with webhook_url there can be no {' and no '.join(extra)}: a webhook posts to its own channel, no"
                    " more; use bot_token and channel instead of webhook_url for threads, pictures and buttons"
                )
        elif self.channel is None:
            raise ValueError("bot_token needs a channel: its id (C…) or its name (#alerts)")
        return self


def _checked_token(value: SecretStr | None, prefixes: tuple[str, ...], wanted: str) -> SecretStr | None:
    if value is None:
        return None
    token = value.get_secret_value().strip()
    if not token:
        raise ValueError(f"it is empty; it must be {wanted}")
    if not token.startswith(prefixes):
        kind = next((kind for prefix, kind in _KINDS_OF_TOKEN.items() if token.startswith(prefix)), None)
        raise ValueError(f"this is {kind or 'no token of that kind'}; it must be {wanted}")
    if not _TOKEN.fullmatch(token):
        raise ValueError(f"it has characters that no token has; it must be {wanted}")
    return SecretStr(token)


def _check_address(address: str, example: str) -> None:
    """Refuse what is not an address that a secret may be sent to. No message repeats any of it."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    if not host or parts.scheme not in ("http", "https") or not address.isascii() or not address.isprintable():
        raise ValueError(f"it is not an address such as {example}")
    if " " in address or parts.username is not None or parts.password is not None:
        raise ValueError(f"it must hold neither spaces nor a user name, for example {example}")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("it must begin with https://, or everybody on the way could read the secret")
