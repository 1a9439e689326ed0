"""Plugins come in one by one, and a broken one is named, told in words, and hurts nobody else."""

import sys
from pathlib import Path

import pytest
from loguru import logger

from deepguard.errors import PluginError
from deepguard.model import Call, Incident, Level
from deepguard.plugins import PluginHost
from deepguard.thresholds import Thresholds

NOTIFIER = """
class Config(PluginConfig):
    url: str = ""

class Pager(Notifier):
    async def send(self, notification):
        pass

@hookimpl
def deepguard_register_notifiers():
    return [NotifierType("pager", Config, lambda config: Pager())]
"""
CALL = Call("call-1", 1.0)
INCIDENT = Incident("inc-1", "call-1", "ann", 1.0, Level.ALERT, Level.ALERT, (), 1.0)


@pytest.fixture
def log():
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(message.record["message"]), format="{message}")
    yield lines
    logger.remove(sink)


def described(host: PluginHost, name: str):
    [plugin] = [plugin for plugin in host.installed() if plugin.name == name]
    return plugin


def failure(host: PluginHost, name: str) -> str:
    with pytest.raises(PluginError) as caught:
        host.load(name)
    assert described(host, name).status == "failed"
    assert described(host, name).reason == str(caught.value)
    return str(caught.value)


def test_nothing_but_the_default_policy_is_loaded_unasked(site):
    site.install("acme-pager", {"pager": "acme_pager"}, {"acme_pager": NOTIFIER})
    host = PluginHost()
    assert {plugin.name for plugin in host.installed() if plugin.status == "loaded"} == {"default-policy"}
    assert host.first("deepguard_thresholds", call=CALL, defaults=Thresholds(3, 2, 1)) == Thresholds(3, 2, 1)
    assert host.first("deepguard_policy", call=CALL, thresholds=Thresholds()) is not None
    assert host.notifier_types == host.detector_types == {}
    assert "acme_pager" not in sys.modules


def test_a_named_plugin_brings_its_type(site):
    site.install("acme-pager", {"pager": "acme_pager"}, {"acme_pager": NOTIFIER}, version="2.1")
    host = PluginHost()
    assert "pager" in host.names
    host.load("pager")
    host.load("pager")
    assert list(host.notifier_types) == ["pager"]
    plugin = described(host, "pager")
    assert (plugin.kind, plugin.distribution, plugin.version, plugin.status, plugin.reason) == (
        "notifier",
        "acme-pager",
        "2.1",
        "loaded",
        "",
    )


def test_every_built_in_plugin_loads():
    host = PluginHost()
    host.load_all()
    kinds = {plugin.name: plugin.kind for plugin in host.installed() if plugin.distribution == "pipecat-deepguard"}
    assert kinds == {
        "apprise": "notifier",
        "dataspike": "detector",
        "default-policy": "policy",
        "email": "notifier",
        "embedded": "detector",
        "log": "notifier",
        "scenario": "detector",
        "slack": "notifier",
        "webhook": "notifier",
    }


def test_two_entry_points_may_share_a_module(site):
    source = """
@hookimpl
def deepguard_register_notifiers():
    return [NotifierType("mail", PluginConfig, Notifier), NotifierType("pager", PluginConfig, Notifier)]

@hookimpl
def deepguard_enrich(incident):
    return {"shared": incident.id}
"""
    site.install("acme", {"mail": "acme_both", "pager": "acme_both"}, {"acme_both": source})
    host = PluginHost()
    host.load("mail")
    host.load("pager")
    assert list(host.notifier_types) == ["mail", "pager"]
    assert host.collect("deepguard_enrich", incident=INCIDENT) == [{"shared": "inc-1"}]
    assert described(host, "pager").status == "loaded"


def test_an_object_of_a_module_is_a_plugin_too(site):
    source = """
class Policy:
    @hookimpl
    def deepguard_thresholds(self, defaults):
        return type(defaults)(9, 9, 9)

plugin = Policy()
"""
    site.install("acme", {"strict": "acme_strict:plugin"}, {"acme_strict": source})
    host = PluginHost()
    host.load("strict")
    assert host.first("deepguard_thresholds", call=CALL, defaults=Thresholds()) == Thresholds(9, 9, 9)
    assert described(host, "strict").kind == "policy"


def test_a_broken_plugin_leaves_the_others_alone(site):
    site.install("acme-broken", {"broken": "acme_broken"}, {"acme_broken": "import acme_is_not_there\n"})
    site.install("acme-quits", {"quits": "acme_quits"}, {"acme_quits": "raise SystemExit(7)\n"})
    site.install("acme-pager", {"pager": "acme_pager"}, {"acme_pager": NOTIFIER})
    host = PluginHost()
    host.load_all()
    states = {plugin.name: plugin.status for plugin in host.installed()}
    assert (states["broken"], states["quits"], states["pager"]) == ("failed", "failed", "loaded")
    assert failure(host, "broken") == (
        "the plugin 'broken' of acme-broken 1.0 cannot be loaded: "
        "ModuleNotFoundError: No module named 'acme_is_not_there'"
    )


def test_what_a_plugin_prints_while_it_is_imported_stays_out_of_the_output(site, capsys):
    site.install("acme", {"loud": "acme_loud"}, {"acme_loud": "print('hello')\n"})
    PluginHost().load("loud")
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import acme_gone", "cannot be loaded: ModuleNotFoundError: No module named 'acme_gone'"),
        ("raise ValueError('a\\n\\x1b[31mb')", "cannot be loaded: ValueError: a [31mb"),
        (
            "@hookimpl\ndef deepguard_threshold(call):\n    pass",
            "does not fit: there is no hook named 'deepguard_threshold'; did you mean 'deepguard_thresholds'?",
        ),
        (
            "@hookimpl\ndef deepguard_thresholds(cal):\n    pass",
            "does not fit: deepguard_thresholds has no argument 'cal'; did you mean 'call'?",
        ),
        (
            "@hookimpl\nasync def deepguard_policy(call):\n    pass",
            "does not fit: deepguard_policy must not be 'async def'; only deepguard_call_ended, "
            "deepguard_call_started, deepguard_transition may",
        ),
        (
            "@hookimpl\nasync def deepguard_call_started(call):\n    yield",
            "does not fit: deepguard_call_started must not be an asynchronous generator",
        ),
        (
            "@hookimpl(wrapper=True)\ndef deepguard_policy(call):\n    return (yield)",
            "does not fit: deepguard_policy is a hook wrapper, which deepguard does not call",
        ),
        (
            "def deepguard_enrich(incident):\n    return {}",
            "does not fit: deepguard_enrich is not marked with @hookimpl",
        ),
        (
            "@hookimpl\ndef deepguard_enrich(incident, cal):\n    pass\n"
            "@hookimpl\nasync def deepguard_thresholds():\n    pass",
            "does not fit: deepguard_enrich has no argument 'cal'; deepguard_thresholds must not be 'async def'; "
            "only deepguard_call_ended, deepguard_call_started, deepguard_transition may",
        ),
        (
            "@hookimpl\ndef deepguard_register_notifiers():\n    return [NotifierType('else', PluginConfig, Notifier)]",
            "does not fit: it offers a type named 'else', and a type takes its name from an entry point of its package",
        ),
        (
            "@hookimpl\ndef deepguard_register_notifiers():\n    return [NotifierType('pagr', PluginConfig, Notifier)]",
            "does not fit: it offers a type named 'pagr', and a type takes its name from an entry point of its "
            "package; did you mean 'pager'?",
        ),
        (
            "@hookimpl\ndef deepguard_register_notifiers():\n    return [NotifierType('pager', dict, Notifier)]",
            "does not fit: the configuration model of 'pager' must be a subclass of PluginConfig",
        ),
        (
            "@hookimpl\ndef deepguard_register_notifiers():\n    return ['pager']",
            "does not fit: its register hook must return a list of NotifierType",
        ),
        (
            "@hookimpl\ndef deepguard_register_notifiers():\n    pass",
            "does not fit: its register hook must return a list of NotifierType",
        ),
        (
            "@hookimpl\ndef deepguard_register_notifiers():\n"
            "    return [NotifierType('pager', PluginConfig, Notifier)] * 2",
            "does not fit: it offers a type named 'pager', and there already is one",
        ),
        (
            "@hookimpl\ndef deepguard_register_detectors():\n    return 1 / 0",
            "does not fit: ZeroDivisionError: division by zero",
        ),
        (
            "import sys\nclass Thing:\n    pass\nsys.modules[__name__] = Thing",
            "does not fit: it is a class; name a module or an object that holds the hooks",
        ),
    ],
)
def test_a_fault_is_told_in_words(site, source, reason):
    site.install("acme-pager", {"pager": "acme_pager"}, {"acme_pager": source})
    host = PluginHost()
    assert failure(host, "pager") == f"the plugin 'pager' of acme-pager 1.0 {reason}"
    # Nothing of it stays behind.
    assert host.notifier_types == host.detector_types == {}
    assert host.collect("deepguard_enrich", incident=INCIDENT) == []
    # And it is not tried again: a module half imported fails in other ways the second time.
    assert failure(host, "pager") == f"the plugin 'pager' of acme-pager 1.0 {reason}"


def test_a_missing_attribute_and_a_missing_module_are_told(site):
    site.install("acme", {"one": "acme_module:nothing", "two": "acme_nowhere"}, {"acme_module": ""})
    host = PluginHost()
    assert "AttributeError: module 'acme_module' has no attribute 'nothing'" in failure(host, "one")
    assert "ModuleNotFoundError: No module named 'acme_nowhere'" in failure(host, "two")


def test_one_name_in_two_packages_is_refused(site):
    site.install("acme-pager", {"pager": "acme_pager"}, {"acme_pager": NOTIFIER})
    site.install("other-pager", {"pager": "other_pager"}, {"other_pager": NOTIFIER}, version="2.0")
    host = PluginHost()
    with pytest.raises(PluginError) as caught:
        host.load("pager")
    assert sorted(str(caught.value).removeprefix("the plugin 'pager' is offered by ").split(":")[0].split(" and ")) == [
        "acme-pager 1.0",
        "other-pager 2.0",
    ]
    assert str(caught.value).endswith(": uninstall all but one of them")
    assert [plugin.status for plugin in host.installed() if plugin.name == "pager"] == ["failed", "failed"]
    assert host.notifier_types == {}


def test_an_unknown_name_comes_with_a_guess(site):
    site.install("acme-pager", {"pager": "acme_pager"}, {"acme_pager": NOTIFIER})
    with pytest.raises(PluginError, match=r"^no plugin named 'pagr' is installed; did you mean 'pager'\?$"):
        PluginHost().load("pagr")


def test_a_damaged_installation_of_others_is_passed_over(site):
    (site.folder / "half-1.0.dist-info").mkdir()
    nameless = site.folder / "nameless-1.0.dist-info"
    nameless.mkdir()
    (nameless / "entry_points.txt").write_text("[deepguard]\nbroken line without equals\n")
    binary = site.folder / "binary-1.0.dist-info"
    binary.mkdir()
    (binary / "entry_points.txt").write_bytes(b"[deepguard]\n\xff\xfe = x\n")
    site.install("acme-pager", {"pager": "acme_pager"}, {"acme_pager": NOTIFIER})
    host = PluginHost()
    host.load("pager")
    assert list(host.notifier_types) == ["pager"]


def test_without_deepguards_own_entry_points_the_host_says_so():
    with pytest.raises(PluginError, match="install deepguard again"):
        PluginHost([])


def test_a_raising_hook_is_reported_and_the_next_one_asked(site, log):
    site.install(
        "acme",
        {"raises": "acme_raises", "answers": "acme_answers"},
        {
            "acme_raises": "@hookimpl(tryfirst=True)\ndef deepguard_enrich(incident):\n    raise KeyError('lost')\n"
            "@hookimpl(tryfirst=True)\ndef deepguard_should_notify(notifier):\n    raise KeyError(notifier)\n",
            "acme_answers": "@hookimpl\ndef deepguard_enrich(incident):\n    return {'a': incident.id}\n"
            "@hookimpl\ndef deepguard_should_notify():\n    return False\n",
        },
    )
    host = PluginHost()
    host.load("raises")
    host.load("answers")
    assert host.collect("deepguard_enrich", incident=INCIDENT) == [{"a": "inc-1"}]
    assert host.first("deepguard_should_notify", notification=None, notifier="log") is False
    assert log == [
        "The plugin raises failed in deepguard_enrich: KeyError: 'lost'",
        "The plugin raises failed in deepguard_should_notify: KeyError: 'log'",
    ]


def test_a_coroutine_that_slipped_through_counts_as_no_result(site, log):
    source = """
async def later():
    return {}

@hookimpl
def deepguard_enrich(incident):
    return later()
"""
    site.install("acme", {"later": "acme_later"}, {"acme_later": source})
    host = PluginHost()
    host.load("later")
    assert host.collect("deepguard_enrich", incident=INCIDENT) == []
    assert log == [
        "The plugin later failed in deepguard_enrich: TypeError: returned a coroutine; this hook cannot be asynchronous"
    ]


def test_the_first_result_wins_and_the_last_loaded_is_asked_first(site):
    policy = "@hookimpl\ndef deepguard_thresholds(defaults):\n    return {}\n"
    site.install(
        "acme",
        {"one": "acme_one", "two": "acme_two", "none": "acme_none"},
        {
            "acme_one": policy.format("type(defaults)(1, 1, 1)"),
            "acme_two": policy.format("type(defaults)(2, 2, 2)"),
            "acme_none": policy.format("None"),
        },
    )
    host = PluginHost()
    for name in ("one", "two", "none"):
        host.load(name)
    assert host.first("deepguard_thresholds", call=CALL, defaults=Thresholds()) == Thresholds(2, 2, 2)
    results = host.collect("deepguard_thresholds", call=CALL, defaults=Thresholds(5, 5, 5))
    assert results == [Thresholds(2, 2, 2), Thresholds(1, 1, 1), Thresholds(5, 5, 5)]


async def test_observers_may_be_asynchronous_and_each_stands_alone(site, log):
    site.install(
        "acme",
        {"quiet": "acme_quiet", "slow": "acme_slow", "fails": "acme_fails", "fails-late": "acme_fails_late"},
        {
            "acme_quiet": "seen = []\n@hookimpl\ndef deepguard_call_ended(call, reason):\n"
            "    seen.append((call.id, reason))\n",
            "acme_slow": "import asyncio\nseen = []\n@hookimpl\nasync def deepguard_call_ended(reason):\n"
            "    await asyncio.sleep(0)\n    seen.append(reason)\n",
            "acme_fails": "@hookimpl\ndef deepguard_call_ended():\n    raise RuntimeError('at once')\n",
            "acme_fails_late": "@hookimpl\nasync def deepguard_call_ended():\n    raise RuntimeError('late')\n",
        },
    )
    host = PluginHost()
    for name in ("quiet", "slow", "fails", "fails-late"):
        host.load(name)
    await host.observe("deepguard_call_ended", call=CALL, reason="hung up")
    assert sys.modules["acme_quiet"].seen == [("call-1", "hung up")]
    assert sys.modules["acme_slow"].seen == ["hung up"]
    assert log == [
        "The plugin fails-late failed in deepguard_call_ended: RuntimeError: late",
        "The plugin fails failed in deepguard_call_ended: RuntimeError: at once",
    ]


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    return tmp_path / "my_policy.py"


def test_a_file_brings_a_policy(policy_file):
    policy_file.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from deepguard.thresholds import Thresholds\n"
        "from deepguard.hookspecs import hookimpl\n"
        "@dataclass\nclass Limits:\n    alert_after: int = 4\n"
        "@hookimpl\ndef deepguard_thresholds(call):\n    return Thresholds(alert_after=Limits().alert_after)\n"
    )
    host = PluginHost()
    host.load_file(policy_file)
    host.load_file(policy_file)
    results = host.collect("deepguard_thresholds", call=CALL, defaults=Thresholds())
    assert results == [Thresholds(alert_after=4), Thresholds()]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = 1\ny = x.nothing\n", "AttributeError: 'int' object has no attribute 'nothing' (line 2)"),
        ("def f(:\n", "SyntaxError: invalid syntax (my_policy.py, line 1)"),
        ("import json\njson.loads('{')\n", "JSONDecodeError: Expecting property name"),
        ("raise SystemExit('no')\n", "SystemExit: no (line 1)"),
        (
            "from deepguard.hookspecs import hookimpl\n@hookimpl\ndef deepguard_policy(cal):\n    pass\n",
            "my_policy.py does not fit: deepguard_policy has no argument 'cal'; did you mean 'call'?",
        ),
        (
            "from deepguard.contracts import *\nfrom deepguard.hookspecs import hookimpl\n@hookimpl\n"
            "def deepguard_register_notifiers():\n    return [NotifierType('mine', PluginConfig, Notifier)]\n",
            "my_policy.py does not fit: it offers a type named 'mine', and a type takes its name from an entry point",
        ),
    ],
)
def test_a_faulty_file_is_told_in_words(policy_file, source, reason):
    policy_file.write_text(source)
    modules = set(sys.modules)
    host = PluginHost()
    with pytest.raises(PluginError) as caught:
        host.load_file(policy_file)
    assert str(caught.value).startswith("my_policy.py ")
    assert reason in str(caught.value)
    assert host.notifier_types == {}
    assert not [name for name in set(sys.modules) - modules if name.startswith("_deepguard_file")]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere.py", "there is no such file"),
        (".", "there is no such file"),
        ("text.txt", "its name must end in .py"),
        ("a\0b.py", "this is not the path of a file"),
    ],
)
def test_what_is_no_python_file_is_refused(tmp_path, path, reason):
    (tmp_path / "text.txt").write_text("x = 1")
    with pytest.raises(PluginError, match=reason):
        PluginHost().load_file(tmp_path / path)


def test_hooks_can_be_called_as_pluggy_does():
    host = PluginHost()
    assert host.hook.deepguard_thresholds(call=CALL, participant_id="", defaults=Thresholds(2, 2, 2)) == Thresholds(
        2, 2, 2
    )
