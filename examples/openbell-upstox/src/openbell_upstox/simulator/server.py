"""The simulated Upstox's server: its pages, its REST, its stream, and what a test has it do."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from urllib.parse import urlencode

from aiohttp import web

from agent.api import SystemClock

from . import frames
from .stream import Fault, Streams
from .tokens import Tokens

CLIENT_ID, CLIENT_SECRET = "demo", "demo-secret"

PAGE = """<!doctype html><title>Simulated Upstox</title><h1>Simulated Upstox</h1>
<form>{fields}<button name="approve" value="1">Log in as DEMO01</button></form>"""


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Simulator:
    """One simulated Upstox; `now` is its clock, the machine's by default."""

    def __init__(
        self,
        port: int = 0,
        *,
        now: Callable[[], datetime] | None = None,
        as_json: bool = False,
        client_secret: str = CLIENT_SECRET,
    ) -> None:
        self._port = port
        self._clock = now or SystemClock().now
        self._client_secret = client_secret
        self._tokens = Tokens()
        self._is_closed = False
        self._streams = Streams(frames.in_json if as_json else frames.protobuf, self._now)
        self._requests: Counter[str] = Counter()
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.1)
        self.url = ""

    def _now(self) -> datetime:
        return self._clock()

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._streams.drop()
        await self._runner.cleanup()

    def token(self, days: int = 0) -> str:
        """A token, as after a login; one that outlives so many ends of the day."""
        return self._tokens.give(self._now() + timedelta(days=days))

    def asked(self, path: str) -> int:
        """How often this was asked for."""
        return self._requests[path]

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._count])
        application.add_routes(
            [
                web.get("/v2/login/authorization/dialog", self._dialog),
                web.post("/v2/login/authorization/token", self._token),
                web.get("/v2/user/profile", self._profile),
                web.get("/v3/feed/market-data-feed/authorize", self._authorize),
                web.get("/feed/{ticket}", self._stream),
                web.get("/sim/state", self._state),
                web.post("/sim/{what:token|feed|rest|clock}", self._control),
            ]
        )
        return application

    @web.middleware
    async def _count(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        place = request.match_info.route.resource
        self._requests[place.canonical if place is not None else "elsewhere"] += 1
        if self._is_closed and request.path.startswith("/v2/"):
            return refusal(423, "UDAPI100074", "The service is accessible from 5:30 AM to 12:00 AM IST")
        return await handler(request)

    # -- login and REST -----------------------------------------------------------------------

    async def _dialog(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        if query.get("client_id") != CLIENT_ID or query.get("response_type") != "code":
            return refusal(400, "UDAPI100068", "Check your 'client_id' and 'redirect_uri'")
        if "approve" not in query:
            inputs = (
                f'<input type="hidden" name="{html.escape(k)}" value="{html.escape(v)}">'
                for k, v in query.items()
            )
            return web.Response(text=PAGE.format(fields="".join(inputs)), content_type="text/html")
        back = query["redirect_uri"]
        given = {"code": self._tokens.give_code(back), "state": query.get("state", "")}
        raise web.HTTPFound(f"{back}{'&' if '?' in back else '?'}{urlencode(given)}")

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = {key: str(value) for key, value in (await request.post()).items()}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, self._client_secret):
            return refusal(401, "UDAPI100069", "Check your 'client_id' and 'client_secret'")
        now = self._now()
        token = self._tokens.exchange(form.get("code", ""), form.get("redirect_uri", ""), now)
        if token is None:
            return refusal(400, "UDAPI100057", "Invalid Auth code")
        return web.json_response({"user_id": "DEMO01", "broker": "UPSTOX", "access_token": token})

    def _refused(self, request: web.Request) -> web.StreamResponse | None:
        """The answer to whoever comes without a token that lives."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._tokens.is_alive(token, self._now()):
            return None
        return refusal(401, "UDAPI100050", "Invalid token used to access API")

    async def _profile(self, request: web.Request) -> web.StreamResponse:
        user = {"user_id": "DEMO01", "is_active": True}
        return self._refused(request) or web.json_response({"status": "success", "data": user})

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refused(request):
            return refused
        if self._streams.fault is Fault.REFUSE:
            return refusal(403, "UDAPI100000", "Forbidden")
        address = f"ws://{request.host}/feed/{self._tokens.give_address()}"
        return web.json_response({"status": "success", "data": {"authorized_redirect_uri": address}})

    # -- the stream ---------------------------------------------------------------------------

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if not self._tokens.take_address(request.match_info["ticket"]):
            return refusal(403, "UDAPI100000", "This address was used")
        return await self._streams.serve(request)

    # -- control ------------------------------------------------------------------------------

    async def _state(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(
            {
                "now": self._now().isoformat(),
                "fault": self._streams.fault,
                "streams": len(self._streams),
                "requests": dict(self._requests),
            }
        )

    async def _control(self, request: web.Request) -> web.StreamResponse:
        try:
            await self.control(request.match_info["what"], await request.json())
        except (ValueError, TypeError, AttributeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return await self._state(request)

    async def control(self, what: str, wish: dict[str, str | None]) -> None:
        """Do as a test wishes, see the README. Raises `ValueError`."""
        if what == "token":
            _one_of(wish.get("do"), "expire")
            self._tokens.end_all()
        elif what == "rest":
            self._is_closed = _one_of(wish.get("fault"), "closed") is not None
        elif what == "clock":
            self._clock = SystemClock(datetime.fromisoformat(wish.get("at") or "")).now
        else:
            fault = wish.get("fault")
            self._streams.fault = None if fault is None else Fault(fault)
            if self._streams.fault in (Fault.DROP, Fault.REFUSE):
                await self._streams.drop()


def refusal(status: int, code: str, message: str) -> web.Response:
    """An error in Upstox's words."""
    errors = [{"errorCode": code, "message": message, "propertyPath": None, "invalidValue": None}]
    return web.json_response({"status": "error", "errors": errors}, status=status)


def _one_of(word: str | None, known: str) -> str | None:
    if word not in (None, known):
        raise ValueError(f"expected {known!r} or null, found {word!r}")
    return word
