"""What the YAML may say about a log notifier."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from deepguard import PluginConfig


class LogConfig(PluginConfig):
    """The settings of `type: log`."""

    format: Literal["text", "json"] = Field(
        default="text", description="text: one line of key=value pairs. json: one JSON object."
    )
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        default="WARNING",
        description="Log level of what needs somebody: an incident opens, coverage is lost. The rest is INFO.",
    )
    path: str | None = Field(
        default=None,
        min_length=1,
        pattern=r"^[^\x00]+$",
        description="Also append each notification to this file, as one JSON object a line, whatever the format.",
    )
