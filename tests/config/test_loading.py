"""Good files: what they mean."""

import os
import tempfile
from pathlib import Path
from typing import get_args

import pytest

from deepguard.config.loading import default_config, load_config
from deepguard.config.models import NotifyOn
from deepguard.errors import ConfigError
from deepguard.model import Call
from deepguard.thresholds import Thresholds

KEY = {"DATASPIKE_API_KEY": "key-of-the-account"}
CALL = Call("call-1", 1.0)


@pytest.fixture
def load(tmp_path, host):
    def load(text, environ=None):
        path = tmp_path / "deepguard.yaml"
        path.write_text(text, encoding="utf-8")
        return load_config(path, host, environ or {})

    return load


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "~\n", "{}\n", "\ufeff", "video:\nnotifiers:\n"])
def test_an_empty_file_means_defaults(load, host, text):
    assert load(text) == default_config(host, {})


def test_the_defaults(host):
    config = default_config(host, {})
    assert (config.video.burst_fps, config.video.normal_fps, config.video.quality) == (1, 0.2, 75)
    assert (config.audio.sample_rate, config.audio.sample_size, config.audio.interval) == (16000, 48000, 60)
    assert config.detector.type == "embedded"
    assert [(entry.type, entry.name) for entry in config.notifiers] == [("log", "log")]
    assert config.policy.thresholds.thresholds() == Thresholds(1, 1, 1)
    assert config.in_call.messages == "off"
    assert config.server.port == 7860


@pytest.mark.parametrize(
    ("environ", "detector"),
    [
        ({}, "embedded"),
        ({"DATASPIKE_API_KEY": ""}, "embedded"),
        ({"DATASPIKE_API_KEY": " \n"}, "embedded"),
        (KEY, "dataspike"),
    ],
)
@pytest.mark.parametrize("text", ["detector: {type: auto}", "detector: {}", "detector:", ""])
def test_auto_takes_dataspike_when_there_is_a_key(load, environ, detector, text):
    assert load(text, environ).detector.type == detector


def test_dataspike_without_a_key_says_what_to_set(load):
    with pytest.raises(ConfigError) as caught:
        load("server: {port: 1}\ndetector:\n  type: dataspike\n")
    [problem] = caught.value.problems
    assert (problem.line, problem.path.partition(".")[0]) == (2, "detector")
    assert "DATASPIKE_API_KEY" in problem.message


def test_dataspike_takes_its_key_from_the_given_environment(load):
    options = load("detector: {type: dataspike}", KEY).detector.options
    assert options.api_key.get_secret_value() == KEY["DATASPIKE_API_KEY"]
    assert KEY["DATASPIKE_API_KEY"] not in repr(options)


def test_several_detectors_have_names_and_settings_of_their_own(load):
    entry = load(
        """
        detector:
          - type: auto
          - {type: dataspike, name: second, window: 4}
          - {type: scenario, timeline: [{at: 0, all: clear}]}
        """,
        KEY,
    ).detector
    assert (entry.names, entry.title) == (("dataspike", "second", "scenario"), "dataspike + second + scenario")
    first, second, third = entry.options.members
    assert (first.type, second.type, third.type) == ("dataspike", "dataspike", "scenario")
    assert (first.options.window, second.options.window) == (8, 4)
    assert third.options.timeline[0].all == "clear"


def test_one_detector_is_named_by_its_type(load):
    entry = load("detector: {type: auto}").detector
    assert (entry.names, entry.title) == (("embedded",), "embedded")
    assert load("detector: [{}]").detector.names == ("embedded",)


def test_a_detector_by_itself_has_no_name(load):
    with pytest.raises(ConfigError, match=r"1:28: detector.name: unknown setting 'name'"):
        load("detector: {type: embedded, name: a}")


def test_a_notifiers_settings_are_checked_by_its_own_model(load):
    config = load(
        """
        notifiers:
          - type: acme
            name: pager
            on: [alert]
            timeout: 2.5
            url: https://example.org/x
            token: abc
            hops: [{host: a}, {host: b, retries: 0}]
          - type: acme
            url: https://example.org/y
          - {type: log, path: /tmp/x}
        """
    )
    assert [(entry.type, entry.name) for entry in config.notifiers] == [
        ("acme", "pager"),
        ("acme", "acme"),
        ("log", "log"),
    ]
    first = config.notifiers[0]
    assert (first.on, first.timeout) == (("alert",), 2.5)
    assert [(hop.host, hop.retries) for hop in first.options.hops] == [("a", 3), ("b", 0)]
    assert config.notifiers[1].on == get_args(NotifyOn)


def test_no_notifiers_can_be_asked_for(load):
    assert load("notifiers: []").notifiers == ()


def test_words_that_old_yaml_took_for_truth_values_are_words(load):
    config = load(
        "in_call: {messages: off}\nserver: {playground: on}\nnotifiers: [{type: log, name: yes, on: [alert]}]"
    )
    assert (config.in_call.messages, config.server.playground) == ("off", "on")
    assert config.notifiers[0].name == "yes"


@pytest.mark.parametrize(
    ("value", "fps"),
    [("1", 1), ("1.5", 1.5), (".5", 0.5), ("1e0", 1), ("+2", 2), ("0x1f", None), ("0o7", 7), ("0x1e", 30), ("'3'", 3)],
)
def test_numbers(load, value, fps):
    if fps is None:
        with pytest.raises(ConfigError, match="must be at most 30"):
            load(f"video: {{burst_fps: {value}}}")
    else:
        assert load(f"video: {{burst_fps: {value}}}").video.burst_fps == fps


@pytest.mark.parametrize("value", ["12:30", "2026-11-22", "0b1", "1_0", "<<", "=", "Yes", "nUll", "1.2.3"])
def test_what_only_old_yaml_takes_for_more_is_text(load, value):
    assert load(f"server: {{host: {value}}}").server.host == value


def test_variables_stand_for_text_and_pydantic_makes_numbers(load):
    config = load(
        "server:\n  port: ${PORT:-7860}\n  host: '${HOST}'\n"
        "video:\n  screen: ${SCREEN}\n  quality: '${QUALITY}'\n  max_edge: ${E:-640}\n",
        {"HOST": "example.org", "SCREEN": "true", "QUALITY": "50"},
    )
    assert (config.server.port, config.server.host) == (7860, "example.org")
    assert (config.video.screen, config.video.quality, config.video.max_edge) == (True, 50, 640)


def test_what_a_variable_holds_is_text_and_nothing_more(load):
    sly = "x, port: 1, '${HOME}' $$ *a &b !!int 3\n# \u2028"
    config = load("server:\n  host: ${SLY}\n  allowed_origins: ['a-${SLY}']", {"SLY": sly, "HOME": "/root"})
    assert config.server.host == sly
    assert config.server.allowed_origins == (f"a-{sly}",)


def test_names_of_settings_are_not_expanded(load):
    with pytest.raises(ConfigError, match="unknown setting '…'"):
        load("${VIDEO}: {quality: 75}", {"VIDEO": "video"})


def test_aliases_and_merged_mappings(load):
    config = load(
        """
        audio: &times {interval: 30}
        notifiers:
          - &first {type: acme, url: https://example.org/x, timeout: 3, name: one, headers: &same {a: b}}
          - <<: *first
            name: two
          - {<<: [*first, {delay: 2}], name: three, mode: careful}
          - {type: acme, url: https://example.org/y, name: four, headers: *same}
        """
    )
    assert config.audio.interval == 30
    one, two, three, four = config.notifiers
    assert (two.name, two.timeout, two.options) == ("two", 3, one.options)
    assert (three.options.delay, three.options.mode, three.timeout) == (2, "careful", 3)
    assert four.options.headers == one.options.headers == {"a": "b"}


def test_plugins_are_loaded_in_the_files_order_and_the_last_decides(tmp_path, host, site):
    policy = "@hookimpl\ndef deepguard_thresholds(defaults):\n    return type(defaults)({0}, {0}, {0})\n"
    site.install("acme-one", {"one": "acme_one"}, {"acme_one": policy.format(1)})
    site.install("acme-two", {"two": "acme_two"}, {"acme_two": policy.format(2)})
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "mine.py").write_text(
        f"from deepguard.hookspecs import hookimpl\n{policy.format(3)}", encoding="utf-8"
    )
    host = type(host)()
    path = tmp_path / "deepguard.yaml"
    path.write_text("plugins: [two, one]\npolicy:\n  plugin: policies/mine.py\n", encoding="utf-8")
    config = load_config(str(path), host, {})
    assert config.plugins == ("two", "one")
    results = host.collect("deepguard_thresholds", call=CALL, defaults=config.policy.thresholds.thresholds())
    assert [result.alert_after for result in results] == [3, 1, 2, 1]


def test_only_what_the_file_names_is_loaded(load, host):
    load("notifiers: [{type: log}]\npolicy: {plugin: acme-hooks}")
    loaded = {plugin.name for plugin in host.installed() if plugin.status == "loaded"}
    assert loaded == {"default-policy", "embedded", "log", "acme-hooks"}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.yaml", "there is no such file; `deepguard init` writes one"),
        (".", "this is a directory; name the file in it"),
        ("file.yaml/x", "the file cannot be read: Not a directory"),
        ("a\0b", "the file cannot be read: not the name of a file"),
        ("large.yaml", "the file is larger than 256 KiB"),
        ("/dev/zero", "the file is larger than 256 KiB"),
        ("/proc/self/mem", "the file cannot be read: Input/output error"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path, host, path, message):
    (tmp_path / "file.yaml").touch()
    (tmp_path / "large.yaml").write_text("# " + "x" * 300_000, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / path, host, {})
    [problem] = caught.value.problems
    assert problem.message == message


def test_a_file_that_this_user_may_not_read_is_told(tmp_path, host):
    path = tmp_path / "deepguard.yaml"
    path.touch()
    path.chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        if folder.stat().st_uid == os.geteuid() and Path(tempfile.gettempdir()) in folder.parents:
            folder.chmod(0o755)
    # Root may read everything.
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    try:
        with pytest.raises(ConfigError, match="must not be read by this user"):
            load_config(path, host, {})
    finally:
        os.seteuid(user)


def test_the_file_is_named_as_the_user_named_it(tmp_path, host, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("deepguard.yaml").write_text("# x\nvideo:\n\n    fsp: 1\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config("deepguard.yaml", host, {})
    assert str(caught.value) == "deepguard.yaml:4:5: video.fsp: unknown setting 'fsp'; did you mean 'burst_fps'?"
