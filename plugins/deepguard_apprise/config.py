"""What the YAML may say about an apprise notifier."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from deepguard import PluginConfig


def _checked(url: SecretStr) -> SecretStr:
    # It takes a second to load, so it is loaded by whoever has such a setting.
    from deepguard_apprise.services import service

    service(url.get_secret_value())
    return url


def _some(urls: object) -> object:
    # Not min_length: pydantic would call a list empty of which no entry is right.
    if urls in ([], ()):
        raise ValueError("must not be empty")
    return urls


ServiceUrl = Annotated[SecretStr, Field(min_length=1, max_length=4096), AfterValidator(_checked)]


class AppriseConfig(PluginConfig):
    """The settings of `type: apprise`."""

    urls: Annotated[tuple[ServiceUrl, ...], BeforeValidator(_some)] = Field(
        max_length=20,
        json_schema_extra={"minItems": 1},
        description="Addresses of services as Apprise writes them, for example ntfy://ntfy.example/alerts.",
    )
