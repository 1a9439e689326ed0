"""What the YAML may say about an email notifier."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from deepguard import PluginConfig, is_loopback
from deepguard_email.addresses import parse_address

Tls = Literal["starttls", "tls", "none"]

PORTS: dict[Tls, int] = {"starttls": 587, "tls": 465, "none": 25}


def _checked(address: str) -> str:
    parse_address(address)
    return address


def _some(recipients: object) -> object:
    # Not min_length: pydantic would call a list empty of which no entry is right.
    if recipients in ([], ()):
        raise ValueError("must not be empty")
    return recipients


MailAddress = Annotated[str, Field(max_length=400), AfterValidator(_checked)]


class EmailConfig(PluginConfig):
    """The settings of `type: email`."""

    host: str = Field(
        min_length=1, max_length=253, pattern=r"^[\w.:-]+$", description="The mail server's name or IP address."
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="Default: 587 for starttls, 465 for tls, 25 for none."
    )
    tls: Tls | None = Field(
        default=None,
        description=(
            "starttls: encrypted before anything is said. tls: encrypted from the first byte. none: not encrypted; to "
            "this machine only, unless allow_plaintext says otherwise. Default: tls on port 465, else starttls."
        ),
    )
    allow_plaintext: bool = Field(
        default=False, description="Let tls: none reach other machines. A password is never sent that way."
    )
    ca_file: str | None = Field(
        default=None,
        min_length=1,
        pattern=r"^[^\x00]+$",
        description="Certificates (PEM) that the server's must come from, instead of those that the system trusts.",
    )
    username: str | None = Field(
        default=None, min_length=1, max_length=320, description="For the login; with password."
    )
    password: SecretStr | None = Field(default=None, min_length=1, max_length=4096, description="With username.")
    sender: MailAddress = Field(description="The address that messages come from; may have a name before it.")
    recipients: Annotated[tuple[MailAddress, ...], BeforeValidator(_some)] = Field(
        max_length=50,
        json_schema_extra={"minItems": 1},
        description="The addresses that messages go to; each sees the others.",
    )
    evidence: bool = Field(
        default=False,
        description="Attach the picture that an incident rests on to its first message, where pictures are kept.",
    )

    @property
    def encryption(self) -> Tls:
        """How the connection is encrypted."""
        return self.tls or ("tls" if self.port == PORTS["tls"] else "starttls")

    @property
    def endpoint(self) -> tuple[str, int]:
        """The server's name or address, and its port."""
        return self.host, self.port or PORTS[self.encryption]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together: set both or none")
        if self.username and not self.username.isprintable():
            raise ValueError("username holds characters that do not print")
        if self.tls == "starttls" and self.port == PORTS["tls"]:
            raise ValueError("port 465 is encrypted from the first byte: set tls: tls, or another port")
        if self.encryption == "none":
            self._check_plaintext()
        elif self.allow_plaintext:
            raise ValueError("allow_plaintext has no meaning without tls: none")
        return self

    def _check_plaintext(self) -> None:
        if self.ca_file:
            raise ValueError("ca_file has no meaning with tls: none")
        if is_loopback(self.host):
            return
        if self.password:
            raise ValueError("a password is never sent without encryption: set tls: starttls or tls: tls")
        if not self.allow_plaintext:
            raise ValueError("tls: none is for a server on this machine; allow_plaintext: true allows others")
