"""Times of day and time zones as they stand in the configuration."""

from __future__ import annotations

import re
import zoneinfo
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

UTC = "UTC"

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


def _time_of_day(value: object) -> str:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("must be a time of day: HH:MM, hours from 00 to 23 and minutes from 00 to 59")
    return value.zfill(5)


def _time_zone(value: object) -> str:
    try:
        return zoneinfo.ZoneInfo(value if isinstance(value, str) else "").key
    # The name of a folder of the database is an OSError.
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be the name of a time zone in the IANA database (Area/City), or UTC") from None


TimeOfDay = Annotated[
    str, BeforeValidator(_time_of_day), WithJsonSchema({"type": "string", "pattern": f"^({_TIME.pattern})$"})
]
"""``HH:MM``."""

TimeZone = Annotated[str, BeforeValidator(_time_zone), WithJsonSchema({"type": "string"})]
"""A name that ``zoneinfo`` knows, or ``UTC``."""


__all__ = ["UTC", "TimeOfDay", "TimeZone"]
