"""The fleet in Prometheus' words, on agents that share a store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aiohttp import web

from agent.fleet.document import FleetDocument
from agent.runtime.fleet_watch import FleetView
from agent.web.access import Scope
from agent.web.routes import Route
from agent.web.scraping import Scraped

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


class FleetMetrics:
    """`/metrics` of an agent that stands by: the fleet, and its own process.

    Of the desk it has none. A scrape that finds nothing at all is taken for an agent that is dead.
    """

    def __init__(self, view: FleetView) -> None:
        self._view = view
        self._scraped = Scraped(self)

    def routes(self) -> list[Route]:
        return [Route("GET", "/metrics", Scope.READ, self.metrics)]

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        await self._view.present()
        return self._scraped.answer(request)

    def collect(self) -> Iterator[Metric]:
        """All families, as `prometheus_client` asks for them at each scrape."""
        if self._view.latest is not None:
            yield from fleet_metrics(self._view.latest.document)


def fleet_metrics(document: FleetDocument) -> Iterator[Metric]:
    """How many agents there are in each state, and desks of each severity; and what waits."""
    from prometheus_client.metrics_core import GaugeMetricFamily

    agents = GaugeMetricFamily("openbell_fleet_agents", "Agents of the fleet, by state.", labels=["state"])
    for state, count in document.counts.agents.items():
        agents.add_metric([state], count)
    yield agents
    desks = GaugeMetricFamily(
        "openbell_fleet_desks", "Desks of the fleet, by severity; ended ones apart.", labels=["severity"]
    )
    for severity, count in document.counts.desks.items():
        desks.add_metric([severity], count)
    yield desks
    backlog = document.backlog
    yield GaugeMetricFamily(
        "openbell_fleet_notices_waiting",
        "Notices of all agents that wait to be delivered.",
        value=float(backlog.waiting),
    )
    waits_s = (document.generated_at - backlog.oldest_at).total_seconds() if backlog.oldest_at else 0.0
    yield GaugeMetricFamily(
        "openbell_fleet_notices_oldest_seconds",
        "How long the oldest of them has waited; 0 where none does.",
        value=max(0.0, waits_s),
    )
    yield GaugeMetricFamily(
        "openbell_fleet_seen",
        "Whether this agent can see the others: 1 or 0.",
        value=float(document.stale_since is None),
    )
