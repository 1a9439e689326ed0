"""What the YAML may say about a webhook."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from deepguard import PluginConfig
from deepguard_webhook.addresses import Network, is_named, is_public

_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)  # what the Standard Webhooks specification asks for
_HOW_TO = (
    'a secret is whsec_ and the base64 of 24 to 64 random bytes; make one with: echo "whsec_$(openssl rand -base64 32)"'
)
_GOOD_URL = "it must look like https://host/path"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_OUR_PREFIX = "webhook-"
_LOOKS_LIKE_A_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)")
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")

_Secret = Annotated[SecretStr, Field(max_length=200)]
_HeaderValue = Annotated[SecretStr, Field(max_length=4096)]


class WebhookConfig(PluginConfig):
    """The settings of `type: webhook`."""

    allow_networks: tuple[str, ...] = Field(
        default=(),
        max_length=64,
        description=(
            "Networks that may be connected to although they are not public, for example 10.0.0.0/8; "
            "and the only ones that http:// goes to."
        ),
    )
    url: SecretStr = Field(max_length=2000, description="Where to send to: https://host/path.")
    secret: _Secret | Annotated[tuple[_Secret, ...], Field(min_length=1, max_length=8)] | None = Field(
        default=None,
        description="Signs each message (Standard Webhooks, whsec_…). A list while secrets are changed: each signs.",
    )
    headers: dict[str, _HeaderValue] = Field(
        default_factory=dict, max_length=32, description="Further HTTP headers, for example Authorization."
    )
    ca_file: str | None = Field(
        default=None,
        min_length=1,
        pattern=r"^[^\x00]+$",
        description="The CA certificates (PEM) to trust instead of the system's.",
    )

    @property
    def networks(self) -> tuple[Network, ...]:
        """``allow_networks`` as networks."""
        return tuple(ip_network(text) for text in self.allow_networks)

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The signing keys, in the order of ``secret``; none when messages are not signed."""
        return tuple(_key(secret) for secret in _secrets(self.secret))

    @field_validator("allow_networks")
    @classmethod
    def _check_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for number, text in enumerate(networks, 1):
            try:
                ip_network(text)
            except ValueError:
                raise ValueError(
                    f"entry {number} is not a network: write its first address and its length, for example "
                    "10.0.0.0/8, or one address"
                ) from None
        return networks

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        text = url.get_secret_value().strip()
        if not (text.isascii() and text.isprintable()) or " " in text or "\\" in text:
            raise ValueError(f"not a URL: it holds spaces or special characters; {_GOOD_URL}")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError(f"not a URL; {_GOOD_URL}") from None
        if parts.scheme not in ("http", "https") or not host or port == 0:
            raise ValueError(f"not a URL of a webhook; {_GOOD_URL}")
        if parts.username is not None or parts.password is not None:
            raise ValueError("must not hold a user or a password: put them into headers, as Authorization")
        if "#" in text:
            raise ValueError("must not hold a #fragment: it would never be sent")
        # When allow_networks itself is wrong, that is told instead.
        networks = [ip_network(network) for network in info.data.get("allow_networks", ())]
        _check_host(host, networks if "allow_networks" in info.data else None)
        if parts.scheme == "http" and "allow_networks" in info.data and not networks:
            raise ValueError(
                "http:// is readable and forgeable on the way: use https://, or, for a receiver on this machine or in "
                "a private network, name that network in allow_networks, for example [127.0.0.0/8, '::1/128']"
            )
        return SecretStr(text)

    @field_validator("secret")
    @classmethod
    def _check_secret(
        cls, secret: SecretStr | tuple[SecretStr, ...] | None
    ) -> SecretStr | tuple[SecretStr, ...] | None:
        for one in _secrets(secret):
            _key(one)
        return secret

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        seen: set[str] = set()
        for number, (name, value) in enumerate(headers.items(), 1):
            lower, text = name.lower(), value.get_secret_value().strip()
            if not _HEADER_NAME.fullmatch(name) or len(name) > 100:
                raise ValueError(f"header {number}: a name is made of letters, digits and hyphens, for example X-Token")
            if lower in _OURS or lower.startswith(_OUR_PREFIX):
                shown = lower if lower in _OURS else "webhook-…"
                raise ValueError(f"the header {shown} is set by deepguard itself; remove it")
            if lower in seen:
                raise ValueError(f"header {number} is given twice; capital letters make no difference in its name")
            seen.add(lower)
            if not text or not (text.isascii() and text.isprintable()):
                raise ValueError(f"header {number}: its value is empty, or holds line breaks or special characters")
        return {name: SecretStr(value.get_secret_value().strip()) for name, value in headers.items()}


def _check_host(host: str, networks: Sequence[Network] | None) -> None:
    """Refuse a host that can never work, while the person who wrote it is looking."""
    try:
        address = ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        if _LOOKS_LIKE_A_NUMBER.fullmatch(labels[-1]):
            raise ValueError("its host is a number: write an address as four numbers, for example 192.0.2.1") from None
        if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
            raise ValueError(f"its host is not a name: write an international one as xn--…; {_GOOD_URL}") from None
        return
    if networks is not None and not is_public(address) and not is_named(address, networks):
        raise ValueError("its address is a private one: name its network in allow_networks if it is right")


def _secrets(secret: SecretStr | tuple[SecretStr, ...] | None) -> tuple[SecretStr, ...]:
    if secret is None:
        return ()
    return secret if isinstance(secret, tuple) else (secret,)


def _key(secret: SecretStr) -> bytes:
    text = secret.get_secret_value().strip()
    encoded = text.removeprefix(_PREFIX)
    try:
        # Some tools leave out the padding, and receivers' libraries take it so.
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"is not base64 behind whsec_; {_HOW_TO}") from None
    if not text.startswith(_PREFIX):
        raise ValueError(f"does not begin with whsec_; {_HOW_TO}")
    if len(key) not in _KEY_BYTES:
        raise ValueError(f"is too short or too long; {_HOW_TO}")
    return key


__all__ = ["WebhookConfig"]
