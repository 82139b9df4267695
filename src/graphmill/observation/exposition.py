"""Metrics as Prometheus reads them. Imported when it asks for the first time."""

import platform
from collections.abc import Iterator
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
from graphmill.observation.metrics import BUCKETS, Counter, Gauge, Histogram, Metrics

_BOUNDS: Final = (*map(str, BUCKETS), "+Inf")


class Exposition(Collector):
    content_type: Final = b"text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All of it, as it is now."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "graphmill_build",
            "What runs here.",
            {"version": __version__, "python": platform.python_version()},
        )
        yield from map(_histogram, self._metrics.histograms)
        yield from map(_counter, self._metrics.counters)
        yield from map(_gauge, self._metrics.gauges)


def _histogram(histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(histogram.name, histogram.about, labels=histogram.labels)
    for labels, (*counts, total) in histogram.rows.items():
        buckets = list(zip(_BOUNDS, accumulate(counts), strict=True))
        family.add_metric(labels, buckets, total)
    return family


def _counter(counter: Counter) -> Metric:
    family = CounterMetricFamily(counter.name, counter.about, labels=counter.labels)
    for labels, value in counter.values.items():
        family.add_metric(labels, value)
    return family


def _gauge(gauge: Gauge) -> Metric:
    family = GaugeMetricFamily(gauge.name, gauge.about, labels=gauge.labels)
    for labels, value in gauge.read().items():
        family.add_metric(labels, value)
    return family
