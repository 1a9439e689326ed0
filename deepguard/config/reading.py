"""A file's bytes as YAML nodes; refuses what is not worth reading on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deepguard.config.building import MAX_DEPTH, TAG, Builder
from deepguard.config.source import NOWHERE, Place, Source, mark_of, refusal
from deepguard.text import one_line

MAX_BYTES = 256 * 1024

_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")

# libyaml's words on the left, from the most to the least particular.
_SYNTAX = {
    "cannot start any token": "a value cannot start with this character (for example @ or `); put it in quotes",
    "mapping values are not allowed": (
        "a ':' too many; is one missing in the line before, is the indentation wrong, or does a value need quotes?"
    ),
    "did not find expected key": "the indentation does not fit the lines above",
    "did not find expected '-' indicator": "the indentation does not fit the list above",
    "could not find expected ':'": "a ':' is missing here, or on the line before",
    "did not find expected ',' or ']'": "a ',' or the closing ']' is missing",
    "did not find expected ',' or '}'": "a ',' or the closing '}' is missing",
    "found unexpected end of stream": "a quoted text has no closing quote",
    "found unknown escape character": "an unknown escape; in double quotes write \\\\ for a backslash",
    "found undefined alias": "an alias (*name) to an anchor (&name) that does not come before it",
    "found duplicate anchor": "an anchor (&name) that is there already",
    "found character that cannot": "a value cannot start with this character; put it in quotes",
    "block sequence entries are not allowed": "a list cannot start here; put it on a line of its own",
    "undefined tag handle": "tags (!name) cannot be used here",
}

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """Reads plain scalars as YAML 1.2 does: ``on``, ``off``, ``yes``, ``12:30`` and dates are text."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 - PyYAML's own name and shape


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"{TAG}{_name}", re.compile(rf"(?:{_pattern})\Z"), _first)


def read_source(path: Path, environ: Mapping[str, str]) -> Source:
    """Read a file.

    Args:
        path: The file.
        environ: The variables that texts may refer to.

    Raises:
        ConfigError: The file cannot be read, is not YAML, or is not worth reading on.
    """
    file = one_line(str(path))
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise refusal(file, "there is no such file; `deepguard init` writes one") from None
    except IsADirectoryError:
        raise refusal(file, "this is a directory; name the file in it") from None
    except PermissionError:
        raise refusal(file, "the file must not be read by this user; check its permissions") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not the name of a file"
        raise refusal(file, f"the file cannot be read: {reason}") from None
    return parse_source(content, file, environ)


def parse_source(content: bytes, file: str, environ: Mapping[str, str]) -> Source:
    """Turn a file's content into plain values with places.

    Args:
        content: The whole file.
        file: Its name, for messages.
        environ: The variables that texts may refer to.

    Raises:
        ConfigError: It is not YAML, or is not worth reading on.
    """
    text = _decode(content, file)
    try:
        _refuse_odd_structure(text, file)
        root = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = (mark.line + 1, mark.column + 1) if mark else NOWHERE
        raise refusal(file, _syntax_message(error, text), place) from None
    except yaml.YAMLError:
        raise refusal(file, "this is not YAML") from None
    source = Source(file)
    if root is None or root.tag == f"{TAG}null":
        return source
    if not isinstance(root, yaml.MappingNode):
        raise refusal(file, "the file must hold settings, one `name: value` a line", mark_of(root))
    source.data = Builder(source, environ).build(root, ()) or {}
    return source


def _decode(content: bytes, file: str) -> str:
    if len(content) > MAX_BYTES:
        raise refusal(file, f"the file is larger than {MAX_BYTES // 1024} KiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _position(content[: error.start].decode("utf-8-sig", "replace"))
        raise refusal(file, "the file is not UTF-8 text; save it as UTF-8", place) from None
    if odd := _UNPRINTABLE.search(text):
        message = f"a control character (U+{ord(odd[0]):04X}) is not allowed; remove it"
        raise refusal(file, message, _position(text[: odd.start()]))
    return text


def _position(before: str) -> Place:
    lines = _LINE_BREAK.split(before)
    return len(lines), len(lines[-1]) + 1


def _refuse_odd_structure(text: str, file: str) -> None:
    """Look at the events before nodes are composed: composing recurses, and takes any depth."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        place = mark_of(event)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise refusal(file, "a second document starts here; a configuration is one document", place)
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise refusal(file, f"this is nested more than {MAX_DEPTH} levels deep", place)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _syntax_message(error: yaml.MarkedYAMLError, text: str) -> str:
    mark, begin = error.problem_mark, error.context_mark
    if mark and text[mark.index : mark.index + 1] == "\t":
        return "a tab cannot stand here; indent with spaces"
    said = f"{error.context or ''} {error.problem or ''}"
    message = next((ours for theirs, ours in _SYNTAX.items() if theirs in said), "this is not valid YAML")
    if mark and begin and begin.line != mark.line and ("missing" in message or "closing" in message):
        message += f"; what is open begins in line {begin.line + 1}"
    return message


__all__ = ["MAX_BYTES", "parse_source", "read_source"]
