"""The service's side of the wire, written with another protobuf library than deepguard's own.

The field numbers and enum values are those that the service publishes in its package ``dataspike-livekit-plugins``
(1.2.17, Apache-2.0), whose schema is made for betterproto as well; where that package is installed, a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass

import betterproto


class Type(betterproto.Enum):
    UNKNOWN = 0
    SUSPICIOUS = 1
    CLEAR = 2
    ERROR = 3
    ALERT = 4


class Format(betterproto.Enum):
    JPEG = 0
    WEBP = 1
    PCM = 2


@dataclass(eq=False, repr=False)
class ResultEvent(betterproto.Message):
    type: Type = betterproto.enum_field(1)  # noqa: RUF009 - how betterproto declares fields
    participant_id: str = betterproto.string_field(2)
    track_id: str = betterproto.string_field(3)
    message: str = betterproto.string_field(4)


@dataclass(eq=False, repr=False)
class AuthRequest(betterproto.Message):
    api_key: str = betterproto.string_field(1)


@dataclass(eq=False, repr=False)
class FrameRequest(betterproto.Message):
    participant_id: str = betterproto.string_field(1)
    track_id: str = betterproto.string_field(2)
    timestamp_ms: int = betterproto.int64_field(3)
    format: Format = betterproto.enum_field(4)  # noqa: RUF009
    data: bytes = betterproto.bytes_field(5)
