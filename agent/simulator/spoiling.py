"""The REST fault in force, done to one request."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from agent.simulator.broker import Broker
from agent.simulator.connection import RESET
from agent.simulator.envelope import refusal
from agent.simulator.faults import Fault, Garbage, RestFault

Spoiler = Callable[[Broker, Fault, web.Request], Awaitable[web.Response | None]]


async def spoil(broker: Broker, request: web.Request) -> web.Response | None:
    """What the fault answers in the route's place; `None` to let the request through."""
    fault = broker.rest_fault
    if fault is None or not isinstance(fault.kind, RestFault) or not request.path.startswith(fault["path"]):
        return None
    broker.use_up_rest_fault()
    return await _SPOILERS[fault.kind](broker, fault, request)


async def _slow(broker: Broker, fault: Fault, _request: web.Request) -> None:
    """Hold the answer back, at most until the fault is lifted."""
    try:
        await asyncio.wait_for(broker.rest_fault_over.wait(), fault["seconds"])
    except TimeoutError:
        return


async def _error(_broker: Broker, fault: Fault, _request: web.Request) -> web.Response:
    return refusal(fault["status"], fault["error_type"], fault["message"])


async def _rate_limit(_broker: Broker, fault: Fault, _request: web.Request) -> web.Response:
    answer = refusal(429, "NetworkException", "Too many requests")
    answer.headers["Retry-After"] = str(fault["retry_after"])
    return answer


async def _garbage(_broker: Broker, fault: Fault, _request: web.Request) -> web.Response:
    content_type, text = _GARBAGE[Garbage(fault["kind"])]
    return web.Response(text=text, content_type=content_type)


async def _forbidden(_broker: Broker, fault: Fault, _request: web.Request) -> web.Response:
    return refusal(403, fault["error_type"], fault["message"])


async def _drop(_broker: Broker, _fault: Fault, request: web.Request) -> web.Response:
    """Reset the connection; the answer finds nobody."""
    if request.transport is not None:
        sock: socket.socket = request.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        request.transport.abort()
    return web.Response()


_GARBAGE: Final[Mapping[Garbage, tuple[str, str]]] = {
    Garbage.HTML: ("text/html", "<html><body><h1>Please sign in to the network</h1></body></html>"),
    Garbage.JSON: ("application/json", '{"status": "success", "data": {"user_'),
    Garbage.SHAPE: ("application/json", '{"status": "success"}'),
    Garbage.EMPTY: ("application/json", ""),
}

_SPOILERS: Final[Mapping[RestFault, Spoiler]] = {
    RestFault.SLOW: _slow,
    RestFault.ERROR: _error,
    RestFault.RATE_LIMIT: _rate_limit,
    RestFault.GARBAGE: _garbage,
    RestFault.FORBIDDEN: _forbidden,
    RestFault.DROP: _drop,
}
