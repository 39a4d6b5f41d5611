"""The real `KiteTicker`, run by itself because its reactor can be started only once.

Arguments: the root, the token, a mode, the tokens as JSON, and after how many calls of `on_ticks` or of
`on_close` to stop. Prints what it heard as one JSON object.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from kiteconnect import KiteTicker
from twisted.internet import reactor

ROOT, ACCESS_TOKEN, MODE, TOKENS, MOST = sys.argv[1:]
heard: dict[str, list[Any]] = {"ticks": [], "errors": [], "closes": [], "orders": []}
ticker = KiteTicker("demo", ACCESS_TOKEN, root=ROOT)


def finish_after(kind: str, value: Any) -> None:
    heard[kind].append(value)
    if len(heard[kind]) == int(MOST) and reactor.running:
        reactor.stop()


def on_connect(socket: KiteTicker, _response: object) -> None:
    socket.subscribe(json.loads(TOKENS))
    if MODE != "quote":
        socket.set_mode(MODE, json.loads(TOKENS))


ticker.on_connect = on_connect
ticker.on_ticks = lambda _socket, ticks: finish_after("ticks", ticks)
ticker.on_close = lambda _socket, code, reason: finish_after("closes", [code, str(reason)])
ticker.on_error = lambda _socket, code, reason: heard["errors"].append([code, str(reason)])
ticker.on_order_update = lambda _socket, order: heard["orders"].append(order)
reactor.callLater(20, reactor.stop)
ticker.connect()


def plain(value: Any) -> Any:
    return value.timestamp()


print(json.dumps(heard, default=plain))  # noqa: T201
