"""The parts of the line that may be traced: plain ones, unless the configuration wants traces."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agent.clock import Clock
from agent.config.schema import AgentSettings
from agent.runtime.line import Line
from agent.runtime.posting import Posting
from agent.runtime.publishing import Publisher


async def _nothing() -> None:
    """Plain parts have nothing to send off."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What makes them, with the arguments of the plain ones; `close` comes last of all."""

    line: Callable[..., Line] = Line
    publisher: Callable[..., Publisher] = Publisher
    posting: Callable[..., Posting] = Posting
    close: Callable[[], Awaitable[None]] = _nothing


def parts(settings: AgentSettings, clock: Clock) -> Parts:
    """The parts to build the line from. Without `[telemetry]`, nothing of tracing is imported."""
    if settings.telemetry is None:
        return Parts()
    from agent.runtime.otlp import traced_parts

    return traced_parts(settings.telemetry.traces_url, settings.name, clock)
