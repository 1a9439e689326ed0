"""What ships: deepguard.yaml, the examples and the JSON Schema say the same as the loader."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from deepguard.cli.init import TEMPLATE
from deepguard.config.loading import default_config, load_config
from deepguard.config.reading import parse_source
from deepguard.config.schema import json_schema
from deepguard.plugins import PluginHost

ROOT = Path(__file__).parents[2]
EXAMPLES = [ROOT / "deepguard.yaml", *sorted((ROOT / "config").glob("*.yaml"))]
KEY = {"DATASPIKE_API_KEY": "key-of-the-account"}
BAD = Path(__file__).parent / "bad"


@pytest.fixture(scope="module")
def schema():
    return json.loads((ROOT / "config" / "deepguard.schema.json").read_text(encoding="utf-8"))


def unexpanded(path: Path):
    """The file as an editor sees it: with references to variables still in it."""
    every = {name: f"${{{name}}}" for name in ("PORT", "DEEPGUARD_INCIDENTS")}
    return parse_source(path.read_bytes(), path.name, every).data


def test_there_are_examples():
    assert {path.name for path in EXAMPLES} >= {
        "deepguard.yaml",
        "minimal.yaml",
        "dataspike.yaml",
        "scenario-demo.yaml",
        "contact-centre.yaml",
        "interview-room.yaml",
        "know-your-customer.yaml",
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_loads_and_the_schema_agrees(path, schema):
    load_config(path, PluginHost(), KEY)
    jsonschema.validate(unexpanded(path), schema)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_names_the_schema_that_is_there(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    comment, _, schema = first.partition("$schema=")
    assert comment == "# yaml-language-server: "
    assert (path.parent / schema).resolve() == ROOT / "config" / "deepguard.schema.json"


def test_the_first_configuration_is_the_one_at_the_top():
    assert (ROOT / "deepguard.yaml").read_text(encoding="utf-8") == TEMPLATE


def test_the_first_configuration_tells_the_defaults():
    host = PluginHost()
    assert load_config(ROOT / "deepguard.yaml", host, KEY) == default_config(host, KEY)


def test_the_lines_that_the_first_configuration_comments_out_are_settings(tmp_path):
    lines = [line.replace("# ", "", 1) if line.startswith("  # ") else line for line in TEMPLATE.splitlines()]
    path = tmp_path / "deepguard.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "my_policy.py").touch()
    config = load_config(path, PluginHost(), KEY)
    assert (config.video.max_edge, config.policy.plugin) == (1280, "./my_policy.py")


def test_the_committed_schema_is_that_of_the_built_in_plugins(schema):
    """Else: ``deepguard schema --output config/deepguard.schema.json``."""
    from importlib.metadata import distribution

    host = PluginHost([distribution("pipecat-deepguard")])
    host.load_all()
    assert schema == json_schema(host)
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    "name",
    [
        "unknown_setting",
        "unknown_section",
        "unknown_setting_nested",
        "number_too_large",
        "text_for_a_number",
        "not_one_of_the_words",
        "text_for_a_section",
        "text_for_a_list",
        "detector_unknown",
        "detector_is_a_notifier",
        "detector_auto_with_settings",
        "dataspike_unknown_setting",
        "detectors_none",
        "detectors_too_many",
        "detectors_wrong_settings",
        "notifier_is_text",
        "notifier_without_type",
        "notifiers_is_a_mapping",
        "notifier_common_settings",
    ],
)
def test_an_editor_sees_what_the_loader_refuses(name, schema):
    data = parse_source((BAD / f"{name}.yaml").read_bytes(), name, {}).data
    assert not jsonschema.Draft202012Validator(schema).is_valid(data)


@pytest.mark.parametrize(
    "text",
    [
        "server: {port: '${PORT}', max_calls: '${MAX:-5}'}",
        "video: {format: '${FORMAT}', max_edge: '${EDGE}', screen: '${SCREEN:-false}'}",
        "detector: {type: dataspike, window: '${WINDOW}', api_key: '${KEY}'}",
        "notifiers: [{type: log, timeout: '${SECONDS}'}]",
        "video:\nnotifiers:\ndetector:\n",
        "detector: {}",
        "detector: {type: auto}",
        "detector: [{type: auto}]",
        "detector: [{type: auto, name: a}, {type: dataspike, name: b, window: '${WINDOW}'}, {type: embedded}]",
    ],
)
def test_an_editor_accepts_what_the_loader_takes(text, schema):
    jsonschema.validate(yaml.safe_load(text), schema)


def test_an_editor_sees_that_only_one_of_a_list_has_a_name(schema):
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"detector": [{"type": "embedded", "name": "a"}]})
    assert not validator.is_valid({"detector": {"type": "embedded", "name": "a"}})


def test_a_strangers_settings_are_described_too(host):
    host.load_all()
    schema = json_schema(host)
    validator = jsonschema.Draft202012Validator(schema)
    acme = {"type": "acme", "url": "https://example.org", "timeout": 5, "hops": [{"host": "a"}]}
    assert validator.is_valid({"notifiers": [acme]})
    assert not validator.is_valid({"notifiers": [acme | {"hops": [{"hst": "a"}]}]})
    assert not validator.is_valid({"notifiers": [acme | {"tokn": "a"}]})
    assert not validator.is_valid({"notifiers": [{"type": "acme"}]})
    assert not validator.is_valid({"notifiers": [acme | {"type": "log"}]})
    described = schema["$defs"]["notifier:acme"]["properties"]
    assert described["type"] == {"const": "acme", "description": "The notifier of the plugin 'acme'."}
    assert described["on"]["description"] == "What it is told."


def test_every_setting_is_explained(schema):
    for name, definition in schema["$defs"].items():
        for setting, described in definition.get("properties", {}).items():
            assert described.keys() & {"description", "$ref", "const"}, f"{name}.{setting}"
