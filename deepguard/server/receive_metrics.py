"""What Prometheus may know of the receive paths of all calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from deepguard.model import Source
from deepguard.pipeline.receive.counts import LATE_SECONDS, Fallback, ReceiveCounts, ReceiveLevel


def receive_metrics(counts: ReceiveCounts) -> Iterator[Metric]:
    """The metrics of this moment.

    Args:
        counts: Of the process.
    """
    tracks = GaugeMetricFamily(
        "deepguard_receive_tracks",
        "Tracks that are received now, by where what is not needed of them is dropped.",
        labels=["level"],
    )
    for level in ReceiveLevel:
        tracks.add_metric([level], float(counts.tracks[level]))
    yield tracks
    yield _by_source(
        "deepguard_receive_packets_taken", "Packets that were decrypted and put together.", counts.packets_taken
    )
    yield _by_source(
        "deepguard_receive_packets_held",
        "Packets that were dropped because no sample needed them; known by their numbers.",
        counts.packets_held,
    )
    for name, text, value in (
        ("deepguard_keyframes_asked", "Requests for a keyframe, repeated ones too.", counts.keyframes_asked),
        ("deepguard_keyframes_came", "Keyframes that answered one.", counts.keyframes_came),
        (
            "deepguard_keyframes_ignored",
            "Times that a sender did not answer, however often it was asked.",
            counts.keyframes_ignored,
        ),
        ("deepguard_pictures_undecodable", "Pictures that could not be decoded.", counts.undecodable),
        (
            "deepguard_microphones_distrusted",
            "Microphones that were not silent though their sender said so.",
            counts.lied,
        ),
    ):
        yield CounterMetricFamily(name, text, value)
    fallbacks = CounterMetricFamily(
        "deepguard_receive_fallbacks", "Times that all of a track had to be decoded, by reason.", labels=["reason"]
    )
    for reason in Fallback:
        fallbacks.add_metric([reason], float(counts.fallbacks[reason]))
    yield fallbacks
    sums = list(accumulate(counts.late))
    buckets = [(str(bound), float(count)) for bound, count in zip((*LATE_SECONDS, "+Inf"), sums, strict=True)]
    late = HistogramMetricFamily(
        "deepguard_picture_lateness_seconds", "How long after it was due a picture was handed to the encoder."
    )
    late.add_metric([], buckets, counts.late_seconds)
    yield late


def _by_source(name: str, text: str, values: Mapping[Source, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=["source"])
    for source in Source:
        family.add_metric([source], float(values[source]))
    return family


__all__ = ["receive_metrics"]
