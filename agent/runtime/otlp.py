"""Sends traces to a collector by OTLP over HTTP; a collector that is away costs traces and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from agent import __version__
from agent.clock import Clock
from agent.runtime.parts import Parts
from agent.runtime.threads import Threads
from agent.runtime.tracing import Trace, TracedLine, TracedPosting, TracedPublisher

log = logging.getLogger(__name__)

TIMEOUT_S = 2.0
"""For one batch, all tries included."""

CLOSE_S = 1.0
EVERY_MS = 1000.0


class SaidOnce(SpanExporter):
    """An exporter that logs one line when the collector goes, and one when it is back."""

    def __init__(self, inner: SpanExporter, address: str) -> None:
        self._inner = inner
        self._address = address
        self._is_lost = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        is_lost = result is not SpanExportResult.SUCCESS
        if is_lost and not self._is_lost:
            log.warning("telemetry: %s takes no traces; they are dropped until it does", self._address)
        elif self._is_lost and not is_lost:
            log.info("telemetry: %s takes traces again", self._address)
        self._is_lost = is_lost
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


def traced_parts(url: str, desk: str, clock: Clock) -> Parts:
    """Parts whose traces go to a collector. Headers and certificates are `OTEL_EXPORTER_OTLP_…` variables."""
    for library in ("opentelemetry.exporter", "opentelemetry.sdk"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    exporter = SaidOnce(OTLPSpanExporter(endpoint=url, timeout=TIMEOUT_S), url)
    return parts_by(BatchSpanProcessor(exporter, schedule_delay_millis=EVERY_MS), desk, clock)


def parts_by(processor: SpanProcessor, desk: str, clock: Clock) -> Parts:
    """Parts whose spans are handed to a processor."""
    about = {"service.name": "openbell", "service.version": __version__, "service.instance.id": desk}
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    trace = Trace(provider.get_tracer("openbell", __version__), clock.now)

    async def close() -> None:
        try:
            async with clock.timeout(CLOSE_S):
                await Threads("telemetry", 1).run(provider.shutdown)
        except TimeoutError:
            log.warning("telemetry: the last traces were not taken in time, and are dropped")

    return Parts(
        partial(TracedLine, trace),
        partial(TracedPublisher, trace, clock.now),
        partial(TracedPosting, trace),
        close,
    )
