"""What pydantic finds wrong, in words for the person who edits the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from deepguard.config.source import Keys, dotted, name_of
from deepguard.config.suggest import did_you_mean
from deepguard.text import one_line

_WORDS = {
    "missing": "this setting is missing",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text; put numbers, true and false in quotes",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "tuple_type": "must be a list, for example [first, second]",
    "list_type": "must be a list, for example [first, second]",
    "set_type": "must be a list, for example [first, second]",
    "model_type": "must hold settings, one `name: value` a line",
    "model_attributes_type": "must hold settings, one `name: value` a line",
    "dict_type": "must hold settings, one `name: value` a line",
    "mapping_type": "must hold settings, one `name: value` a line",
    "union_tag_not_found": "the setting {discriminator} is missing",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
    "url_type": "must be a URL",
    "url_parsing": "must be a URL, for example https://host.example/path",
    "url_scheme": "must be a URL that begins with {expected_schemes}",
    "url_too_long": "must have at most {max_length} characters",
}

# Only these carry words that a validator's author wrote, who may have put the value into them.
_FREE = {"value_error", "assertion_error"}
# No secret, but the words of the messages themselves.
_ORDINARY = re.compile(r".{0,4}|[a-z_]{5,12}")


def message_for(
    error: ErrorDetails, model: type[BaseModel], path: Keys, value: Any, also: Iterable[str], hidden: Iterable[str]
) -> str:
    """Say what is wrong with one value, without the value.

    Args:
        error: One of pydantic's, made without its input.
        model: What was validated.
        path: Where in the data that ``model`` was validated against.
        value: The faulty value; only compared, never shown.
        also: Names of settings that may stand beside the model's own.
        hidden: Texts that must not be shown, whatever a validator says.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        key = str(path[-1])
        names = [*settings_at(model, path[:-1]), *(also if len(path) == 1 else ())]
        guess = did_you_mean(key, names) or _elsewhere(key, model, path[:-1])
        return f"unknown setting '{name_of(key)}'{guess}"
    if value is None and kind.endswith("_type"):
        return "is empty; give it a value, or remove the line"
    if context.get("min_length") == 1:
        return "must not be empty"
    if kind in _FREE:
        return without(one_line(str(context.get("error") or error["msg"]), 500), hidden)
    words = _WORDS.get(kind)
    if words is None:
        said = re.sub(r"^(Input|Value|String) should (be|have)\b", r"must \2", error["msg"])
        return without(one_line(said[:1].lower() + said[1:]), hidden)
    message = words.format_map({name: _number(item) for name, item in context.items()})
    if kind in {"literal_error", "enum"} and isinstance(value, str):
        message += did_you_mean(value, re.findall(r"'([^']*)'", str(context.get("expected", ""))))
    return message


def _elsewhere(key: str, model: type[BaseModel], above: Keys) -> str:
    """A guess at the section that a setting was meant for, below the place where it stands or at the top."""
    for root in (above, ()):
        for name in settings_at(model, root):
            if key in settings_at(model, (*root, name)):
                return f"; did you mean '{dotted((*root, name, key))}'?"
    return ""


def truth_values(data: Any, checked: Any, path: Keys = ()) -> Iterator[Keys]:
    """Where ``true`` or ``false`` was taken for a number, which pydantic does without a word.

    Args:
        data: Plain values.
        checked: What pydantic made of them.
        path: Where ``data`` is.
    """
    if isinstance(data, bool):
        if isinstance(checked, (int, float)) and not isinstance(checked, bool):
            yield path
    elif isinstance(data, dict) and isinstance(checked, BaseModel):
        for name, value in data.items():
            yield from truth_values(value, getattr(checked, name, None), (*path, name))
    elif isinstance(data, list) and isinstance(checked, (list, tuple)):
        for index, pair in enumerate(zip(data, checked, strict=False)):
            yield from truth_values(*pair, (*path, index))


def without(message: str, hidden: Iterable[str]) -> str:
    """Take out texts that must not be shown; ordinary short words stay, or messages could not be read."""
    for text in sorted(hidden, key=len, reverse=True):
        if not _ORDINARY.fullmatch(text):
            message = message.replace(text, "…")
    return message


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a plain value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts_in(item)


def path_in(data: Any, loc: Iterable[str | int]) -> Keys:
    """Pydantic's location as a path into ``data``: without the names of union members and validators."""
    path: list[str | int] = []
    steps = list(loc)
    for index, step in enumerate(steps):
        if isinstance(data, dict) and (step in data or index == len(steps) - 1):
            path.append(step)
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            path.append(step)
            data = data[step]
    return tuple(path)


def settings_at(model: type[BaseModel], path: Iterable[str | int]) -> list[str]:
    """The names of the settings that may stand at ``path`` below a model."""
    models = [model]
    for step in path:
        annotations: list[Any] = (
            list(models)
            if isinstance(step, int)
            else [each.model_fields[step].annotation for each in models if step in each.model_fields]
        )
        models = [found for annotation in annotations for found in _models_in(annotation)]
    return [field.alias or name for each in models for name, field in each.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) not in (type, Mapping, dict) or get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _models_in(part)


def _number(item: object) -> object:
    return int(item) if isinstance(item, float) and item.is_integer() else item


__all__ = ["message_for", "path_in", "settings_at", "texts_in", "truth_values", "without"]
