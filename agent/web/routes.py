"""The table of routes: each one says what it asks of its caller, and one that does not is not served."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiohttp import web

from agent.web.access import Scope

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One address and method, and the scope that its callers need."""

    method: str
    path: str
    scope: Scope
    handler: Handler


SCOPES: web.AppKey[dict[tuple[str, str], Scope]] = web.AppKey("scopes", dict)


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    """Serve the routes, and remember their scopes for the gate."""
    scopes = app.setdefault(SCOPES, {})
    for route in routes:
        app.router.add_route(route.method, route.path, route.handler)
        scopes[route.method, route.path] = route.scope


def scope_of(request: web.Request) -> Scope | None:
    """The scope of the route that a request has met; `None` for one without."""
    resource = request.match_info.route.resource
    if resource is None:
        return None
    return request.app[SCOPES].get((request.method, resource.canonical))
