"""A host with a stranger's plugin whose settings are of every kind."""

from __future__ import annotations

import pytest

from deepguard.plugins import PluginHost
from support.packages import SitePackages, site

ACME = """
from typing import Literal
from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator

class Hop(PluginConfig):
    host: str
    retries: int = Field(default=3, ge=0)

class AcmeConfig(PluginConfig):
    url: HttpUrl
    token: SecretStr = SecretStr("")
    mode: Literal["fast", "careful"] = "fast"
    room: str = Field(default="lobby", min_length=3, max_length=20, pattern="^[a-z]+$")
    loud: bool = False
    either: int | list[int] = 0
    hops: list[Hop] = Field(default=[], max_length=2)
    headers: dict[str, str] = {}
    delay: float = Field(default=1, multiple_of=0.5)

    @field_validator("token")
    @classmethod
    def _token(cls, token):
        if "wrong" in token.get_secret_value():
            raise ValueError(f"the token {token.get_secret_value()} is not one of acme's")
        return token

    @model_validator(mode="before")
    @classmethod
    def _fails(cls, data, info):
        if data.get("room") == "crash":
            raise KeyError(data["token"])
        if data.get("room") == "environ":
            raise ValueError(f"the key {info.context['environ']['DATASPIKE_API_KEY']} is not liked")
        return data

@hookimpl
def deepguard_register_notifiers():
    return [NotifierType("acme", AcmeConfig, Notifier)]
"""


@pytest.fixture
def host(site: SitePackages) -> PluginHost:
    """Sees the built-in plugins and acme's: a notifier, hooks, and one that does not load."""
    site.install(
        "acme-notify",
        {"acme": "acme_notify", "acme-hooks": "acme_hooks", "acme-broken": "acme_broken"},
        {"acme_notify": ACME, "acme_hooks": "", "acme_broken": "import acme_missing"},
    )
    return PluginHost()


__all__ = ["host", "site"]
