"""What travels in one WebSocket message, in both directions: protobuf on one side, deepguard's nouns on the other."""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from deepguard.detectors.dataspike.deepfake_streaming_pb2 import DeepfakeStreamingSchema
from deepguard.model import Judgement, Sample, SampleFormat
from deepguard.text import one_line

MESSAGE_LIMIT = 500
"""Most characters kept of a service's own words."""

_FrameRequest = DeepfakeStreamingSchema.FrameRequest
_ResultEvent = DeepfakeStreamingSchema.ResultEvent

_FORMAT_NUMBERS = {
    SampleFormat.JPEG: _FrameRequest.JPEG,
    SampleFormat.WEBP: _FrameRequest.WEBP,
    SampleFormat.PCM: _FrameRequest.PCM,
}
_FORMATS = {number: name for name, number in _FORMAT_NUMBERS.items()}

_JUDGEMENT_NUMBERS = {
    Judgement.UNKNOWN: _ResultEvent.UNKNOWN,
    Judgement.SUSPICIOUS: _ResultEvent.SUSPICIOUS,
    Judgement.CLEAR: _ResultEvent.CLEAR,
    Judgement.ERROR: _ResultEvent.ERROR,
    Judgement.ALERT: _ResultEvent.ALERT,
}
_JUDGEMENTS = {number: name for name, number in _JUDGEMENT_NUMBERS.items()}


class WireError(ValueError):
    """Bytes that are not the message they should be, or a sample that no message can carry."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A ``FrameRequest``.

    Attributes:
        participant_id: Whose track; untrusted text.
        track_id: Which track; untrusted text.
        captured_at: Unix time in seconds.
        format: How ``data`` is encoded.
        data: The encoded picture or the PCM.
    """

    participant_id: str
    track_id: str
    captured_at: float
    format: SampleFormat
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """A ``ResultEvent``.

    Attributes:
        participant_id: Whose track.
        track_id: Which track.
        judgement: What the service says; a number that this version does not know is ``unknown``.
        message: The service's own words, on one line and cut.
    """

    participant_id: str
    track_id: str
    judgement: Judgement
    message: str = ""


def encode_frame(sample: Sample) -> bytes:
    """Encode a sample as a ``FrameRequest``; its time is that of capture, in whole milliseconds.

    Raises:
        WireError: Its ids are not Unicode text (a lone surrogate), or its time is out of range.
    """
    try:
        return _FrameRequest(
            participant_id=sample.participant_id,
            track_id=sample.track_id,
            timestamp_ms=round(sample.captured_at * 1000),
            format=_FORMAT_NUMBERS[sample.format],
            data=sample.data,
        ).SerializeToString()
    except (ValueError, OverflowError):
        raise WireError("the sample's ids or its time cannot be written") from None


def decode_frame(data: bytes) -> Frame:
    """Decode a ``FrameRequest``.

    Raises:
        WireError: It is none, or its format is not known.
    """
    try:
        request = _FrameRequest.FromString(data)
    except DecodeError:
        raise WireError("not a FrameRequest") from None
    if request.format not in _FORMATS:
        raise WireError("a FrameRequest of an unknown format")
    return Frame(
        participant_id=request.participant_id,
        track_id=request.track_id,
        captured_at=request.timestamp_ms / 1000,
        format=_FORMATS[request.format],
        data=request.data,
    )


def encode_result(result: Result) -> bytes:
    """Encode a ``ResultEvent``; its message is put on one line and cut."""
    return _ResultEvent(
        type=_JUDGEMENT_NUMBERS[result.judgement],
        participant_id=result.participant_id,
        track_id=result.track_id,
        message=one_line(result.message, MESSAGE_LIMIT),
    ).SerializeToString()


def decode_result(data: bytes) -> Result:
    """Decode a ``ResultEvent``.

    Raises:
        WireError: It is none.
    """
    try:
        event = _ResultEvent.FromString(data)
    except DecodeError:
        raise WireError("not a ResultEvent") from None
    return Result(
        participant_id=event.participant_id,
        track_id=event.track_id,
        judgement=_JUDGEMENTS.get(event.type, Judgement.UNKNOWN),
        message=one_line(event.message, MESSAGE_LIMIT),
    )


__all__ = [
    "MESSAGE_LIMIT",
    "Frame",
    "Result",
    "WireError",
    "decode_frame",
    "decode_result",
    "encode_frame",
    "encode_result",
]
