"""Writes the tables of settings in the pages from the models that check them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from deepguard.config.policy import (
    BandParams,
    CombineDetectorsParams,
    CombineTracksParams,
    PolicyParams,
    ScoreParams,
    ThresholdParams,
)
from deepguard.detectors.dataspike.config import DataspikeConfig
from deepguard.detectors.scenario.config import ScenarioConfig, ScenarioEntry

_POLICY = (PolicyParams, ThresholdParams, ScoreParams, BandParams, CombineTracksParams, CombineDetectorsParams)
PAGES: dict[Path, dict[str, type[BaseModel]]] = {
    Path(__file__).with_name(name): {model.__name__: model for model in models}
    for name, models in {
        "detectors.md": (DataspikeConfig, ScenarioConfig, ScenarioEntry),
        "policies.md": _POLICY,
    }.items()
}
MODELS = {name: model for models in PAGES.values() for name, model in models.items()}
DEFAULT = re.compile(r" ?Default: (.*)\.$")
TABLE = re.compile(r"(<!-- (\w+): written by `python docs/settings_reference\.py` -->\n).*?(<!-- end -->)", re.DOTALL)


def page_with_tables(page: str) -> str:
    """``page`` with each table written anew."""
    return TABLE.sub(lambda found: f"{found[1]}\n{_table(MODELS[found[2]])}\n{found[3]}", page)


def _table(model: type[BaseModel]) -> str:
    rows = ["| setting | default | allowed | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        meaning = field.description or ""
        told = DEFAULT.search(meaning)
        default = told[1] if told else _default(field)
        rows.append(f"| `{name}` | {default} | {_allowed(field)} | {DEFAULT.sub('', meaning)} |")
    return "\n".join(rows) + "\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value == "":
        return "none"
    if isinstance(value, BaseModel):
        return "below"
    if isinstance(value, (str, dict, tuple)):
        return f"`{value}`" if isinstance(value, str) else "none"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value:g}`"


def _allowed(field: FieldInfo) -> str:
    if words := list(_words(field.annotation)):
        return " ".join(f"`{word}`" for word in words)
    return ", ".join(filter(None, map(_bound, field.metadata)))


def _bound(bound: object) -> str:
    match bound:
        case Gt(gt=low):
            return f"above {low:g}"
        case Ge(ge=low):
            return f"from {low:g}"
        case Le(le=high):
            return f"up to {high:g}"
    return ""


def _words(annotation: Any) -> Iterator[str]:
    """The words that a setting may be."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif annotation is bool:
        yield from ("true", "false")
    else:
        for part in get_args(annotation):
            yield from _words(part)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(page_with_tables(page.read_text("utf-8")), "utf-8")
