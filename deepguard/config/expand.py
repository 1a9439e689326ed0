"""Environment variables inside the text of a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<body>[^}]*)(?P<end>\}?))")
_BODY = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)

MALFORMED = "a reference must read ${NAME} or ${NAME:-default}; write $$ for a dollar sign"
NESTED = "a default cannot hold another reference"


def expand(text: str, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """Replace ``${NAME}``, ``${NAME:-default}`` and ``$$``; any other dollar sign stays.

    As in a shell, the default also stands in for an empty variable. What a variable holds is not expanded again.

    Args:
        text: One value of the configuration.
        environ: The variables.

    Returns:
        The new text, and what is wrong with it for people; no message holds a variable's value or a default.
    """
    faults: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        body = _BODY.fullmatch(match["body"])
        if body is None or not match["end"]:
            faults.append(MALFORMED)
            return ""
        name, default = body["name"], body["default"]
        if default is not None and "${" in default:
            faults.append(NESTED)
            return ""
        value = environ.get(name)
        if default is not None:
            return value or default
        if value is None:
            faults.append(f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}")
            return ""
        return value

    return _REFERENCE.sub(replace, text), faults


__all__ = ["expand"]
