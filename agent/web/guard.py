"""The one gate that every request passes: its host, its origin, its scope, and the answer's headers."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from agent.web.access import SESSION_COOKIE, SESSION_LIFE_S, Access, Caller, Hosts, Scope
from agent.web.problems import problem
from agent.web.routes import Handler, scope_of

log = logging.getLogger(__name__)

CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "openbell",
}


def guard(access: Access, hosts: Hosts) -> Middleware:
    """The middleware, outermost of all."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = _refusal_of_place(request, hosts)
        if response is None:
            caller = access.caller(request.headers.get("Authorization"), request.cookies)
            request[CALLER] = caller
            response = _refusal_of_caller(request, caller) or await _answer(request, handler)
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    return guarded


def give_session(request: web.Request, response: web.Response, access: Access) -> None:
    """Let the page that this answer opens do what its person may do."""
    session = access.open_session(request[CALLER])
    if session is not None:
        response.set_cookie(
            SESSION_COOKIE,
            session,
            max_age=int(SESSION_LIFE_S),
            httponly=True,
            samesite="Strict",
            secure=request.secure,
        )


def _refusal_of_place(request: web.Request, hosts: Hosts) -> web.StreamResponse | None:
    named = request.headers.getall("Host", [])
    if len(named) != 1:
        return problem(400, "A request names exactly one Host.")
    if not hosts.takes(named[0]):
        return problem(421, "This host name is not ours; add it to server.allowed_hosts if it is.")
    if request.method in SAFE_METHODS:
        return None
    origin = request.headers.get("Origin")
    if origin is not None and not hosts.is_own_origin(origin):
        return problem(403, "A page of another origin may not do this.")
    if request.body_exists and request.content_type != "application/json":
        return problem(415, "Send the body as application/json.")
    return None


def _refusal_of_caller(request: web.Request, caller: Caller) -> web.StreamResponse | None:
    if request.match_info.http_exception is not None:
        return None
    scope = scope_of(request)
    if scope is None:
        log.error("the route %s has no scope and is not served", request.path)
        return problem(500, "This route is not served.")
    if scope in caller.scopes:
        return None
    response = problem(401, f"This needs a token of the scope {scope!s}.")
    response.headers["WWW-Authenticate"] = 'Bearer realm="openbell"'
    if scope is Scope.READ and "text/html" in request.headers.get("Accept", ""):
        response.headers["WWW-Authenticate"] = 'Basic realm="openbell: any name, a token as password"'
    return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, or a problem that shows nothing of what went wrong inside."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _as_problem(error)
    except (ConnectionResetError, TimeoutError):
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return problem(500, "The agent failed to answer; its log says why.")


def _as_problem(error: web.HTTPException) -> web.StreamResponse:
    if error.status < 400:
        return error
    details: dict[int, str] = {
        404: "There is nothing at this address.",
        405: "This address does not take this method.",
        413: "The body is too large.",
    }
    response = problem(error.status, details.get(error.status, error.reason))
    allow: Any = error.headers.get("Allow")
    if allow:
        response.headers["Allow"] = allow
    return response
