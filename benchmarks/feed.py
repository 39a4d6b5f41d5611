"""What a feed costs: CPU for each million packets, beside the stock KiteTicker on the same frames.

    python benchmarks/feed.py            # the comparison, and the desk with 3,000 instruments
    python benchmarks/feed.py --soak 1000    # forced reconnects: sockets, tasks and memory stay flat

Server and clients are processes of their own, over one loopback port. A client's CPU is its own
`process_time` from its connection to the broker's goodbye, so that imports do not count. Figures
of a busy machine drift; the ratios of one run hold.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INDEX = 256265
CANARIES = (738561, 408065, 341249, 2953217)
A_FRAME = 100
GOAL = 80


def packet(token: int, length: int, stamp: int) -> bytes:
    body = bytearray(length)
    struct.pack_into(">I", body, 0, token)
    struct.pack_into(">I", body, 28 if length == 32 else 60, stamp)
    return struct.pack(">H", length) + bytes(body)


def frame(kind: str, stamp: int) -> bytes:
    """A hundred packets in full mode, the canaries among them; a `mixed` frame has an index too."""
    tokens = [*CANARIES, *((50_000 + n) << 8 | 1 for n in range(A_FRAME - len(CANARIES)))]
    packets = [packet(token, 184, stamp) for token in tokens]
    if kind == "mixed":
        packets[50] = packet(INDEX, 32, stamp)
    return struct.pack(">H", A_FRAME) + b"".join(packets)


async def serve() -> None:
    """A broker whose stream the API key describes: frames, frames a second, kind."""
    from aiohttp import web

    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await socket.receive()
        count, rate, kind = request.query["api_key"].split("-")
        began, second, whole = time.monotonic(), 0, b""
        for number in range(int(count)):
            if int(time.time()) != second:
                second = int(time.time())
                whole = frame(kind, second)
            try:
                await socket.send_bytes(whole)
            except ConnectionError:
                break
            if int(rate):
                await asyncio.sleep(max(0.0, began + (number + 1) / int(rate) - time.monotonic()))
        await socket.close()
        return socket

    application = web.Application()
    application.router.add_get("/", stream)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def run_stock(port: int, plan: str) -> float:
    """CPU seconds of the stock client, its callback counting."""
    from kiteconnect import KiteTicker

    ticker = KiteTicker(plan, "token", root=f"ws://127.0.0.1:{port}")
    seen = {"packets": 0, "cpu": 0.0}

    def on_connect(socket: KiteTicker, _response: object) -> None:
        seen["cpu"] = time.process_time()
        socket.subscribe([INDEX, *CANARIES])

    def on_ticks(_socket: KiteTicker, ticks: list[object]) -> None:
        seen["packets"] += len(ticks)

    def on_close(socket: KiteTicker, _code: int, _reason: str) -> None:
        seen["cpu"] = time.process_time() - seen["cpu"]
        socket.stop_retry()
        socket.stop()

    ticker.on_connect, ticker.on_ticks, ticker.on_close = on_connect, on_ticks, on_close
    ticker.connect()
    return check(seen["cpu"], seen["packets"], plan)


def run_ours(port: int, plan: str) -> float:
    """CPU seconds of a whole `kite-feed`: socket, frames, watchdog, reports."""
    return asyncio.run(_run_ours(port, plan))


async def _run_ours(port: int, plan: str) -> float:
    from agent.testing import running

    async with _machine(port, plan) as (feed, bench):
        cpu = time.process_time()
        async with running(feed):
            await bench.until(lambda report: report.reason == "CLOSED_BY_PEER", timeout_s=600)
            cpu = time.process_time() - cpu
    return check(cpu, int(bench.reports[-1].measures["packets"]), plan)


def _machine(port: int, plan: str):
    from contextlib import asynccontextmanager

    import aiohttp

    from agent.clock import SystemClock
    from agent.testing import Bench
    from plugins.feed import kite_feed
    from plugins.feed.settings import KiteFeedSettings

    @asynccontextmanager
    async def made():
        async with aiohttp.ClientSession() as session:
            bench = Bench(SystemClock(), simulator=f"http://127.0.0.1:{port}", session=session)
            bench.add_credential("kite", "token")
            yield kite_feed(KiteFeedSettings(api_key=plan), bench), bench

    return made()


def run_bare(port: int, plan: str) -> float:
    """CPU seconds of nothing but the socket: the floor."""

    async def drain() -> tuple[float, int]:
        import aiohttp

        url, packets = f"ws://127.0.0.1:{port}/?api_key={plan}&access_token=token", 0
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            cpu = time.process_time()
            await socket.send_str("{}")
            async for message in socket:
                packets += message.data[0] << 8 | message.data[1]
            return time.process_time() - cpu, packets

    return check(*asyncio.run(drain()), plan)


def check(cpu: float, packets: int, plan: str) -> float:
    expected = int(plan.split("-", 1)[0]) * A_FRAME
    if packets != expected:
        sys.exit(f"{packets} packets were counted, {expected} were sent")
    return cpu


CLIENTS = {"stock": run_stock, "ours": run_ours, "bare": run_bare}


def measure(client: str, port: int, frames: int, kind: str = "alike", rate: int = 0) -> float:
    """CPU seconds of one client process."""
    command = [sys.executable, __file__, client, str(port), f"{frames}-{rate}-{kind}"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(port: int, rounds: int) -> None:
    """Interleaved rounds; the median of each client, and of the ratios."""
    frames = {"stock": 500, "ours": 10_000, "bare": 10_000}
    print(f"CPU seconds for each million packets in full mode, {A_FRAME} a frame, {rounds} rounds")
    for kind in ("alike", "mixed"):
        found: dict[str, list[float]] = {client: [] for client in frames}
        for _ in range(rounds):
            for client, count in frames.items():
                found[client].append(measure(client, port, count, kind) * 1e6 / (count * A_FRAME))
        medians = {client: statistics.median(values) for client, values in found.items()}
        ratio = statistics.median(s / o for s, o in zip(found["stock"], found["ours"], strict=True))
        words = "one length" if kind == "alike" else "with an index among them"
        print(
            f"  {words:26} stock {medians['stock']:6.2f}   kite-feed {medians['ours']:.3f}"
            f"   bare aiohttp {medians['bare']:.3f}   stock / kite-feed {ratio:.0f} (goal {GOAL})"
        )


def desk(port: int, seconds: int) -> None:
    """3,000 instruments in full mode, five ticks a second each: mostly the price of waking up."""
    rate = 3000 * 5 // A_FRAME
    for client in ("bare", "ours", "stock"):
        cpu = measure(client, port, rate * seconds, rate=rate)
        print(f"3,000 instruments, 5 ticks a second: {client:5} {100 * cpu / seconds:5.2f} % of a core")


async def soak(port: int, reconnects: int) -> None:
    """Force reconnects, and print what is left behind."""
    from agent.testing import running

    async with _machine(port, "1000000-10-alike") as (feed, bench), running(feed):
        for number in range(reconnects + 1):
            await bench.until(lambda report: report.state == "CONNECTED")
            if number % (reconnects // 5) == 0:
                gc.collect()
                sockets = len(list(Path("/proc/self/fd").iterdir()))
                resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
                print(
                    f"{number:6} reconnects: {sockets} descriptors,"
                    f" {len(asyncio.all_tasks())} tasks, {resident / 2**20:.1f} MiB"
                )
            await feed.act("reconnect")
            await bench.until(lambda report: report.state == "CONNECTING")
            bench.reports.clear()


def main() -> None:
    sys.path.insert(0, str(ROOT))
    if len(sys.argv) == 2 and sys.argv[1] == "serve":
        asyncio.run(serve())
    elif len(sys.argv) == 4 and sys.argv[1] in CLIENTS:
        print(CLIENTS[sys.argv[1]](int(sys.argv[2]), sys.argv[3]))
    else:
        parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
        parser.add_argument("--rounds", type=int, default=3)
        parser.add_argument("--seconds", type=int, default=10, help="of the desk's ticking")
        parser.add_argument("--soak", type=int, metavar="RECONNECTS")
        run(parser.parse_args())


def run(options: argparse.Namespace) -> None:
    server = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = json.loads(server.stdout.readline())
        if options.soak:
            asyncio.run(soak(port, options.soak))
        else:
            compare(port, options.rounds)
            desk(port, options.seconds)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
