"""The REST side: session, user, quotes and the instruments dump, with the broker's own refusals."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from agent.simulator import shapes
from agent.simulator.broker import Broker
from agent.simulator.envelope import RefusalError, success
from agent.simulator.forms import fields, required
from agent.simulator.instruments import Instrument, dump, named
from agent.simulator.prices import Quote, quote

MOST_QUOTES: Final = 500
_MALFORMED: Final = RefusalError(400, "InputException", "Invalid `api_key` or `access_token`.")
_INCORRECT: Final = RefusalError(403, "TokenException", "Incorrect `api_key` or `access_token`.")


class Rest:
    """The handlers, over the one broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/session/token", self.login),
            web.delete("/session/token", self.logout),
            web.get("/user/profile", self.profile),
            web.get("/user/margins", self.margins),
            web.get("/user/margins/{segment}", self.margins_of),
            web.get("/quote", self.quotes),
            web.get("/quote/ohlc", self.ohlc),
            web.get("/quote/ltp", self.ltp),
            web.get("/instruments", self.instruments),
            web.get("/instruments/{exchange}", self.instruments),
        ]

    async def login(self, request: web.Request) -> web.Response:
        """Exchange a request token for an access token."""
        form = await fields(request)
        names = ("api_key", "request_token", "checksum")
        api_key, request_token, checksum = (required(form, name) for name in names)
        mint, sessions, now = self._broker.mint, self._broker.sessions, self._broker.now()
        if api_key != mint.api_key:
            raise RefusalError(400, "InputException", "Invalid `api_key`.")
        if checksum != mint.checksum(request_token):
            raise RefusalError(403, "TokenException", "Invalid `checksum`.")
        if not sessions.spend(request_token, now):
            raise RefusalError(403, "TokenException", "Token is invalid or has expired.")
        return success(shapes.session(mint.user_id, mint.api_key, sessions.login(now), now))

    async def logout(self, request: web.Request) -> web.Response:
        self._admit(request.query.get("api_key", ""), request.query.get("access_token", ""))
        self._broker.sessions.logout(request.query["access_token"])
        return success(content=True)

    async def profile(self, request: web.Request) -> web.Response:
        self._signed(request)
        return success(shapes.profile(self._broker.mint.user_id))

    async def margins(self, request: web.Request) -> web.Response:
        self._signed(request)
        return success({"equity": shapes.margin(1_00_000.0), "commodity": shapes.margin(50_000.0)})

    async def margins_of(self, request: web.Request) -> web.Response:
        self._signed(request)
        cash = {"equity": 1_00_000.0, "commodity": 50_000.0}.get(request.match_info["segment"])
        if cash is None:
            raise RefusalError(400, "InputException", "Invalid `segment`.")
        return success(shapes.margin(cash))

    async def quotes(self, request: web.Request) -> web.Response:
        return success({name: shapes.whole_quote(told) for name, told in self._quoted(request)})

    async def ohlc(self, request: web.Request) -> web.Response:
        return success(
            {
                name: {**shapes.last_price(told), "ohlc": shapes.ohlc(told)}
                for name, told in self._quoted(request)
            }
        )

    async def ltp(self, request: web.Request) -> web.Response:
        return success({name: shapes.last_price(told) for name, told in self._quoted(request)})

    async def instruments(self, request: web.Request) -> web.Response:
        """The dump, which needs no token at the real broker either."""
        return web.Response(text=dump(request.match_info.get("exchange")), content_type="text/csv")

    def _signed(self, request: web.Request) -> None:
        """Ask for `Authorization: token api_key:access_token`."""
        scheme, _, pair = request.headers.get("Authorization", "").partition(" ")
        api_key, _, access_token = pair.partition(":")
        if scheme.lower() != "token":
            raise _refusal(_MALFORMED)
        self._admit(api_key, access_token)

    def _admit(self, api_key: str, access_token: str) -> None:
        if not api_key or not access_token:
            raise _refusal(_MALFORMED)
        if not self._broker.knows(api_key, access_token):
            raise _refusal(_INCORRECT)

    def _quoted(self, request: web.Request) -> list[tuple[str, Quote]]:
        """The quotes asked for by `i`; as at the broker, what is not known is not in the answer."""
        self._signed(request)
        names = request.query.getall("i", [])
        if not 0 < len(names) <= MOST_QUOTES:
            raise RefusalError(400, "InputException", f"Expected 1 to {MOST_QUOTES} instruments in `i`.")
        found = ((name, named(name)) for name in dict.fromkeys(names))
        return [(name, self._quote(known)) for name, known in found if known is not None]

    def _quote(self, known: Instrument) -> Quote:
        at = self._broker.last_traded(known.token, self._broker.second())
        return quote(self._broker.seed, known.token, at)


def _refusal(like: RefusalError) -> RefusalError:
    """A fresh one: a raised exception keeps its traceback."""
    return RefusalError(like.status, like.error_type, like.message)
