"""docs/plugins.md: what it shows is built, loaded and run; what it lists is what there is."""

import subprocess
import sys

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from deepguard import Call, Judgement, Level, LevelChanged, NotifyError, Source, Thresholds
from deepguard.config.loading import load_config
from deepguard.notify.dispatcher import Dispatcher, build_routes
from deepguard.plugins import PluginHost
from deepguard.testing import make_notification, make_verdict
from support.pages import ROOT, files, module_of, snippets

PAGE = ROOT / "docs" / "plugins.md"
REFERENCE = PAGE.with_name("hooks_reference.py")
TOKEN = "token-of-the-pager"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The page's notifier package, as visible to this interpreter as ``pip install -e`` would make it."""
    for name, text in files(PAGE).items():
        (tmp_path / name).write_text(text)
    build = "from setuptools import build_meta; build_meta.prepare_metadata_for_build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("deepguard_pager", None)


class PagerService:
    """The service that the page's notifier talks to; answers with ``status``."""

    def __init__(self):
        self.url, self.status, self.taken = "", 200, []

    async def take(self, request):
        self.taken.append((request.headers["Authorization"], await request.json()))
        return web.Response(status=self.status)


@pytest.fixture
async def pager():
    service = PagerService()
    app = web.Application()
    app.router.add_post("/hook", service.take)
    async with TestServer(app) as server:
        service.url = str(server.make_url("/hook"))
        yield service


def load(package, name, **environ):
    host = PluginHost()
    return load_config(package / name, host, {"DATASPIKE_API_KEY": "key-for-the-test", **environ}), host


async def test_the_notifier_is_found_configured_and_told(package, pager):
    config, host = load(package, "deepguard.yaml", PAGER_URL=pager.url, PAGER_TOKEN=TOKEN)
    deliveries = []
    dispatcher = Dispatcher(
        build_routes(config, host),
        on_delivery=deliveries.append,
        should_notify=lambda notification, name: host.first(
            "deepguard_should_notify", notification=notification, notifier=name
        ),
    )
    await dispatcher.start()
    notification = make_notification(participant_id="Zoë")
    assert notification.incident
    dispatcher.notify(notification)
    await dispatcher.close()
    assert [delivery.status for delivery in deliveries] == ["delivered"]
    assert pager.taken == [
        (
            f"Bearer {TOKEN}",
            {
                "id": notification.id,
                "key": notification.incident.id,
                "title": "Zoë may be a deepfake",
                "text": notification.detail,
            },
        )
    ]
    assert TOKEN not in repr(config)


async def test_the_notifier_can_be_tried_by_itself(package, pager):
    tried = module_of(package / "try_pager.py")
    await tried.page_once(pager.url)
    assert pager.taken[0][1]["title"] == "Zoë may be a deepfake"


@pytest.mark.parametrize(("status", "retryable"), [(302, False), (404, False), (429, True), (503, True)])
async def test_the_notifier_says_what_is_worth_another_attempt(package, pager, status, retryable):
    pager.status = status
    tried = module_of(package / "try_pager.py")
    with pytest.raises(NotifyError, match=f"the pager answered {status}") as caught:
        await tried.page_once(pager.url)
    assert caught.value.retryable is retryable


async def test_the_notifier_says_when_nobody_listens(package, unused_tcp_port):
    tried = module_of(package / "try_pager.py")
    with pytest.raises(NotifyError, match=r"cannot be reached \(ClientConnectorError\)"):
        await tried.page_once(f"http://127.0.0.1:{unused_tcp_port}/hook")


@pytest.fixture
def policy(package):
    config, host = load(package, "deepguard.policy.yaml")
    assert config.policy.plugin == "./my_policy.py"
    yield host
    for name in [name for name in sys.modules if name.startswith("_deepguard_file_my_policy")]:
        del sys.modules[name]


def test_the_policy_file_overrides_thresholds_where_it_wants(policy):
    defaults = Thresholds(2, 2, 2)

    def decided(**metadata):
        return policy.first("deepguard_thresholds", call=Call("c", 0.0, metadata), defaults=defaults)

    assert decided() == defaults
    assert decided(desk="payments") == Thresholds(1, 1, 5)


def test_the_policy_file_replaces_the_policy_where_it_wants(policy):
    def decided(**metadata):
        return policy.first("deepguard_policy", call=Call("c", 0.0, metadata), thresholds=Thresholds())

    assert type(decided()).__name__ == "ThresholdPolicy"
    own = decided(policy="two-tracks")
    step = own.advance(own.initial(), make_verdict(judgement=Judgement.SUSPICIOUS), 0.0)
    assert step.participant is Level.SUSPICIOUS
    heard = make_verdict(judgement=Judgement.SUSPICIOUS, source=Source.MICROPHONE)
    step = own.advance(step.state, heard, 1.0)
    assert (step.participant, step.cause) == (Level.ALERT, "two tracks are suspicious together")
    unknown = own.advance(step.state, make_verdict(judgement=Judgement.UNKNOWN), 2.0)
    assert unknown.tracks == step.tracks


async def test_the_policy_file_decides_enriches_and_observes(policy):
    def told(**over):
        name = over.pop("name", "pager")
        return policy.first("deepguard_should_notify", notification=make_notification(**over), notifier=name)

    assert (told(), told(simulated=True), told(simulated=True, name="log")) == (None, False, None)
    incident = make_notification().incident
    assert policy.collect("deepguard_enrich", incident=incident) == [{"runbook": "https://wiki.example/deepfake"}]
    change = LevelChanged("c", "p", None, Level.CLEAR, Level.ALERT, 0.0, "cause")
    await policy.observe("deepguard_transition", transition=change)
    (name,) = (name for name in sys.modules if name.startswith("_deepguard_file_my_policy"))
    seen = sys.modules[name].TRANSITIONS
    assert seen == [change]


def test_every_snippet_with_a_name_is_one_that_a_test_here_uses():
    assert set(files(PAGE)) == {
        "pyproject.toml",
        "deepguard_pager.py",
        "deepguard.yaml",
        "try_pager.py",
        "deepguard.policy.yaml",
        "my_policy.py",
    }
    assert len(snippets(PAGE)) == len(files(PAGE))


def test_the_list_of_hooks_is_up_to_date():
    writer = module_of(REFERENCE)
    page = PAGE.read_text()
    assert writer.page_with(writer.reference(), page) == page, "run: python docs/hooks_reference.py"
    for name in writer.hooks():
        assert f"### `{name}(" in page
