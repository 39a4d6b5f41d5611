"""`/metrics`: the published document in Prometheus' words; every label comes from a bounded set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from aiohttp import web

from agent.health.document import HealthDocument, MachinePart
from agent.model import UNKNOWN, Severity
from agent.runtime.agent import Agent
from agent.runtime.fleet_watch import FleetView
from agent.web.access import Scope
from agent.web.fleet_metrics import fleet_metrics
from agent.web.problems import problem
from agent.web.routes import Route
from agent.web.scraping import Scraped

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

MEASURES_LIMIT = 40
"""So many measures of one machine become series; a plugin that invents names does not fill the disk."""


class Metrics:
    """Answers a scrape from what is published and counted; of the fleet it looks as a person would."""

    def __init__(self, agent: Agent, fleet: FleetView | None = None) -> None:
        self._agent = agent
        self._fleet = fleet
        self._scraped = Scraped(self)

    def routes(self) -> list[Route]:
        return [Route("GET", "/metrics", Scope.READ, self.metrics)]

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        if self._agent.publisher.latest is None:
            return problem(503, "The agent has not evaluated anything yet.")
        if self._fleet is not None:
            await self._fleet.present()
        return self._scraped.answer(request)

    def collect(self) -> Iterator[Metric]:
        """All families, as `prometheus_client` asks for them at each scrape."""
        latest = self._agent.publisher.latest
        if latest is not None:
            document = latest.document
            yield from _desk(document)
            yield from _machines(document, self._states())
            yield from _notifiers(document)
            yield from self._probes()
            yield from _itself(document, is_storing=self._agent.wellbeing.is_storing)
        if self._fleet is not None and self._fleet.latest is not None:
            yield from fleet_metrics(self._fleet.latest.document)

    def _states(self) -> Mapping[str, frozenset[str]]:
        machines = self._agent.blueprint.ruleset.machines
        return {machine.name: machine.states | {UNKNOWN} for machine in machines}

    def _probes(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import CounterMetricFamily

        family = CounterMetricFamily(
            "openbell_probes", "Probes, by how they went.", labels=["machine", "outcome"]
        )
        for name, mounted in self._agent.machines.mounted.items():
            if mounted.prober is not None:
                counts = mounted.prober.counts
                family.add_metric([name, "answered"], counts.runs - counts.failed)
                family.add_metric([name, "failed"], counts.failed)
                family.add_metric([name, "merged"], counts.merged)
        yield family


def _desk(document: HealthDocument) -> Iterator[Metric]:
    yield _one("openbell_ready", "Whether the desk is ready: 1 or 0.", document.ready)
    yield _one("openbell_tradable", "Whether it is ready and the market is open: 1 or 0.", document.tradable)
    yield _one(
        "openbell_severity",
        "How bad the leading answer is: 0 ok, 1 info, 2 warning, 3 unknown, 4 critical.",
        Severity(document.severity).rank,
    )
    yield _labelled(
        "openbell_leading",
        "The leading answer, in its labels; always 1.",
        ("code", "severity", "rule", "group"),
        _leading(document),
    )
    yield _labelled(
        "openbell_problem",
        "A problem that there is; always 1. Its phase is pending, active, clearing, suppressed or silenced.",
        ("rule", "group", "code", "severity", "phase"),
        _problems(document),
    )
    market = document.market
    for name, text, instant in (
        ("leading_since", "Since when the leading answer holds.", document.since),
        ("document_generated", "When the document was renewed.", document.generated_at),
        ("next_open", "The next open of the session.", market and market.next_open_at),
        ("next_close", "The session's next close.", market and market.next_close_at),
    ):
        known = _instant(instant)
        if known is not None:
            yield _one(f"openbell_{name}_timestamp_seconds", text, known.timestamp())


def _instant(found: object) -> datetime | None:
    """An instant as a plugin's attributes have it: as such, or as text."""
    if isinstance(found, str):
        with suppress(ValueError):
            return datetime.fromisoformat(found)
    return found if isinstance(found, datetime) else None


def _leading(document: HealthDocument) -> Iterator[tuple[tuple[str, ...], float]]:
    cause = document.cause
    yield (document.code, document.severity, cause.rule or "", cause.group or ""), 1


def _problems(document: HealthDocument) -> Iterator[tuple[tuple[str, ...], float]]:
    for one in document.problems:
        yield (one.rule, one.group or "", one.code, one.severity, one.phase), 1


def _machines(document: HealthDocument, states: Mapping[str, frozenset[str]]) -> Iterator[Metric]:
    parts = document.machines
    yield _labelled(
        "openbell_machine_state",
        "1 for the state that a machine is in, 0 for the others that it declares.",
        ("machine", "role", "group", "state"),
        _by_state(parts, states),
    )
    for name, text, instant in (
        ("openbell_machine_since_timestamp_seconds", "Since when its state has held.", "since"),
        ("openbell_machine_observed_timestamp_seconds", "When it was looked at last.", "observed_at"),
    ):
        found = (((machine,), getattr(part, instant).timestamp()) for machine, part in parts.items())
        yield _labelled(name, text, ("machine",), found)
    yield _labelled(
        "openbell_machine_measure",
        "What a machine measures; the name ends in the unit.",
        ("machine", "measure"),
        _measures(parts),
    )


def _by_state(
    parts: Mapping[str, MachinePart], states: Mapping[str, frozenset[str]]
) -> Iterator[tuple[tuple[str, ...], float]]:
    for name, part in parts.items():
        for state in sorted(states.get(name, frozenset()) | {part.state}):
            yield (name, part.role, part.group or "", state), state == part.state


def _measures(parts: Mapping[str, MachinePart]) -> Iterator[tuple[tuple[str, ...], float]]:
    for name, part in parts.items():
        for measure in sorted(part.measures)[:MEASURES_LIMIT]:
            yield (name, measure), part.measures[measure]


def _notifiers(document: HealthDocument) -> Iterator[Metric]:
    from prometheus_client.metrics_core import CounterMetricFamily

    notifiers = document.agent.notifiers
    failing = (((one.name,), float(one.state == "failing")) for one in notifiers)
    yield _labelled("openbell_notifier_failing", "Whether a notifier fails: 1 or 0.", ("notifier",), failing)
    waiting = (((one.name,), float(one.waiting)) for one in notifiers)
    yield _labelled("openbell_notices_waiting", "Notices that wait to be delivered.", ("notifier",), waiting)
    ended = CounterMetricFamily(
        "openbell_notices", "Notices of this run, by how they ended.", labels=["notifier", "outcome"]
    )
    for one in notifiers:
        ended.add_metric([one.name, "delivered"], one.delivered)
        ended.add_metric([one.name, "dead"], one.dead)
    yield ended


def _itself(document: HealthDocument, *, is_storing: bool) -> Iterator[Metric]:
    agent = document.agent
    yield _labelled(
        "openbell_info",
        "The agent's name and version; always 1.",
        ("agent", "version"),
        [((agent.name, agent.version), 1)],
    )
    yield _one("openbell_journal_writable", "Whether the journal can be written: 1 or 0.", is_storing)
    yield _one("openbell_loop_lag_seconds", "How late the event loop turns.", (agent.loop_lag_ms or 0) / 1000)
    if agent.clock_offset_ms is not None:
        offset_s = agent.clock_offset_ms / 1000
        yield _one("openbell_clock_offset_seconds", "How far this clock is from the broker's.", offset_s)
    failing = (((one.name,), float(one.error is not None)) for one in agent.plugins)
    yield _labelled("openbell_plugin_failing", "Whether a plugin fails: 1 or 0.", ("plugin",), failing)


def _one(name: str, text: str, value: float) -> Metric:
    from prometheus_client.metrics_core import GaugeMetricFamily

    return GaugeMetricFamily(name, text, value=float(value))


def _labelled(
    name: str, text: str, labels: Sequence[str], rows: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    from prometheus_client.metrics_core import GaugeMetricFamily

    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, float(value))
    return family
