from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import betterproto
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.detectors.dataspike import deepfake_streaming_pb2 as generated
from deepguard.detectors.dataspike.wire import (
    Frame,
    Result,
    WireError,
    decode_frame,
    decode_result,
    encode_frame,
    encode_result,
)
from deepguard.model import Judgement, SampleFormat, Source
from support import vendor_schema
from support.dataspike_peer import make_sample

ROOT = Path(__file__).parents[3]
VENDOR_PACKAGE = "dataspike-livekit-plugins"

text = st.text(st.characters(exclude_categories=["Cs"]))


@given(text, text, st.integers(0, 2**41), st.sampled_from(SampleFormat), st.binary())
def test_the_vendor_reads_our_frames(participant: str, track: str, ms: int, kind: SampleFormat, data: bytes):
    sample = make_sample(participant, track, captured_at=ms / 1000, format=kind, data=data)

    payload = encode_frame(sample)

    frame = vendor_schema.FrameRequest().parse(payload)
    assert (frame.participant_id, frame.track_id, frame.timestamp_ms, frame.data) == (participant, track, ms, data)
    assert vendor_schema.Format(frame.format).name == kind.name
    assert decode_frame(payload) == Frame(participant, track, ms / 1000, kind, data)


@given(text, text, st.sampled_from(vendor_schema.Type), st.text("abc ", max_size=20))
def test_we_read_the_vendors_results(participant: str, track: str, kind: vendor_schema.Type, message: str):
    event = vendor_schema.ResultEvent(type=kind, participant_id=participant, track_id=track, message=message)

    result = decode_result(bytes(event))

    assert result == Result(participant, track, Judgement[str(kind.name)], " ".join(message.split()))


@given(st.sampled_from(Judgement))
def test_the_vendor_reads_our_results(judgement: Judgement):
    payload = encode_result(Result("p", "t", judgement, "words"))

    event = vendor_schema.ResultEvent().parse(payload)
    assert vendor_schema.Type(event.type).name == judgement.name
    assert (event.participant_id, event.track_id, event.message) == ("p", "t", "words")


def test_a_verdict_of_tomorrow_is_unknown():
    payload = bytes(vendor_schema.ResultEvent(type=99, participant_id="p", track_id="t"))  # type: ignore

    assert decode_result(payload).judgement is Judgement.UNKNOWN


def test_a_format_of_tomorrow_is_refused():
    with pytest.raises(WireError):
        decode_frame(bytes(vendor_schema.FrameRequest(format=99)))  # type: ignore


@given(st.text(max_size=3000))
def test_messages_fit_on_one_short_line(message: str):
    encodable = message.encode("utf-8", "replace").decode()
    event = vendor_schema.ResultEvent(participant_id="p", track_id="t", message=encodable)

    shown = decode_result(bytes(event)).message

    assert len(shown) <= 500
    assert shown.isprintable()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes):
    for decode in (decode_result, decode_frame):
        with contextlib.suppress(WireError):
            assert decode(data).participant_id is not None


@pytest.mark.parametrize(
    "strange", [{"participant": "\ud800"}, {"captured_at": float("nan")}, {"captured_at": 1e300}, {"captured_at": 1e17}]
)
def test_what_no_message_can_carry_is_an_error_of_its_own(strange: dict[str, object]):
    with pytest.raises(WireError):
        encode_frame(make_sample(**strange))  # type: ignore[arg-type]


def test_bytes_of_a_sample_are_not_shown():
    frame = decode_frame(encode_frame(make_sample(source=Source.MICROPHONE, data=b"face")))

    assert "face" not in repr(frame)


def versionless(code: str) -> str:
    """Generated code without the version of the generator, which may be newer than the one it was made with."""
    code = re.sub(r"# Protobuf Python Version: .*", "", code)
    return re.sub(r"ValidateProtobufRuntimeVersion\(.*?\)", "", code, flags=re.DOTALL)


def test_the_generated_code_is_that_of_the_proto_file(tmp_path: Path):
    subprocess.run([sys.executable, ROOT / "proto" / "generate.py", tmp_path], check=True)

    package = Path(generated.__file__).parent
    for name in ("deepfake_streaming_pb2.py", "deepfake_streaming_pb2.pyi"):
        made, committed = (versionless((folder / name).read_text()) for folder in (tmp_path, package))
        assert made == committed, f"{name} is out of date: run proto/generate.py"


def described(message: type[betterproto.Message]) -> dict[str, tuple[int, str]]:
    """A betterproto message's fields: number and kind by name."""
    meta = betterproto.ProtoClassMetadata(message).meta_by_field_name
    return {name: (field.number, field.proto_type) for name, field in meta.items()}


@pytest.mark.parametrize("name", ["FrameRequest", "ResultEvent", "AuthRequest"])
def test_both_descriptions_name_the_same_fields(name: str):
    ours = generated.DeepfakeStreamingSchema.DESCRIPTOR.nested_types_by_name[name].fields

    assert {field.name: field.number for field in ours} == {
        field: number for field, (number, _) in described(getattr(vendor_schema, name)).items()
    }


def vendors_file() -> Path | None:
    """The vendor's generated schema where its package is installed; the package itself imports much more than that."""
    try:
        files = importlib.metadata.files(VENDOR_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.name == "schema_pb2.py"), None)


if (VENDORS_FILE := vendors_file()) is not None:

    @pytest.mark.parametrize("name", ["FrameRequest", "ResultEvent", "AuthRequest"])
    def test_our_copy_is_what_the_vendor_publishes(name: str):
        spec = importlib.util.spec_from_file_location("published_dataspike_schema", VENDORS_FILE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # betterproto looks the types of fields up by module name.
        spec.loader.exec_module(module)

        published = getattr(module, f"DeepfakeStreamingSchema{name}")

        assert described(published) == described(getattr(vendor_schema, name))
        for enum, prefix in ((vendor_schema.Type, "ResultEventType"), (vendor_schema.Format, "FrameRequestFormat")):
            theirs = getattr(module, f"DeepfakeStreamingSchema{prefix}")
            assert {member.name: member.value for member in theirs} == {member.name: member.value for member in enum}
