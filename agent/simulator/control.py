"""The control API under `/sim`: look inside, and break things on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from agent.simulator import shapes
from agent.simulator.broker import Broker
from agent.simulator.faults import FEED_FAULTS, REST_FAULTS, Fault, explain, parse_feed, parse_rest, shown
from agent.simulator.feed import Feed
from agent.simulator.hours import is_open
from agent.simulator.instruments import Segment
from agent.simulator.sessions import Ending
from agent.simulator.stream import Stream

MOST_ROUNDS: Final = 10_000
_TYPES: Final = ("message", "error", "order")

ALLOWED: Final[Mapping[str, Mapping[str, object]]] = {
    "/sim/token": {"do": [ending.value for ending in Ending]},
    "/sim/feed": {"fault": [*FEED_FAULTS, None], "parameters": explain(FEED_FAULTS)},
    "/sim/rest": {"fault": [*REST_FAULTS, None], "parameters": explain(REST_FAULTS)},
    "/sim/message": {"text": "a text", "type": list(_TYPES)},
    "/sim/burst": {"rounds": f"a whole number from 1 to {MOST_ROUNDS}"},
}


class Control:
    """The handlers; each answers with what it did, or with what it would understand."""

    def __init__(self, broker: Broker, feed: Feed, stream: Stream) -> None:
        self._broker = broker
        self._feed = feed
        self._stream = stream

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/sim/state", self.state),
            web.post("/sim/token", self.token),
            web.post("/sim/feed", self.feed),
            web.post("/sim/rest", self.rest),
            web.post("/sim/message", self.message),
            web.post("/sim/burst", self.burst),
        ]

    async def state(self, request: web.Request) -> web.Response:
        """Everything worth asserting; with `values=1`, the last quotes sent too. Never a token."""
        broker, second = self._broker, self._broker.second()
        state = {
            "clock": broker.now().isoformat(),
            "seed": broker.seed,
            "always_open": broker.always_open,
            "open": [s.name for s in Segment if broker.always_open or is_open(s, second)],
            "sessions": broker.sessions.describe(broker.now()),
            "connections": [connection.describe() for connection in self._feed.connections.values()],
            "handshakes": self._stream.handshakes,
            "requests": broker.requests,
            "faults": self._faults(),
        }
        if request.query.get("values") == "1":
            latest = self._feed.latest().items()
            state["values"] = {token: shapes.whole_quote(told) | {"at": told.at} for token, told in latest}
        return web.json_response(state)

    async def token(self, request: web.Request) -> web.Response:
        ending = (await _object(request, "do")).get("do")
        if not isinstance(ending, str) or ending not in tuple(Ending):
            raise _not_understood(request, f'"do": {shown(ending)} is not among those allowed')
        self._broker.sessions.end_all(Ending(ending))
        return web.json_response({"done": ending})

    async def feed(self, request: web.Request) -> web.Response:
        await self._feed.break_with(await self._fault(request, parse_feed))
        return web.json_response({"faults": self._faults()})

    async def rest(self, request: web.Request) -> web.Response:
        self._broker.break_rest(await self._fault(request, parse_rest))
        return web.json_response({"faults": self._faults()})

    async def message(self, request: web.Request) -> web.Response:
        body = await _object(request, "text", "type")
        text, kind = body.get("text"), body.get("type", "message")
        if not isinstance(text, str) or kind not in _TYPES:
            raise _not_understood(request, 'expected "text", and "type" if other than "message"')
        order = {"user_id": self._broker.mint.user_id, "status": "UPDATE", "status_message": text}
        heard = await self._feed.tell(kind, order if kind == "order" else text)
        return web.json_response({"heard_by": heard})

    async def burst(self, request: web.Request) -> web.Response:
        rounds = (await _object(request, "rounds")).get("rounds", 100)
        if not isinstance(rounds, int) or isinstance(rounds, bool) or not 1 <= rounds <= MOST_ROUNDS:
            raise _not_understood(request, f'"rounds": found {shown(rounds)}')
        return web.json_response({"frames": await self._feed.burst(rounds)})

    async def _fault(
        self, request: web.Request, parse: Callable[[object, int], Fault | None]
    ) -> Fault | None:
        try:
            return parse(await _object(request), self._broker.second())
        except ValueError as error:
            raise _not_understood(request, str(error)) from None

    def _faults(self) -> dict[str, object]:
        in_force = {"feed": self._feed.condition.fault, "rest": self._broker.rest_fault}
        return {side: fault.describe() if fault is not None else None for side, fault in in_force.items()}


async def _object(request: web.Request, *keys: str) -> dict[str, Any]:
    """The body, which has to be a JSON object, of these keys at most if any are named."""
    try:
        body = json.loads(await request.read() or b"{}", parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _not_understood(request, "the body is no JSON") from None
    if not isinstance(body, dict):
        raise _not_understood(request, "the body is no JSON object")
    if keys and (strange := body.keys() - set(keys)):
        raise _not_understood(request, f"{shown(min(strange))} means nothing here")
    return body


def _no_constant(name: str) -> None:
    """`NaN` and its like are Python's own, and no JSON."""
    raise ValueError(name)


def _not_understood(request: web.Request, found: str) -> web.HTTPBadRequest:
    text = json.dumps({"error": found, "allowed": ALLOWED[request.path]})
    return web.HTTPBadRequest(text=text, content_type="application/json")
