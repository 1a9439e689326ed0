"""GET /metrics, read as Prometheus reads it, of a server whose receivers fail in every way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from deepguard import __version__
from deepguard.store import deliveries
from deepguard.store.entry import Entry, Outgoing
from deepguard.testing import Answer, ScriptedEndpoint, make_notification
from support.program import running
from support.serving import serving
from support.webhook import SECRET

PER_NOTIFIER = {
    "deepguard_deliveries_dead",
    "deepguard_deliveries_oldest_age_seconds",
    "deepguard_deliveries_waiting",
    "deepguard_delivery_attempts_failed_total",
    "deepguard_delivery_attempts_total",
    "deepguard_destination_blocked",
    "deepguard_destination_disabled",
    "deepguard_destination_refused",
    "deepguard_digests_delivered_total",
    "deepguard_notifications_dead_total",
    "deepguard_notifications_delivered_total",
    "deepguard_notifications_silenced_total",
}
EMBEDDED = "detector: {type: embedded}\n"
Values = dict[tuple[str, str], float]


async def scraped(http: aiohttp.ClientSession) -> Values:
    """Every sample: its name, its notifier (or empty), its value."""
    async with http.get("/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        text = await response.text()
    families = list(read_text(text))
    for family in families:
        assert family.documentation, family.name
        assert family.type in ("gauge", "counter", "histogram"), family.name
    return {
        (sample.name, sample.labels.get("notifier", "")): sample.value
        for family in families
        for sample in family.samples
    }


async def until(http: aiohttp.ClientSession, holds: Callable[[Values], bool]) -> Values:
    async with asyncio.timeout(20):
        while not holds(values := await scraped(http)):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    return values


async def test_the_numbers_are_those_of_what_happened(tmp_path: Path) -> None:
    statuses = {"well": 200, "choosy": 400, "refusing": 401, "gone": 410, "busy": 503}
    async with ScriptedEndpoint(lambda request: Answer(statuses[request.path.strip("/")])) as receiver:
        common = f"secret: {SECRET}, allow_networks: [127.0.0.0/8]"
        notifiers = "\n".join(
            f'  - {{type: webhook, name: {name}, url: "{receiver.url}/{name}", {common}}}' for name in statuses
        )
        config = f"""
detector: {{type: embedded}}
server: {{max_calls: 7}}
notifiers:
{notifiers}
  - {{type: log, name: quiet}}
silences: [{{name: always, notifiers: [quiet], start: "00:00", end: "00:00"}}]
"""
        async with serving(tmp_path, config) as (runtime, url), aiohttp.ClientSession(url) as http:
            before = await scraped(http)
            assert {name for name, notifier in before if notifier} == PER_NOTIFIER
            assert {value for (_, notifier), value in before.items() if notifier} == {0.0}
            told = [make_notification() for _ in range(2)]
            for one in told:
                runtime.dispatcher.record(Entry(call_id=one.call_id, notifications=(one,)))
            # What only another host on this store knows.
            elsewhere = Outgoing(told[0], 'other "host"\\', 60.0)
            await runtime.dispatcher.journal.flushed()
            await runtime.store.write(lambda db: deliveries.add(db, [elsewhere]))

            now = await until(
                http,
                lambda values: (
                    values["deepguard_deliveries_dead", "choosy"] == 2
                    and values["deepguard_destination_disabled", "gone"] == 1
                    and values["deepguard_destination_refused", "refusing"] == 1
                    and values["deepguard_notifications_delivered_total", "well"] == 2
                    and values["deepguard_delivery_attempts_failed_total", "busy"] >= 1
                    and values["deepguard_deliveries_waiting", "busy"] == 2
                    and ("deepguard_deliveries_waiting", elsewhere.notifier) in values
                ),
            )

            def of(name: str) -> dict[str, float]:
                return {notifier: value for (found, notifier), value in now.items() if found == name and value}

            assert of("deepguard_deliveries_dead") == {"choosy": 2}
            assert of("deepguard_notifications_dead_total") == {"choosy": 2}
            assert of("deepguard_notifications_delivered_total") == {"well": 2}
            assert of("deepguard_notifications_silenced_total") == {"quiet": 2}
            assert of("deepguard_digests_delivered_total") == {}
            waiting = {"gone": 2, "refusing": 2, "busy": 2, elsewhere.notifier: 1}
            assert of("deepguard_deliveries_waiting") == waiting
            assert of("deepguard_deliveries_oldest_age_seconds").keys() == waiting.keys()
            assert of("deepguard_destination_disabled") == {"gone": 1}
            assert of("deepguard_destination_refused") == {"gone": 1, "refusing": 1}
            assert {"gone", "refusing"} <= of("deepguard_destination_blocked").keys() <= {"gone", "refusing", "busy"}
            attempts, failed = of("deepguard_delivery_attempts_total"), of("deepguard_delivery_attempts_failed_total")
            assert (attempts["well"], attempts["choosy"], attempts["gone"], attempts["refusing"]) == (2, 2, 1, 1)
            assert failed == {name: count for name, count in attempts.items() if name != "well"}
            assert now["deepguard_calls", ""] == 0
            assert now["deepguard_calls_limit", ""] == 7
            assert now["deepguard_store_up", ""] == 1
            assert now["deepguard_store_entries_waiting", ""] == 0
            assert now["deepguard_store_entries_lost_total", ""] == 0
            assert now["deepguard_store_entries_skipped_total", ""] == 0
            assert now["deepguard_leases_taken_over_total", ""] == 0
            assert now["deepguard_store_last_read_timestamp_seconds", ""] >= told[0].at
            assert now["deepguard_build_info", ""] == 1
            assert now["process_open_fds", ""] > 0

            (tmp_path / "deepguard.db").rename(tmp_path / "away.db")
            runtime.dispatcher.record(Entry(call_id="call-1"))
            down = await until(http, lambda values: values["deepguard_store_up", ""] == 0)
            assert down["deepguard_store_entries_waiting", ""] == 1
            (tmp_path / "away.db").rename(tmp_path / "deepguard.db")
            await until(http, lambda values: values["deepguard_store_up", ""] == 1)


async def test_what_dies_of_age_is_counted(tmp_path: Path) -> None:
    async with ScriptedEndpoint(Answer(503)) as receiver:
        desk = f'{{type: webhook, name: desk, url: "{receiver.url}", secret: {SECRET}, allow_networks: [127.0.0.0/8]'
        config = f"detector: {{type: embedded}}\nnotifiers: [{desk}, give_up_after: 1}}]\n"
        async with serving(tmp_path, config) as (runtime, url), aiohttp.ClientSession(url) as http:
            one = make_notification()
            runtime.dispatcher.record(Entry(call_id=one.call_id, notifications=(one,)))
            await until(http, lambda values: values["deepguard_deliveries_dead", "desk"] == 1)
            assert (await scraped(http))["deepguard_notifications_dead_total", "desk"] == 1


@pytest.mark.parametrize("asked", ["application/openmetrics-text;version=1.0.0", "application/openmetrics-text"])
async def test_openmetrics_is_given_to_who_asks_for_it(tmp_path: Path, asked: str) -> None:
    async with (
        serving(tmp_path, EMBEDDED) as (_, url),
        aiohttp.ClientSession(url) as http,
        http.get("/metrics", headers={"Accept": asked}) as response,
    ):
        assert response.content_type == "application/openmetrics-text"
        names = {family.name for family in read_openmetrics(await response.text())}
    assert "deepguard_store_up" in names


@pytest.mark.parametrize(
    "asked", ["", "*/*", "text/plain;version=x", "application/openmetrics-text;version=ä", ";" * 9]
)
async def test_whatever_is_asked_for_is_answered(tmp_path: Path, asked: str) -> None:
    async with (
        serving(tmp_path, EMBEDDED) as (_, url),
        aiohttp.ClientSession(url) as http,
        http.get("/metrics", headers={"Accept": asked}) as response,
    ):
        assert response.status == 200
        assert f'deepguard_build_info{{version="{__version__}"}} 1.0' in await response.text()


@pytest.mark.parametrize(
    ("setting", "host", "status"),
    [("auto", "localhost", 200), ("off", "localhost", 404), ("auto", "0.0.0.0", 404), ("on", "0.0.0.0", 200)],
)
async def test_metrics_are_served_where_they_are_wanted(tmp_path: Path, setting: str, host: str, status: int) -> None:
    config = f'detector: {{type: embedded}}\nserver: {{metrics: "{setting}"}}\n'
    async with serving(tmp_path, config, host) as (_, url), aiohttp.ClientSession(url) as http:
        async with http.get("/metrics") as response:
            assert response.status == status
        async with http.get("/metrics", headers={"Host": "evil.example"}) as response:
            assert response.status == (421 if host == "localhost" else status)


async def test_the_program_serves_them(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text("detector: {type: embedded}\n")
    async with running(cwd=tmp_path) as program, aiohttp.ClientSession(program.url) as http:
        assert (await scraped(http))["deepguard_store_up", ""] == 1
