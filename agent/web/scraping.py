"""A scrape's answer, of whatever is counted here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.registry import Collector


class Scraped:
    """A collector's families beside the process's own. Made at the first scrape: whoever is not
    scraped does not pay for it.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._registry: CollectorRegistry | None = None

    def answer(self, request: web.Request) -> web.StreamResponse:
        """In the form that the request asks for."""
        from prometheus_client.exposition import choose_encoder

        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._collectors()), headers={"Content-Type": content_type})

    def _collectors(self) -> CollectorRegistry:
        from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

        if self._registry is None:
            self._registry = CollectorRegistry(auto_describe=False)
            ProcessCollector(registry=self._registry)
            PlatformCollector(registry=self._registry)
            self._registry.register(self._collector)
        return self._registry
