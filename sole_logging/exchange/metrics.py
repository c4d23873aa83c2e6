"""Measures as metrics in the text format of Prometheus: aggregates only, small groups left out."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from sole_logging.measures.answering import MeasureAnswer

_STATISTICS = ("median", "p90", "p95", "maximum", "mean")
_LEFT_OUT = ("incomplete", "pending", "clock_noise", "order_error")
_MICROSECONDS = 1_000_000


def metrics_text(answer: MeasureAnswer) -> str:
    """An answer as metrics: times in seconds, shares from 0 to 1.

    Labels are the measure, its name, the grouping and the group; what small groups hide is not there.
    """
    registry = CollectorRegistry()
    labels = ("measure", "name", "by", "group")
    value = Gauge("stepwell_measure", "A measure of the operational log", (*labels, "statistic"), registry=registry)
    cases = Gauge("stepwell_measure_cases", "Cases with a value", labels, registry=registry)
    left_out = Gauge("stepwell_measure_left_out", "Cases without one", (*labels, "why"), registry=registry)
    for name, result in answer.results.items():
        scale = _MICROSECONDS if result.measure.unit == "us" else 1
        for group in result.groups:
            if group.hidden:
                continue
            told = (name, result.measure.name, answer.query.by, group.group)
            for statistic in _STATISTICS:
                if (number := getattr(group, statistic)) is not None:
                    value.labels(*told, statistic).set(number / scale)
            if group.count is not None:
                cases.labels(*told).set(group.count)
            for why in _LEFT_OUT:
                if number := getattr(group, why):
                    left_out.labels(*told, why).set(number)
    if answer.data_as_of:
        as_of = Gauge("stepwell_measure_data_as_of_seconds", "When the last event came", registry=registry)
        as_of.set(answer.data_as_of.timestamp())
    return generate_latest(registry).decode()
