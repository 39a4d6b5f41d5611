"""The table of routes: each one says what it asks of its caller, and one that does not is not served."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiohttp import web

from agent.web.access import Scope

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Route:
    """One address and method, and the scope that its callers need.

    `steers` is whether it does something that an audit line tells of; by default whatever
    changes something and is no push. One that steers is limited, and takes no HEAD.
    """

    method: str
    path: str
    scope: Scope
    handler: Handler
    steers: bool | None = None

    @property
    def is_steering(self) -> bool:
        if self.steers is not None:
            return self.steers
        return self.method not in SAFE_METHODS and self.scope is not Scope.PUSH

    @property
    def takes_head(self) -> bool:
        return self.method == "GET" and not self.is_steering


ROUTES: web.AppKey[dict[tuple[str, str], Route]] = web.AppKey("routes", dict)
"""All routes by method and path: the one table by which the gate judges."""


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    """Serve the routes, and enter them in the table."""
    table = app.setdefault(ROUTES, {})
    for route in routes:
        served = app.router.add_route(route.method, route.path, route.handler).resource
        assert served is not None  # noqa: S101 - for the type checker: what was added by a path has one
        table[route.method, served.canonical] = route
        if route.takes_head:
            app.router.add_route("HEAD", route.path, route.handler)


def route_of(request: web.Request) -> Route | None:
    """The route that a request has met; `None` for one that is not in the table."""
    resource = request.match_info.route.resource
    if resource is None:
        return None
    method = "GET" if request.method == "HEAD" else request.method
    return request.app[ROUTES].get((method, resource.canonical))
