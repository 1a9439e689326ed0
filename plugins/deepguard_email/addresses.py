"""Mail addresses, read strictly: whatever could be taken for two addresses, or for a command, is none."""

from __future__ import annotations

import re
from email.headerregistry import Address

_BARE_OR_NAMED = re.compile(r"(?:(?P<name>[^<>]*?)\s*<(?P<inner>[^<>]*)>|(?P<bare>[^<>]*))")
_ATOM = r'[^\s"(),.:;<>@\[\]\\]+'
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = r"(?!-)(?:[A-Za-z0-9_-]|[^\x00-\x7f]){1,63}(?<!-)"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST_NAME = 100


def parse_address(text: str) -> Address:
    """Read one address, with or without a name: ``guard@example.com``, ``Guard <guard@example.com>``.

    Raises:
        ValueError: It is not exactly one; the message does not repeat it.
    """
    text = text.strip()
    found = _BARE_OR_NAMED.fullmatch(text)
    if found is None or not text.isprintable():
        raise ValueError("must be one mail address, for example guard@example.com or Guard <guard@example.com>")
    name = (found["name"] or "").strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1]
    # In a header `=?` begins an encoded word, and a backslash or a quote ends what is quoted.
    if len(name) > _LONGEST_NAME or "=?" in name or any(char in name for char in '\\"'):
        raise ValueError(f'the name before the address: at most {_LONGEST_NAME} characters, and none of \\ " =?')
    local, _, domain = (found["inner"] or found["bare"] or "").rpartition("@")
    if not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain) or len(local) > 64 or not ascii_domain(domain):
        raise ValueError("must be a mail address, for example guard@example.com")
    return Address(display_name=name, username=local, domain=domain)


def ascii_domain(domain: str) -> str:
    """A domain in ASCII letters; empty when that cannot be."""
    try:
        encoded = domain.encode("idna").decode()
    except UnicodeError:
        return ""
    return encoded if len(encoded) <= 253 and _DOMAIN.fullmatch(encoded) else ""
