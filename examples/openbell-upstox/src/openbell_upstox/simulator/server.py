"""The simulated Upstox's server: its pages, its REST, its stream, and what a test has it do."""

from __future__ import annotations

import asyncio
import html
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlencode

from aiohttp import web

from agent.api import SystemClock

from . import frames
from .tokens import Tokens

CLIENT_ID, CLIENT_SECRET = "demo", "demo-secret"
BEAT_S = 0.2
PACE = SystemClock()

PAGE = """<!doctype html><title>Simulated Upstox</title><h1>Simulated Upstox</h1>
<form>{fields}<button name="approve" value="1">Log in as DEMO01</button></form>"""


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Fault(StrEnum):
    """What the simulated feed can be made to do."""

    MUTE = "mute"
    FREEZE = "freeze"
    REFUSE = "refuse"
    DROP = "drop"


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
        self._now = now or SystemClock().now
        self._client_secret = client_secret
        self._frame = frames.in_json if as_json else frames.protobuf
        self._tokens = Tokens()
        self._fault: Fault | None = None
        self._is_closed = False
        self._streams: set[web.WebSocketResponse] = set()
        self._requests: Counter[str] = Counter()
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.1)
        self.url = ""

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._drop()
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
        if self._fault is Fault.REFUSE:
            return refusal(403, "UDAPI100000", "Forbidden")
        address = f"ws://{request.host}/feed/{self._tokens.give_address()}"
        return web.json_response({"status": "success", "data": {"authorized_redirect_uri": address}})

    # -- the stream ---------------------------------------------------------------------------

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if not self._tokens.take_address(request.match_info["ticket"]):
            return refusal(403, "UDAPI100000", "This address was used")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._streams.add(socket)
        try:
            await self._send(socket, "market_info", [])
            keys = json.loads(await socket.receive_bytes())["data"]["instrumentKeys"]
            await self._send(socket, "initial_feed", keys, self._now() - timedelta(hours=8))
            await self._beat(socket, keys)
        except (ConnectionError, TypeError, ValueError):
            pass  # the client went, or wished for what there is not
        finally:
            self._streams.discard(socket)
        return socket

    async def _beat(self, socket: web.WebSocketResponse, keys: list[str]) -> None:
        """Trades; while mute, the pings alone that Upstox sends when there is nothing to stream."""
        listener = asyncio.ensure_future(socket.receive())
        traded = self._now()
        try:
            while not socket.closed and not listener.done():
                if self._fault is Fault.MUTE:
                    await socket.ping()
                else:
                    traded = traded if self._fault is Fault.FREEZE else self._now()
                    await self._send(socket, "live_feed", keys, traded)
                await PACE.sleep(BEAT_S)
        finally:
            listener.cancel()

    async def _send(
        self, socket: web.WebSocketResponse, kind: str, keys: list[str], traded: datetime | None = None
    ) -> None:
        now = self._now()
        frame = self._frame(kind, dict.fromkeys(keys, _ms(traded or now)), _ms(now))
        await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))

    async def _drop(self) -> None:
        await asyncio.gather(*(socket.close(code=1012) for socket in set(self._streams)))

    # -- control ------------------------------------------------------------------------------

    async def _state(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(
            {
                "now": self._now().isoformat(),
                "fault": self._fault,
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
            self._now = SystemClock(datetime.fromisoformat(wish.get("at") or "")).now
        else:
            fault = wish.get("fault")
            self._fault = None if fault is None else Fault(fault)
            if self._fault in (Fault.DROP, Fault.REFUSE):
                await self._drop()


def refusal(status: int, code: str, message: str) -> web.Response:
    """An error in Upstox's words."""
    errors = [{"errorCode": code, "message": message, "propertyPath": None, "invalidValue": None}]
    return web.json_response({"status": "error", "errors": errors}, status=status)


def _one_of(word: str | None, known: str) -> str | None:
    if word not in (None, known):
        raise ValueError(f"expected {known!r} or null, found {word!r}")
    return word


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
