"""What a `FeedReporter` adds to each tick in the ticker's own thread.

    python benchmarks/client.py

The same frames go through the real `KiteTicker`'s message callback, with a reporter attached and
without, in turns in one process; nothing is connected and no agent runs, which is the reporter's
dearest case. Goal: under 300 ns a tick.
"""

from __future__ import annotations

import logging
import struct
import time
from typing import Any

GOAL_NS = 300
ROUNDS = 15


def frame(count: int) -> bytes:
    packets = []
    for number in range(count):
        body = bytearray(184)
        struct.pack_into(">I", body, 0, (50_000 + number) << 8 | 1)
        struct.pack_into(">I", body, 60, 1_764_000_000)
        packets.append(struct.pack(">H", 184) + bytes(body))
    return struct.pack(">H", count) + b"".join(packets)


def ticker(ticks: list[Any], *, reported: bool) -> Any:
    """A ticker whose parsing is done already, so that only the callbacks are measured."""
    from kiteconnect import KiteTicker

    from agent.client import FeedReporter

    kws = KiteTicker("demo", "a-token")
    kws.on_ticks = lambda ws, ticks: None
    if reported:
        FeedReporter("http://127.0.0.1:9", "strategy", "a-token").attach(kws)
    kws._parse_binary = lambda payload: ticks
    return kws


def cost_ns(kws: Any, payload: bytes, frames: int) -> float:
    began = time.perf_counter_ns()
    for _ in range(frames):
        kws._on_message(None, payload, True)
    return (time.perf_counter_ns() - began) / frames


def main() -> None:
    logging.disable(logging.CRITICAL)
    print(f"{'ticks a frame':>14} {'bare ns':>9} {'reported ns':>12} {'added a tick':>13}")
    for count in (1, 10, 100, 1000):
        payload = frame(count)
        from kiteconnect import KiteTicker

        ticks = KiteTicker("demo", "a-token")._parse_binary(payload)
        bare, reported = ticker(ticks, reported=False), ticker(ticks, reported=True)
        frames = max(200, 100_000 // count)
        rounds = [(cost_ns(bare, payload, frames), cost_ns(reported, payload, frames)) for _ in range(ROUNDS)]
        plain, with_reporter = (min(column) for column in zip(*rounds, strict=True))  # least disturbed
        added = (with_reporter - plain) / count
        verdict = "" if added < GOAL_NS else "  above the goal"
        print(f"{count:>14} {plain:>9.0f} {with_reporter:>12.0f} {added:>10.0f} ns{verdict}")
    parse = KiteTicker("demo", "a-token")._parse_binary
    began = time.perf_counter_ns()
    for _ in range(20):
        parse(payload)
    print(
        f"for comparison, the ticker's own parsing: {(time.perf_counter_ns() - began) / 20_000:.0f} ns a tick"
    )


if __name__ == "__main__":
    main()
