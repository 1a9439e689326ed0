from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deepguard.guard.ledger import SampleLedger
from deepguard.model import SampleOutcome, SampleRecord, Source

steps = st.lists(
    st.one_of(
        st.just(("take",)),
        st.tuples(st.just("end"), st.integers(0, 30), st.sampled_from(SampleOutcome)),
        st.tuples(st.just("expire"), st.integers(0, 40)),
        st.just(("hand over",)),
    ),
    max_size=60,
)


@given(steps)
def test_every_sample_ends_exactly_once_whatever_a_detector_says(script: list[tuple]) -> None:
    ledger = SampleLedger()
    ends: dict[str, SampleOutcome] = {}
    taken: dict[str, int] = {}
    records: list[SampleRecord] = []
    for now, step in enumerate(script):
        match step:
            case ("take",):
                sample_id = f"s{len(taken)}"
                taken[sample_id] = now
                ledger.take(sample_id, now, captured_at=1000.0 + now, track_id="track-1")
            case ("end", index, outcome):
                sample_id = f"s{index}"
                ended = ledger.end(sample_id, outcome, f"why {sample_id}")
                assert ended == (sample_id in taken and sample_id not in ends)
                if ended:
                    ends[sample_id] = outcome
            case ("expire", moment):
                late = ledger.expire_before(moment, "late")
                assert late == [one for one, at in taken.items() if at < moment and one not in ends]
                ends.update(dict.fromkeys(late, SampleOutcome.EXPIRED))
            case ("hand over",):
                records += ledger.take_ended("Ada", Source.CAMERA)

    records += ledger.take_ended("Ada", Source.CAMERA)
    assert ledger.take_ended("Ada", Source.CAMERA) == []
    assert [(record.id, record.outcome) for record in records] == list(ends.items())
    assert all(record.captured_at == 1000.0 + taken[record.id] for record in records)
    assert all(record.reason in ("late", f"why {record.id}") for record in records)
    counts = ledger.counts
    assert counts.taken == len(taken)
    assert counts.waiting == len(taken) - len(ends)
    for outcome in SampleOutcome:
        assert getattr(counts, outcome.value) == list(ends.values()).count(outcome)
    assert all((one in ledger) == (one not in ends) for one in taken)
