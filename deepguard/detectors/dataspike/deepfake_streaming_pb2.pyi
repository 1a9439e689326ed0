from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DeepfakeStreamingSchema(_message.Message):
    __slots__ = ()
    class ResultEvent(_message.Message):
        __slots__ = ("type", "participant_id", "track_id", "message")
        class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            UNKNOWN: _ClassVar[DeepfakeStreamingSchema.ResultEvent.Type]
            SUSPICIOUS: _ClassVar[DeepfakeStreamingSchema.ResultEvent.Type]
            CLEAR: _ClassVar[DeepfakeStreamingSchema.ResultEvent.Type]
            ERROR: _ClassVar[DeepfakeStreamingSchema.ResultEvent.Type]
            ALERT: _ClassVar[DeepfakeStreamingSchema.ResultEvent.Type]
        UNKNOWN: DeepfakeStreamingSchema.ResultEvent.Type
        SUSPICIOUS: DeepfakeStreamingSchema.ResultEvent.Type
        CLEAR: DeepfakeStreamingSchema.ResultEvent.Type
        ERROR: DeepfakeStreamingSchema.ResultEvent.Type
        ALERT: DeepfakeStreamingSchema.ResultEvent.Type
        TYPE_FIELD_NUMBER: _ClassVar[int]
        PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
        TRACK_ID_FIELD_NUMBER: _ClassVar[int]
        MESSAGE_FIELD_NUMBER: _ClassVar[int]
        type: DeepfakeStreamingSchema.ResultEvent.Type
        participant_id: str
        track_id: str
        message: str
        def __init__(self, type: _Optional[_Union[DeepfakeStreamingSchema.ResultEvent.Type, str]] = ..., participant_id: _Optional[str] = ..., track_id: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
    class AuthRequest(_message.Message):
        __slots__ = ("api_key",)
        API_KEY_FIELD_NUMBER: _ClassVar[int]
        api_key: str
        def __init__(self, api_key: _Optional[str] = ...) -> None: ...
    class FrameRequest(_message.Message):
        __slots__ = ("participant_id", "track_id", "timestamp_ms", "format", "data")
        class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            JPEG: _ClassVar[DeepfakeStreamingSchema.FrameRequest.Format]
            WEBP: _ClassVar[DeepfakeStreamingSchema.FrameRequest.Format]
            PCM: _ClassVar[DeepfakeStreamingSchema.FrameRequest.Format]
        JPEG: DeepfakeStreamingSchema.FrameRequest.Format
        WEBP: DeepfakeStreamingSchema.FrameRequest.Format
        PCM: DeepfakeStreamingSchema.FrameRequest.Format
        PARTICIPANT_ID_FIELD_NUMBER: _ClassVar[int]
        TRACK_ID_FIELD_NUMBER: _ClassVar[int]
        TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
        FORMAT_FIELD_NUMBER: _ClassVar[int]
        DATA_FIELD_NUMBER: _ClassVar[int]
        participant_id: str
        track_id: str
        timestamp_ms: int
        format: DeepfakeStreamingSchema.FrameRequest.Format
        data: bytes
        def __init__(self, participant_id: _Optional[str] = ..., track_id: _Optional[str] = ..., timestamp_ms: _Optional[int] = ..., format: _Optional[_Union[DeepfakeStreamingSchema.FrameRequest.Format, str]] = ..., data: _Optional[bytes] = ...) -> None: ...
    def __init__(self) -> None: ...
