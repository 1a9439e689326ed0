"""The settings of the Dataspike detector."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from deepguard.contracts import PluginConfig
from deepguard.net import is_loopback

DEFAULT_URL = "wss://api.dataspike.io/api/v4/deepfake/stream"
API_KEY_VARIABLE = "DATASPIKE_API_KEY"
URL_VARIABLE = "DATASPIKE_WS_URL"
FROM_ENVIRONMENT = {"api_key": API_KEY_VARIABLE, "url": URL_VARIABLE}


class DataspikeConfig(PluginConfig):
    """How the Dataspike service is reached.

    What is missing comes from the environment: from the mapping ``environ`` of the validation context where there is
    one, else from the process's own.
    """

    api_key: SecretStr = Field(
        default=SecretStr(""), validate_default=True, description=f"The account's key. Default: ${API_KEY_VARIABLE}."
    )
    allow_insecure: bool = Field(
        default=False, description="Let ws:// (nothing encrypted, the key readable on the way) leave this machine."
    )
    url: str = Field(
        default=DEFAULT_URL,
        validate_default=True,
        description=f"The service's WebSocket. Default: ${URL_VARIABLE}, else Dataspike's own.",
    )
    answer_timeout: float = Field(
        default=15.0,
        gt=0,
        le=300,
        description="Seconds that a sample waits for its verdict; also the silence after which to connect anew.",
    )
    window: int = Field(
        default=8,
        ge=2,
        le=256,
        description="Samples of one track on their way at once; the newest displaces the oldest.",
    )
    connect_timeout: float = Field(default=10.0, gt=0, le=120, description="Seconds that connecting may take.")
    send_timeout: float = Field(default=10.0, gt=0, le=120, description="Seconds that sending one sample may take.")
    heartbeat: float = Field(default=10.0, gt=0, le=300, description="Seconds of silence until a ping is sent.")
    drain_timeout: float = Field(
        default=2.0, ge=0, le=60, description="Seconds to wait for the last verdicts when a call ends."
    )
    close_timeout: float = Field(default=1.0, gt=0, le=60, description="Seconds that closing the connection may take.")
    backoff_base: float = Field(
        default=0.5, gt=0, le=60, description="Longest wait before the second attempt to connect; doubles each time."
    )
    backoff_cap: float = Field(default=30.0, gt=0, le=3600, description="Longest wait between two attempts.")
    stable_after: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds connected after which the waits start small again."
    )
    retry_after_cap: float = Field(
        default=300.0,
        gt=0,
        le=3600,
        description="Longest wait that the service may ask for with Retry-After, in seconds.",
    )
    probe_after: float = Field(
        default=300.0, ge=1, le=86400, description="Seconds until a refused key is tried once more."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, Mapping):
            return data
        environ = (info.context or {}).get("environ", os.environ)
        filled = dict(data)
        for name, variable in FROM_ENVIRONMENT.items():
            # An entry left empty (`api_key: ${KEY:-}`) means the same as none.
            if filled.get(name) in (None, ""):
                filled.pop(name, None)
                if value := environ.get(variable):
                    filled[name] = value
        return filled

    @field_validator("api_key")
    @classmethod
    def _check_key(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value().strip()
        if not text:
            raise ValueError(f"no API key: set {API_KEY_VARIABLE} in the environment, or api_key here")
        # The key travels in an HTTP header.
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise ValueError(f"not an API key ({API_KEY_VARIABLE} or api_key): it holds spaces or special characters")
        return SecretStr(text)

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str, info: ValidationInfo) -> str:
        where = f"(url, or {URL_VARIABLE} in the environment)"
        if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
            raise ValueError(f"not a URL: it holds spaces or special characters {where}")
        try:
            parts = urlsplit(url)
            host, _port = parts.hostname, parts.port
        except ValueError:
            raise ValueError(f"not a URL {where}") from None
        if parts.scheme not in ("ws", "wss") or not host:
            raise ValueError(f"must look like wss://host/path {where}")
        if parts.username is not None or parts.password is not None:
            raise ValueError(f"must not hold a user or a password: the key belongs in api_key {where}")
        if parts.fragment:
            raise ValueError(f"must not hold a #fragment {where}")
        if parts.scheme == "ws" and not info.data.get("allow_insecure") and not is_loopback(host):
            raise ValueError(
                f"ws:// sends the key and the face unencrypted: use wss://, or set allow_insecure: true {where}"
            )
        return url


__all__ = ["API_KEY_VARIABLE", "DEFAULT_URL", "URL_VARIABLE", "DataspikeConfig"]
