"""A trader's own script, as the ticker's documentation has it, and one line more.

Arguments: the broker's WebSocket root, its access token, the agent's address, the machine, and
the token for reports. Prints a line for each thing that it notices.
"""

from __future__ import annotations

import sys
from typing import Any

from kiteconnect import KiteTicker

from agent.client import FeedReporter

ROOT, ACCESS_TOKEN, AGENT, MACHINE, PUSH_TOKEN = sys.argv[1:]


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201


kws = KiteTicker("demo", ACCESS_TOKEN, root=ROOT)
FeedReporter(AGENT, MACHINE, PUSH_TOKEN).attach(kws)


def on_ticks(ws: Any, ticks: list[Any]) -> None:
    say("ticks", len(ticks))


def on_connect(ws: Any, response: Any) -> None:
    say("connected", ws.socket_url.partition("access_token=")[2])
    ws.subscribe([256265, 738561])
    ws.set_mode(ws.MODE_FULL, [256265, 738561])


def on_close(ws: Any, code: Any, reason: Any) -> None:
    say("closed", code, reason)


kws.on_ticks = on_ticks
kws.on_connect = on_connect
kws.on_close = on_close
kws.connect()
