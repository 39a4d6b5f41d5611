"""The one gate that every request passes: its host, its origin, its scope, and the answer's headers."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.typedefs import Middleware

from agent.clock import Clock
from agent.web.access import SESSION_COOKIE, Access, Caller, Hosts, Scope
from agent.web.audit import Audit
from agent.web.limits import Limits, peer_of
from agent.web.problems import as_problem, problem, too_many
from agent.web.routes import SAFE_METHODS, Handler, Route, route_of
from agent.web.sessions import LIFE

log = logging.getLogger(__name__)

CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)

BODY_LIMIT = 64 * 1024
BODY_TIMEOUT_S = 10.0

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


def dress(answer: web.StreamResponse) -> web.StreamResponse:
    """The answer with the headers that every answer has, where it has none of its own."""
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


class Guard:
    """Judges each request by its place and its caller; what passes is answered, limited and audited."""

    def __init__(self, access: Access, hosts: Hosts, audit: Audit, clock: Clock) -> None:
        self._access = access
        self._hosts = hosts
        self._audit = audit
        self._clock = clock
        self._limits = Limits(clock)

    @property
    def middleware(self) -> Middleware:
        """The gate, outermost of all."""

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            answer = _refusal_of_place(request, self._hosts) or await self._admit(request, handler)
            return answer if answer.prepared else dress(answer)

        return guarded

    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        cookies = request.cookies if "Cookie" in request.headers else {}
        caller = self._access.caller(request.headers.get("Authorization"), cookies)
        request[CALLER] = caller
        if request.match_info.http_exception is not None:
            return await _answer(request, handler)
        route = route_of(request)
        if route is None:
            log.error("the route %s has no scope and is not served", request.path)
            return problem(500, "This route is not served.")
        refusal = self._refusal_of_caller(request, route, caller)
        if refusal is None and request.method not in SAFE_METHODS:
            refusal = await self._refusal_of_body(request)
        answer = refusal or await self._answer_in_session(request, handler, caller)
        if route.is_steering:
            self._audit.note(request, route, caller, answer.status)
        return answer

    async def _answer_in_session(
        self, request: web.Request, handler: Handler, caller: Caller
    ) -> web.StreamResponse:
        if caller.session is None:
            return await _answer(request, handler)
        with self._access.sessions.running(caller.session):
            return await _answer(request, handler)

    def _refusal_of_caller(self, request: web.Request, route: Route, caller: Caller) -> web.Response | None:
        """Why this caller may not do this, or not now.

        Whoever needs no token is not asked for one; whoever brings one that cannot be guessed
        is not held up by those who guess.
        """
        needs_token = route.scope not in self._access.open_to_all
        if not needs_token and not route.is_steering:
            return None
        peer = peer_of(request)
        if needs_token and caller.may_guess:
            wait = self._limits.guess(peer, is_wrong=route.scope not in caller.scopes)
            if wait:
                return too_many(wait, "Too many wrong tokens came from this address.")
        if route.scope not in caller.scopes:
            return _unauthorized(request, route.scope)
        if not route.is_steering or route.scope is Scope.PUBLIC:
            return None
        if caller.by_session and request.method not in SAFE_METHODS and _is_from_elsewhere(request):
            return problem(403, "A session acts from its own page only, and this names no Origin.")
        wait = self._limits.steer(f"{peer} {caller.name}")
        return too_many(wait, "Too much is asked for at once.") if wait else None

    async def _refusal_of_body(self, request: web.Request) -> web.Response | None:
        """The body is read here, whole and in time, so that no handler waits for one."""
        if not request.body_exists:
            return None
        try:
            async with self._clock.timeout(BODY_TIMEOUT_S):
                await request.read()
        except TimeoutError:
            return problem(408, "The body did not come in time.")
        except web.HTTPRequestEntityTooLarge:
            return _too_large()
        return None


def give_session(request: web.Request, response: web.StreamResponse, access: Access, hosts: Hosts) -> None:
    """Let the page that this answer opens do what its person may do."""
    session = access.open_session(request[CALLER])
    if session is not None:
        response.set_cookie(
            SESSION_COOKIE,
            session,
            max_age=int(LIFE.total_seconds()),
            httponly=True,
            samesite="Strict",
            secure=hosts.is_behind_tls(request.host),
        )


def _refusal_of_place(request: web.Request, hosts: Hosts) -> web.Response | None:
    named = request.headers.getall("Host", [])
    if len(named) != 1:
        return problem(400, "A request names exactly one Host.")
    if not hosts.takes(named[0]):
        return problem(421, "This host name is not ours; add it to server.allowed_hosts if it is.")
    return None if request.method in SAFE_METHODS else _refusal_of_change(request, hosts)


def _refusal_of_change(request: web.Request, hosts: Hosts) -> web.Response | None:
    origin = request.headers.get("Origin")
    if origin is not None and not hosts.is_own_origin(origin):
        return problem(403, "A page of another origin may not do this.")
    if not request.body_exists:
        return None
    if request.content_type != "application/json" or "Content-Encoding" in request.headers:
        return problem(415, "Send the body as application/json, and not compressed.")
    return _too_large() if (request.content_length or 0) > BODY_LIMIT else None


def _too_large() -> web.Response:
    return problem(413, f"The body is too large: at most {BODY_LIMIT} bytes are taken.")


def _unauthorized(request: web.Request, scope: Scope) -> web.Response:
    answer = problem(401, f"This needs a token of the scope {scope!s}.")
    answer.headers["WWW-Authenticate"] = 'Bearer realm="openbell"'
    if scope is Scope.READ and "text/html" in request.headers.get("Accept", ""):
        answer.headers["WWW-Authenticate"] = 'Basic realm="openbell: any name, a token as password"'
    return answer


def _is_from_elsewhere(request: web.Request) -> bool:
    """Whether nothing says that our own page asks; a foreign `Origin` was refused before."""
    return "Origin" not in request.headers and request.headers.get("Sec-Fetch-Site") != "same-origin"


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, or a problem that shows nothing of what went wrong inside."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" not in request.headers:
            return web.Response(status=204, headers={"Allow": error.headers["Allow"]})
        return as_problem(error)
    except web.HTTPException as error:
        return as_problem(error)
    except (ConnectionResetError, TimeoutError):
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return problem(500, "The agent failed to answer; its log says why.")
