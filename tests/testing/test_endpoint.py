"""The scripted endpoint: what it answers, and what it tells of those who ask."""

import asyncio
import threading
import urllib.request

import aiohttp
import pytest

from deepguard.testing import Answer, Request, ScriptedEndpoint


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


async def test_it_remembers_what_it_was_asked(http):
    async with ScriptedEndpoint() as endpoint:
        async with http.post(endpoint.url + "/a%20b?x=1&y=", json={"name": "Zoë"}, headers={"X-Own": "v"}) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        (request,) = await endpoint.wait_for(1)
    assert (request.method, request.path, request.query) == ("POST", "/a b", {"x": "1", "y": ""})
    assert request.headers["x-own"] == "v"
    assert request.json() == {"name": "Zoë"}
    assert not endpoint.blocked


async def test_it_answers_in_the_order_of_the_script_and_then_with_the_default(http):
    def echo(request: Request) -> Answer:
        return Answer(202, {"path": request.path})

    async with ScriptedEndpoint(echo) as endpoint:
        endpoint.answer(Answer(503, "later", {"Retry-After": "7"}), Answer().with_status(204))
        async with http.get(endpoint.url) as answer:
            assert (answer.status, answer.headers["Retry-After"], await answer.text()) == (503, "7", "later")
        async with http.get(endpoint.url) as answer:
            assert answer.status == 204
        for path in ("/a", "/b"):
            async with http.get(endpoint.url + path) as answer:
                assert (answer.status, await answer.json()) == (202, {"path": path})


async def test_a_redirect_is_followed_by_those_who_do(http):
    async with ScriptedEndpoint() as endpoint:
        endpoint.answer(Answer.redirect("/elsewhere", 307))
        async with http.post(endpoint.url + "/here", data=b"x") as answer:
            assert answer.status == 200
        assert [request.path for request in endpoint.requests] == ["/here", "/elsewhere"]


async def test_a_reset_connection_has_no_answer(http):
    async with ScriptedEndpoint(Answer.reset()) as endpoint:
        with pytest.raises(aiohttp.ClientOSError):
            await http.post(endpoint.url)
        assert len(endpoint.requests) == 1


@pytest.mark.parametrize("answer", [Answer.hang(), Answer.drip()], ids=lambda answer: answer.manner.name)
async def test_who_gives_up_has_left(http, answer):
    async with ScriptedEndpoint(answer) as endpoint:

        async def ask():
            async with http.get(endpoint.url) as answered:
                await answered.read()

        asking = asyncio.create_task(ask())
        await endpoint.wait_for(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await endpoint.wait_until_left()


async def test_a_connection_that_is_kept_is_told(http):
    async with ScriptedEndpoint() as endpoint:
        async with http.get(endpoint.url):
            pass
        with pytest.raises(TimeoutError):
            await endpoint.wait_until_left(0)
        await http.close()
        await endpoint.wait_until_left()


async def test_too_few_requests_are_told():
    async with ScriptedEndpoint() as endpoint:
        with pytest.raises(TimeoutError):
            await endpoint.wait_for(1, seconds=0)


async def test_its_end_cuts_off_what_hangs_and_ends_its_thread(http):
    before = threading.active_count()
    async with ScriptedEndpoint(Answer.hang()) as endpoint:
        asking = asyncio.create_task(http.get(endpoint.url))
        await endpoint.wait_for(1)
    with pytest.raises(aiohttp.ClientError):
        await asking
    assert threading.active_count() == before


@pytest.mark.parametrize("answer", [Answer(), Answer.hang()], ids=lambda answer: answer.manner.name)
async def test_a_client_that_blocks_the_event_loop_is_answered_and_found_out(monkeypatch, answer):
    monkeypatch.setattr("deepguard.testing.endpoint.STANDSTILL", 0.1)
    async with ScriptedEndpoint(answer) as endpoint:
        with urllib.request.urlopen(endpoint.url) as answered:  # noqa: ASYNC210 - this is the mistake
            assert answered.status == 200
        assert endpoint.blocked
