"""Metrics as Prometheus reads them. Imported when it asks for the first time."""

import platform
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from graphmill import __version__
from graphmill.observation.metrics import BUCKETS, Counter, Histogram, Metrics, Reading

_BOUNDS: Final = (*map(str, BUCKETS), "+Inf")


def exposition(metrics: Metrics, readings: Sequence[Reading]) -> bytes:
    """All of it, as text. May be called in a thread while `metrics` go on being counted."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Everything(metrics, readings))
    return generate_latest(registry)


class _Everything(Collector):
    def __init__(self, metrics: Metrics, readings: Sequence[Reading]) -> None:
        self._metrics = metrics
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "graphmill_build",
            "What runs here.",
            {"version": __version__, "python": platform.python_version()},
        )
        yield from map(_histogram, self._metrics.histograms)
        yield from map(_counter, self._metrics.counters)
        yield from map(_gauge, self._readings)


def _histogram(histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(histogram.name, histogram.about, labels=histogram.labels)
    for labels, (*counts, total) in histogram.rows.copy().items():
        buckets = list(zip(_BOUNDS, accumulate(counts), strict=True))
        family.add_metric(labels, buckets, total)
    return family


def _counter(counter: Counter) -> Metric:
    family = CounterMetricFamily(counter.name, counter.about, labels=counter.labels)
    for labels, value in counter.values.copy().items():
        family.add_metric(labels, value)
    return family


def _gauge(reading: Reading) -> Metric:
    gauge, values = reading
    family = GaugeMetricFamily(gauge.name, gauge.about, labels=gauge.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
