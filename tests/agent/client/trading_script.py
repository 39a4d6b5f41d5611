"""A trader's own script, as the ticker's documentation has it, and one line more.

Arguments: the broker's WebSocket root, its access token, the agent's address, the machine, the
token for reports, and perhaps words: `stop` stops the reactor when a connection is closed, as the
documentation's example does; `once` gives up after one retry; `threaded` keeps the main thread;
`late` has the reporter attached only when ticks come.
Prints a line for each thing that it notices.
"""

from __future__ import annotations

import sys
from typing import Any

from kiteconnect import KiteTicker

from agent.client import FeedReporter

ROOT, ACCESS_TOKEN, AGENT, MACHINE, PUSH_TOKEN, *WORDS = sys.argv[1:]


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201


TRIES = 1 if "once" in WORDS else 50

kws = KiteTicker("demo", ACCESS_TOKEN, root=ROOT, reconnect_max_tries=TRIES)
reporter = FeedReporter(AGENT, MACHINE, PUSH_TOKEN)
if "late" not in WORDS:
    reporter.attach(kws)


def on_ticks(ws: Any, ticks: list[Any]) -> None:
    say("ticks", len(ticks))
    if "late" in WORDS:
        WORDS.remove("late")
        reporter.attach(ws)


def on_connect(ws: Any, response: Any) -> None:
    say("connected", ws.socket_url.partition("access_token=")[2])
    ws.subscribe([256265, 738561])
    ws.set_mode(ws.MODE_FULL, [256265, 738561])


def on_close(ws: Any, code: Any, reason: Any) -> None:
    say("closed", code, reason)
    if "stop" in WORDS:
        ws.stop()


kws.on_ticks = on_ticks
kws.on_connect = on_connect
kws.on_close = on_close
kws.on_noreconnect = lambda ws: say("gave up")
kws.connect(threaded="threaded" in WORDS or "stop" in WORDS)
if kws.__dict__.get("websocket_thread") is not None:
    sys.stdin.read()
