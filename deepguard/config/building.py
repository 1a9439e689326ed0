"""YAML nodes as plain values: aliases followed within bounds, variables expanded, keys checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from deepguard.config.expand import expand
from deepguard.config.source import Keys, Source, dotted, mark_of, refusal
from deepguard.errors import Problem

MAX_DEPTH = 32
MAX_VALUES = 10_000
MAX_DIGITS = 20

TAG = "tag:yaml.org,2002:"


class Builder:
    """Turns a document's nodes into plain values and notes their places."""

    def __init__(self, source: Source, environ: Mapping[str, str]) -> None:
        """Begin a document.

        Args:
            source: Takes places and problems.
            environ: The variables that texts may refer to.
        """
        self._source = source
        self._environ = environ
        self._open: set[int] = set()
        self._values = 0

    def build(self, node: yaml.Node, keys: Keys) -> Any:
        """Turn a node and all below it into plain values; what cannot be read becomes None and a problem.

        Args:
            node: What PyYAML composed.
            keys: Its place in the document.

        Raises:
            ConfigError: Aliases make the document too deep or too large.
        """
        self._count(node)
        if len(keys) > MAX_DEPTH:
            raise refusal(self._source.file, f"this is nested more than {MAX_DEPTH} levels deep", mark_of(node))
        self._source.values[keys] = mark_of(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, keys)
        if id(node) in self._open:
            return self._fault(node, keys, "an alias refers to what it is a part of")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == f"{TAG}map":
                return self._mapping(node, keys)
            if isinstance(node, yaml.SequenceNode) and node.tag == f"{TAG}seq":
                return [self.build(item, (*keys, index)) for index, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))
        return self._fault(node, keys, "tags (!name) cannot be used here; write a plain value")

    def _count(self, node: yaml.Node) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            message = (
                f"the file holds more than {MAX_VALUES} values; each use of an alias (*name) counts all it stands for"
            )
            raise refusal(self._source.file, message, mark_of(node))

    def _fault(self, node: yaml.Node, keys: Keys, message: str) -> None:
        self._note(node, keys, message)
        self._source.broken.add(keys)

    def _note(self, node: yaml.Node, keys: Keys, message: str) -> None:
        self._source.problems.append(Problem(message, dotted(keys), self._source.file, *mark_of(node)))

    def _mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, (key, value) in self._members(node, keys).items():
            self._source.keys[*keys, name] = mark_of(key)
            values[name] = self.build(value, (*keys, name))
        return values

    def _members(self, node: yaml.MappingNode, keys: Keys) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """The mapping's own keys, then those that it merges in (``<<: *name``) and does not have itself."""
        members: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if key.tag == f"{TAG}merge":
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
            elif not isinstance(key, yaml.ScalarNode) or key.tag != f"{TAG}str":
                self._note(key, keys, "the name of a setting must be text; put it in quotes")
            elif key.value in members:
                line, _ = mark_of(members[key.value][0])
                self._note(key, (*keys, key.value), f"set twice; the first time in line {line}")
            else:
                members[key.value] = (key, value)
        for other in merged:
            self._count(other)
            if not isinstance(other, yaml.MappingNode) or id(other) in self._open:
                self._note(other, keys, "`<<` takes an alias to a mapping that it is not a part of, or a list of such")
                continue
            self._open.add(id(other))
            for name, member in self._members(other, keys).items():
                self._count(member[0])
                members.setdefault(name, member)
            self._open.discard(id(other))
        return members

    def _scalar(self, node: yaml.ScalarNode, keys: Keys) -> Any:
        text: str = node.value
        try:
            match node.tag.removeprefix(TAG):
                case "str" | "merge":
                    return self._text(node, keys)
                case "null":
                    return None
                case "bool":
                    return {"true": True, "false": False}[text.lower()]
                case "int" if len(text) > MAX_DIGITS:
                    return self._fault(node, keys, "this number is too large; put it in quotes if it is text")
                case "int":
                    return int(text, {"0x": 16, "0o": 8}.get(text[:2], 10))
                case "float":
                    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        except (KeyError, ValueError):
            pass
        return self._fault(node, keys, "tags (!name) cannot be used here; write a plain value")

    def _text(self, node: yaml.ScalarNode, keys: Keys) -> str:
        text, faults = expand(node.value, self._environ)
        for fault in faults:
            self._note(node, keys, fault)
        if faults:
            self._source.broken.add(keys)
        if "$" in node.value:
            self._source.expanded.add(keys)
        return text


__all__ = ["MAX_DEPTH", "TAG", "Builder"]
