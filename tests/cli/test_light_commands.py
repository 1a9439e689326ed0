"""`check`, `init`, `schema`, `plugins` and `--version`, called in this process."""

import json
import re
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from deepguard.cli import app
from deepguard.cli.init import TEMPLATE

PAGER = """
class PagerConfig(PluginConfig):
    url: str

@hookimpl
def deepguard_register_notifiers():
    return [NotifierType("pager", PagerConfig, Notifier)]
"""
SECRET = "c4n4ry-5ecret"


def call(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def test_version():
    result = call("--version")
    assert (result.exit_code, result.stdout) == (0, f"deepguard {version('pipecat-deepguard')}\n")


def test_help_lists_every_command():
    result = call("--help")
    assert result.exit_code == 0
    rows = [line.removeprefix("│ ") for line in result.stdout.partition("Commands")[2].splitlines()]
    assert [row.split()[0] for row in rows if row[:1].isalpha()] == [
        "run",
        "check",
        "init",
        "schema",
        "plugins",
        "new-plugin",
        "notify-test",
        "incidents",
        "explain",
        "ack",
        "label",
        "calls",
        "export",
        "import",
        "replay",
        "tune",
        "shadow",
        "deliveries",
        "silence",
        "detector",
        "bench",
    ]


def test_a_misspelt_command_comes_with_a_guess():
    result = call("chek")
    assert result.exit_code == 2
    assert "there is no command 'chek'; did you mean 'check'?" in result.stderr


def test_check_without_a_file(folder):
    result = call("check")
    assert (result.exit_code, result.stderr) == (0, "")
    told, has_hash = result.stdout.splitlines()
    assert told == "No deepguard.yaml here; the defaults are fine. Detector: embedded. Notifiers: log."
    assert re.fullmatch(r"Its hash is [0-9a-f]{12}: calls that it guards carry it in the store\.", has_hash)


def test_check_takes_the_file_of_the_working_directory(folder):
    (folder / "deepguard.yaml").write_text("detector: {type: dataspike, api_key: '${KEY}'}\nnotifiers: []\n")
    (folder / ".env").write_text(f"KEY={SECRET}\n")
    result = call("check")
    assert result.exit_code == 0
    assert result.stdout.startswith("deepguard.yaml is fine. Detector: dataspike. Notifiers: none.\nIts hash is ")


def test_check_names_each_of_several_detectors(folder):
    several = "detector: [{type: embedded}, {type: scenario, name: second, timeline: [{at: 0, all: clear}]}]\n"
    (folder / "deepguard.yaml").write_text(several)
    result = call("check")
    assert result.stdout.startswith("deepguard.yaml is fine. Detector: embedded + second. Notifiers: log.\n")


def test_check_tells_every_problem_and_no_value(folder):
    (folder / "other.yaml").write_text(f"video:\n  fsp: 1\n  quality: {SECRET}\nnotifiers: [{{type: lgo}}]\n")
    result = call("check", "other.yaml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "other.yaml:2:3: video.fsp: unknown setting 'fsp'; did you mean 'burst_fps'?",
        "other.yaml:3:12: video.quality: must be a whole number",
        "other.yaml:4:20: notifiers[0].type: no notifier named 'lgo' is installed; did you mean 'log'? "
        "`deepguard plugins` lists what is installed",
        "3 problems found",
    ]


def test_check_of_a_file_that_is_not_there(folder):
    result = call("check", "nowhere.yaml")
    assert result.exit_code == 1
    assert result.stderr == ("nowhere.yaml: there is no such file; `deepguard init` writes one\n1 problem found\n")


def test_real_variables_win_over_the_file(folder, monkeypatch):
    (folder / ".env").write_text("PORT=many\nQUALITY=80\n")
    (folder / "deepguard.yaml").write_text("server: {port: '${PORT}'}\nvideo: {quality: '${QUALITY}'}\n")
    monkeypatch.setenv("PORT", "1")
    assert call("check").exit_code == 0
    monkeypatch.delenv("PORT")
    result = call("check")
    assert result.exit_code == 1
    assert "server.port: must be a whole number" in result.stderr


def test_an_env_file_that_is_not_text_is_told(folder):
    (folder / ".env").write_bytes(b"KEY=\xff\xfe\n")
    result = call("check")
    assert result.exit_code == 1
    assert result.stderr.startswith(".env: the file is not UTF-8 text")


def test_an_env_file_with_a_nul_is_told(folder):
    (folder / ".env").write_bytes(b"KEY=a\0b\n")
    result = call("check")
    assert result.exit_code == 1
    assert result.stderr.startswith(".env: the file cannot be read: a variable cannot be set")


def test_a_folder_named_env_is_no_file(folder):
    (folder / ".env").mkdir()
    assert call("check").exit_code == 0


def test_init_writes_what_check_accepts_and_never_overwrites(folder):
    target = folder / "deepguard.yaml"
    assert call("init").exit_code == 0
    assert target.read_text(encoding="utf-8") == TEMPLATE
    assert call("check").exit_code == 0
    target.write_text("mine")
    result = call("init")
    assert (result.exit_code, target.read_text()) == (1, "mine")
    assert result.stderr == "deepguard: deepguard.yaml is there already; --force replaces it\n"
    assert call("init", "--force").exit_code == 0
    assert target.read_text(encoding="utf-8") == TEMPLATE


@pytest.mark.parametrize(("path", "written"), [("sub", "sub/deepguard.yaml"), ("sub/other.yaml", "sub/other.yaml")])
def test_init_elsewhere(folder, path, written):
    (folder / "sub").mkdir()
    result = call("init", path)
    assert result.exit_code == 0
    assert written in result.stdout
    assert (folder / written).read_text(encoding="utf-8") == TEMPLATE


def test_init_where_nothing_can_be_written(folder):
    result = call("init", "nowhere/deepguard.yaml")
    assert result.exit_code == 1
    assert result.stderr == "deepguard: nowhere/deepguard.yaml cannot be written: No such file or directory\n"


def test_schema_prints_and_writes_the_same(folder, site):
    site.install("acme-pager", {"pager": "acme_pager"}, {"acme_pager": PAGER})
    printed = call("schema")
    written = call("schema", "--output", "config/deepguard.schema.json")
    assert printed.exit_code == written.exit_code == 0
    assert (folder / "config" / "deepguard.schema.json").read_text(encoding="utf-8") == printed.stdout
    schema = json.loads(printed.stdout)
    assert {"detector:dataspike", "notifier:log", "notifier:pager"} <= schema["$defs"].keys()
    assert schema["$defs"]["notifier:pager"]["required"] == ["type", "url"]


def test_schema_goes_on_without_a_broken_plugin_and_says_so(folder, site):
    site.install("acme-broken", {"broken": "acme_broken"}, {"acme_broken": "print('noise')\nimport acme_missing\n"})
    result = call("schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["title"] == "deepguard.yaml"
    assert "left out: the plugin 'broken' of acme-broken 1.0 cannot be loaded: ModuleNotFoundError" in result.stderr


def test_schema_where_nothing_can_be_written(folder):
    (folder / "file").touch()
    result = call("schema", "--output", "file/schema.json")
    assert result.exit_code == 1
    assert result.stderr.startswith("deepguard: file/schema.json cannot be written: ")


def test_plugins_lists_what_is_installed(folder, site, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    site.install("acme-pager", {"pager": "acme_pager"}, {"acme_pager": PAGER}, version="3.1")
    site.install("acme-broken", {"broken": "acme_broken"}, {"acme_broken": "raise OSError('[red]no\\x1b[31m')"})
    result = call("plugins")
    assert result.exit_code == 0
    rows = {cells[0]: cells[1:] for line in result.stdout.splitlines() if len(cells := _cells(line)) == 5}
    assert rows["pager"] == ["notifier", "acme-pager", "3.1", "loaded"]
    assert rows["dataspike"][:2] == ["detector", "pipecat-deepguard"]
    assert rows["broken"] == [
        "",
        "acme-broken",
        "1.0",
        "failed: the plugin 'broken' of acme-broken 1.0 cannot be loaded: OSError: [red]no [31m",
    ]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│┃ ").split("│")] if line.startswith("│") else []


def test_plugins_for_programs(folder, site):
    site.install("acme-pager", {"pager": "acme_pager"}, {"acme_pager": PAGER})
    result = call("plugins", "--json")
    assert result.exit_code == 0
    assert {
        "name": "pager",
        "kind": "notifier",
        "distribution": "acme-pager",
        "version": "1.0",
        "status": "loaded",
        "reason": "",
    } in json.loads(result.stdout)
