"""What an object holds, as plain values that later can be compared: also where it knows no ``==``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

Picture: TypeAlias = tuple[Any, ...]

_ATOMS = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))
_NAMED = (type, BuiltinFunctionType, ModuleType)


def picture(thing: object) -> Picture:
    """What an object holds, all the way down. Equal when, and only when, nothing in it has changed.

    Functions count with what they keep: default arguments, and variables around them.
    """
    return _picture(thing, ())


def size(of: object) -> int:
    """How many plain values a picture is made of."""
    count, open_ones = 0, [of]
    while open_ones:
        one = open_ones.pop()
        if isinstance(one, (tuple, frozenset)):
            open_ones += one
        else:
            count += 1
    return count


def policy_picture(policy: object) -> Picture:
    """What a policy's object and its classes hold."""
    kept: list[Picture] = [picture(policy)]
    for cls in type(policy).__mro__:
        if cls is not object:
            names = sorted(name for name in vars(cls) if not name.startswith("__"))
            kept.append((cls.__qualname__, *((name, picture(vars(cls)[name])) for name in names)))
    return tuple(kept)


def _picture(thing: Any, around: tuple[int, ...]) -> Picture:
    kind = type(thing)
    if isinstance(thing, Enum):
        return (kind.__qualname__, thing.name)
    if kind in _ATOMS:
        # As text: 1 is not 1.0, and what is not a number equals not even itself.
        return (kind.__name__, repr(thing))
    if isinstance(thing, _NAMED):
        return (kind.__name__, getattr(thing, "__qualname__", thing.__name__))
    if id(thing) in around:
        return ("around it",)
    around = (*around, id(thing))
    if isinstance(thing, MethodType):
        return ("method", _picture(thing.__func__, around), _picture(thing.__self__, around))
    if isinstance(thing, FunctionType):
        return (thing.__qualname__, *(_picture(one, around) for one in _kept_by(thing)))
    if isinstance(thing, Mapping):
        pairs = ((_picture(key, around), _picture(value, around)) for key, value in thing.items())
        return (kind.__qualname__, *pairs, *_attributes(thing, around))
    if isinstance(thing, (set, frozenset)):
        return (kind.__qualname__, frozenset(_picture(one, around) for one in thing))
    if isinstance(thing, (list, tuple)):
        return (kind.__qualname__, *(_picture(one, around) for one in thing), *_attributes(thing, around))
    return (kind.__qualname__, *_reduced(thing, around))


def _kept_by(function: FunctionType) -> list[Any]:
    kept: list[Any] = [function.__defaults__, function.__kwdefaults__]
    for cell in function.__closure__ or ():
        try:
            kept.append(cell.cell_contents)
        except ValueError:
            kept.append("empty")
    return kept


def _attributes(thing: Any, around: tuple[int, ...]) -> list[Picture]:
    """What a subclass of a container holds beside its members."""
    return [_picture(vars(thing), around)] if getattr(thing, "__dict__", None) else []


def _reduced(thing: Any, around: tuple[int, ...]) -> list[Picture]:
    """What ``copy`` would take to make another; where an object cannot be copied, how it shows itself."""
    # Those of itertools tell with a warning that they will not be copied for ever.
    if type(thing).__module__ != "itertools":
        try:
            parts = thing.__reduce_ex__(2)
        except Exception:  # noqa: BLE001 - the author's object may raise anything
            parts = None
        if isinstance(parts, tuple):
            members = [list(part) if hasattr(part, "__next__") else part for part in parts[1:]]
            return [_picture(member, around) for member in members]
    try:
        return [_picture(vars(thing), around)] if hasattr(thing, "__dict__") else [("shown as", repr(thing))]
    except Exception:  # noqa: BLE001 - the author's object may raise anything
        return [("id", id(thing))]


__all__ = ["Picture", "picture", "policy_picture", "size"]
