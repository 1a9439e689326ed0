"""The JSON Schema of ``deepguard.yaml``, for editors; holds every type that the loaded plugins offer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from deepguard.config.loading import AUTO, Plugins
from deepguard.config.models import MAX_DETECTORS, Config, DetectorCommon, NotifierCommon
from deepguard.contracts import DetectorType, NotifierType

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_REFERENCE = {
    "description": "An environment variable: ${NAME} or ${NAME:-default}.",
    "type": "string",
    "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}",
}
_REPLACED = ("DetectorEntry", "NotifierEntry", "PluginConfig")


def json_schema(host: Plugins) -> dict[str, Any]:
    """Describe the whole file.

    Args:
        host: Has loaded every plugin whose settings are to be described.

    Returns:
        The schema, ready for ``json.dump``; equal for equal plugins.
    """
    schema = Config.model_json_schema()
    definitions: dict[str, Any] = schema["$defs"]
    for name in _REPLACED:
        definitions.pop(name, None)
    detectors = [_auto({}), *_described(host.detector_types, "detector", "detector", {}, definitions)]
    name = DetectorCommon.model_json_schema()["properties"]
    members = [_auto(name), *_described(host.detector_types, "detector", "detectors", name, definitions)]
    common = NotifierCommon.model_json_schema()["properties"]
    notifiers = list(_described(host.notifier_types, "notifier", "notifier", common, definitions))
    properties: dict[str, Any] = schema["properties"]
    several = {
        "title": "several",
        "type": "array",
        "description": "Detectors that judge the same call.",
        "items": {"oneOf": members},
        "minItems": 1,
        "maxItems": MAX_DETECTORS,
    }
    properties["detector"] = {"description": "What judges the samples.", "oneOf": [*detectors, several]}
    properties["notifiers"] = {
        "description": "Who is told. Default: the log.",
        "type": "array",
        "items": {"oneOf": notifiers} if notifiers else False,
    }
    schema |= {"$schema": DIALECT, "title": "deepguard.yaml", "description": "The configuration of deepguard."}
    schema.pop("required", None)
    for owner in (schema, *definitions.values()):
        _allow_references(owner)
    definitions["Reference"] = _REFERENCE
    # A section whose lines are all commented out reads as null, and means its defaults.
    schema["properties"] = {name: {"anyOf": [value, {"type": "null"}]} for name, value in properties.items()}
    return dict(sorted(schema.items()))


def _auto(common: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": "auto",
        "type": "object",
        "description": "dataspike when DATASPIKE_API_KEY is set, else embedded.",
        "properties": {"type": {"const": AUTO}} | common,
        "additionalProperties": False,
    }


def _described(
    types: Mapping[str, DetectorType] | Mapping[str, NotifierType],
    kind: str,
    section: str,
    common: dict[str, Any],
    definitions: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """One closed object for each type, told apart by the value of ``type``; filed under ``section``."""
    for name in sorted(types):
        key = f"{section}:{name}"
        own = _own_schema(types[name].config, key, definitions)
        own["title"] = name
        kind_of = {"type": {"const": name, "description": f"The {kind} of the plugin '{name}'."}}
        own["properties"] = kind_of | {n: v for n, v in common.items() if n != "type"} | own.get("properties", {})
        own["required"] = ["type", *own.get("required", [])]
        definitions[key] = own
        yield {"$ref": f"#/$defs/{key}"}


def _own_schema(model: type[BaseModel], key: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A plugin's schema, its inner models filed under a name of its own: two plugins may use the same names."""
    own = model.model_json_schema(ref_template=f"#/$defs/{key}.{{model}}")
    definitions |= {f"{key}.{name}": inner for name, inner in own.pop("$defs", {}).items()}
    return own


def _allow_references(owner: dict[str, Any]) -> None:
    """Let ``${NAME}`` stand wherever a number, a truth value or one of a few words may."""
    for name, value in owner.get("properties", {}).items():
        choices = value.get("anyOf", [value])
        if name == "type" or not all(_is_narrow(choice) for choice in choices):
            continue
        told = {key: value.pop(key) for key in ("title", "description", "default") if key in value}
        choices = list(value.pop("anyOf", [dict(value)]))
        value.clear()
        value |= told | {"anyOf": [*choices, {"$ref": "#/$defs/Reference"}]}


def _is_narrow(schema: dict[str, Any]) -> bool:
    """Whether it is a single value, and not any text would do."""
    if schema.get("type") == "string":
        return schema.get("format") != "password" and bool(schema.keys() & {"enum", "const", "pattern", "format"})
    return schema.get("type") in {"integer", "number", "boolean", "null"}


__all__ = ["json_schema"]
