from __future__ import annotations

from deepguard.guard.live import READER_BACKLOG, RECENT_EVENTS, LiveStream


def new_stream() -> LiveStream:
    return LiveStream(lambda recent: {"type": "state", "recent": recent})


async def test_a_reader_gets_a_snapshot_first_and_then_every_event_in_order() -> None:
    stream = new_stream()
    stream.publish({"type": "level", "n": 0})
    with stream.reader() as reader:
        events = reader.events()
        assert await anext(events) == {"type": "state", "recent": [{"type": "level", "n": 0}]}
        for n in range(1, 4):
            stream.publish({"type": "level", "n": n})
        assert [(await anext(events))["n"] for _ in range(3)] == [1, 2, 3]


async def test_a_reader_that_is_too_slow_gets_a_new_snapshot_instead_of_growing() -> None:
    stream = new_stream()
    with stream.reader() as reader:
        events = reader.events()
        await anext(events)
        for n in range(READER_BACKLOG + 10):
            stream.publish({"type": "level", "n": n})
        event = await anext(events)
        assert event["type"] == "state"
        assert event["recent"][-1]["n"] == READER_BACKLOG + 9
        assert reader.lagged == 1
        stream.publish({"type": "level", "n": -1})
        assert (await anext(events))["n"] == -1


async def test_the_snapshot_holds_a_bounded_past() -> None:
    stream = new_stream()
    for n in range(RECENT_EVENTS + 50):
        stream.publish({"type": "level", "n": n})
    stream.publish({"type": "samples"}, keep=False)
    recent = stream.snapshot()["recent"]
    assert [event["n"] for event in recent] == list(range(50, RECENT_EVENTS + 50))


async def test_closing_ends_readers_after_what_they_still_have_and_later_ones_after_a_snapshot() -> None:
    stream = new_stream()

    with stream.reader() as reader:
        events = reader.events()
        await anext(events)
        stream.publish({"type": "ended"}, keep=False)
        stream.close()
        assert [event["type"] async for event in events] == ["ended"]
    with stream.reader() as late:
        assert [event["type"] async for event in late.events()] == ["state"]
