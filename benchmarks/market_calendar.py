"""The market calendar beside exchange-calendars and pandas-market-calendars, on the same instants.

Each answers "is the exchange open at this instant?" for the same instants, drawn evenly over two
years; ours tells the phase and its reason as well. Run: `python benchmarks/market_calendar.py`.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

# the checkout that is measured, installed or not
sys.path[0] = str(Path(__file__).resolve().parent.parent)

START = datetime(2025, 1, 1, tzinfo=UTC)
COUNT = 20_000
SLOW_COUNT = 300
SEGMENTS = ("NSE_EQ", "NSE_EQ_FNO", "NSE_FO", "NSE_CD", "NSE_COM", "BSE_EQ", "MCX")
GOAL_US = 2.0
GOAL_BYTES = 1_000_000

IMPORT = """
import os, time, sys
sys.path[0] = {root!r}
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = resident()
begin = time.perf_counter()
{code}
print(time.perf_counter() - begin, resident() - before)
"""

FIRST_ANSWERS = {
    "openbell": (
        "from datetime import datetime, UTC\n"
        "from plugins.market.library import load_calendar\n"
        "load_calendar('NSE_EQ').phase_at(datetime.now(UTC))"
    ),
    "exchange-calendars": (
        "import exchange_calendars as library, pandas\n"
        "calendar = library.get_calendar('XBOM')\n"
        "calendar.is_open_on_minute(pandas.Timestamp('2026-11-23T09:15', tz='Asia/Kolkata'))"
    ),
    "pandas-market-calendars": (
        "import pandas_market_calendars as library, pandas\n"
        "calendar = library.get_calendar('NSE')\n"
        "schedule = calendar.schedule('2025-01-01', '2026-12-31')\n"
        "calendar.open_at_time(schedule, pandas.Timestamp('2026-11-23T09:15', tz='Asia/Kolkata'))"
    ),
}


def instants(zone: ZoneInfo | None = None) -> list[datetime]:
    """The same instants each time, the first and last day left out."""
    draw = random.Random(1)
    found = [START + timedelta(seconds=draw.randrange(86_400, 728 * 86_400)) for _ in range(COUNT)]
    return [instant.astimezone(zone) for instant in found] if zone else found


def per_call_us(ask: Callable[[object], object], questions: list[object]) -> list[float]:
    """How long each single call took, in microseconds, the clock's own cost taken off."""
    tick = time.perf_counter_ns
    cost = median(-(tick() - tick()) for _ in range(1000))
    took = []
    for question in questions:
        begin = tick()
        ask(question)
        took.append((tick() - begin - cost) / 1000)
    return took


def row(name: str, took: list[float], agrees: str) -> str:
    ranked = sorted(took)
    p99 = ranked[int(len(ranked) * 0.99)]
    return f"{name:<42}{median(took):>10.2f}{p99:>10.2f}{len(took):>8}  {agrees}"


def ours() -> list[str]:
    from plugins.market.library import load_calendar

    calendar = load_calendar("NSE_EQ")
    rows = []
    for name, zone in (("in UTC", None), ("in Asia/Kolkata", ZoneInfo("Asia/Kolkata"))):
        rows.append(row(f"openbell phase_at, {name}", per_call_us(calendar.phase_at, instants(zone)), "-"))
    rows.append(row("openbell next_change", per_call_us(calendar.next_change, instants()), "-"))
    rows.append(row("openbell next_open", per_call_us(calendar.next_open, instants()), "-"))
    return rows


def theirs() -> list[str]:
    try:
        import exchange_calendars
        import pandas
        import pandas_market_calendars
    except ImportError as error:
        return [f'not compared: {error}; pip install "openbell[dev]"']
    questions = [pandas.Timestamp(instant).floor("min") for instant in instants()]
    xbom = exchange_calendars.get_calendar("XBOM")
    nse = pandas_market_calendars.get_calendar("NSE")
    schedule = nse.schedule("2025-01-01", "2026-12-31")

    def is_open_xbom(at: object) -> bool:
        return bool(xbom.is_open_on_minute(at))

    def is_open_nse(at: object) -> bool:
        try:
            return bool(nse.open_at_time(schedule, at))
        except ValueError:  # outside of any day of the schedule
            return False

    rows = []
    for name, ask in (
        ("exchange-calendars is_open_on_minute", is_open_xbom),
        ("pandas-market-calendars open_at_time", is_open_nse),
    ):
        asked = questions[: COUNT if name.startswith("exchange") else SLOW_COUNT]
        rows.append(row(name, per_call_us(ask, asked), agreement(ask, asked)))
    return rows


def agreement(ask: Callable[[object], bool], questions: list[object]) -> str:
    """How many of the instants it answers as we do: open means live, by either."""
    from plugins.market.library import load_calendar
    from plugins.market.phases import State

    calendar = load_calendar("NSE_EQ")
    same = sum(ask(at) == (calendar.phase_at(at).state is State.LIVE) for at in questions)
    return f"{same}/{len(questions)} as ours"


MEMORY = """
import sys, tracemalloc
sys.path[0] = {root!r}
import plugins.market.library as library
from zoneinfo import ZoneInfo
tracemalloc.start()
for segment in {segments!r}:
    library.load_calendar(segment)
print(tracemalloc.get_traced_memory()[0])
"""


def memory() -> int:
    """Bytes that all calendars hold once they are loaded, rules and compiled lines together."""
    code = MEMORY.format(root=sys.path[0], segments=SEGMENTS)
    return int(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )


def first_answers() -> list[str]:
    rows = []
    for name, code in FIRST_ANSWERS.items():
        script = IMPORT.format(root=sys.path[0], code=code)
        told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        if told.returncode == 0:
            took, grew = told.stdout.split()
            rows.append(f"{name:<42}{float(took) * 1000:>10.0f} ms{int(grew) / 2**20:>10.1f} MiB")
    return rows


def main() -> int:
    print(f"{'microseconds a call':<42}{'median':>10}{'p99':>10}{'calls':>8}")
    rows = ours()
    print("\n".join([*rows, *theirs()]))
    print(f"\n{'import and first answer, fresh process':<42}{'time':>13}{'memory':>14}")
    print("\n".join(first_answers()))
    held = memory()
    print(f"\n{len(SEGMENTS)} calendars loaded hold {held / 1000:.0f} kB (goal: below 1000 kB)")
    middle = float(rows[0][42:52])
    print(f"phase_at takes {middle:.2f} us at the median (goal: below {GOAL_US:.0f} us)")
    return 0 if middle < GOAL_US and held < GOAL_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
