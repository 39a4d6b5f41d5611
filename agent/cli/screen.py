"""The live view as a screen: the answer first, then what follows from it, within the window's size."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.cli.qr import opens_on_a_phone, qr_lines
from agent.cli.view import View
from agent.cli.words import COLORS, HEADLINES, SIGNS, age
from agent.text import plain

TONES = {"red": "red", "green": "green", "blue": "blue", "yellow": "yellow"}
LOUD = {"red": "bold white on red", "yellow": "bold black on yellow", "grey": "bold white on bright_black"}
LOUD_SEVERITIES = ("critical", "unknown")
ASIDE = 28
"""The least columns beside a code in which the answer can still be read."""

PAPER = "black on white"

LARGER = "A larger window shows a code for your phone."
NO_PHONE = "With [server] url set to where a phone reaches the agent, there is a code for it."


def screen(view: View, monotonic: float, *, columns: int, rows: int) -> RenderableType:
    """All of it; beside it the login link's code, where the window has room for one."""
    live = view.is_live(monotonic)
    code = qr_lines(view.link, rows) if view.link and live and opens_on_a_phone(view.link) else []
    if not code or columns < len(code[0]) + ASIDE + 1:
        return answer(view, monotonic, width=columns)
    beside = columns - len(code[0]) - 1
    both = Table.grid(padding=(0, 1))
    both.add_column(width=beside)
    both.add_column(width=len(code[0]), no_wrap=True)
    both.add_row(answer(view, monotonic, width=beside, beside_code=True), Text("\n".join(code), style=PAPER))
    return both


def answer(view: View, monotonic: float, *, width: int, beside_code: bool = False) -> RenderableType:
    now = view.now(monotonic)
    if view.document is None:
        return Group(*_head("grey", "…", "Connecting", width), Text(view.trouble or view.url, "dim"))
    if not view.is_live(monotonic):
        return _lost(view, now, width)
    document = view.document
    parts: list[RenderableType] = [
        *_lead(document, now, width),
        *_do(document, view.link, beside_code),
        Text(),
    ]
    parts += [*_bell(document, now), *_readiness(document), Text()]
    parts += [_machines(document, now, wide=not beside_code), *_problems(document), Text()]
    return Group(*parts, Text(_foot(view, document, now), "dim"))


def _head(tone: str, sign: str, title: str, width: int) -> list[RenderableType]:
    text = Text(f" {sign} {title}".ljust(width), LOUD.get(tone, f"bold {TONES.get(tone, 'white')}"))
    return [text]


def _lead(document: dict[str, Any], now: datetime, width: int) -> list[RenderableType]:
    severity, color = document["severity"], document["color"]
    code = plain(document["code"])
    sign, title = SIGNS[severity], HEADLINES.get(code, code.replace("_", " ").capitalize())
    tone = TONES.get(color, "white")
    style = LOUD.get(color, LOUD["grey"]) if severity in LOUD_SEVERITIES else f"bold {tone}"
    return [
        Text(f" {sign} {title}".ljust(width), style),
        Text(f" {code}, {severity}, for {age(document['since'], now)}", tone),
        Text(f" {plain(document['message'])}"),
    ]


def _lost(view: View, now: datetime, width: int) -> RenderableType:
    """Grey, whatever the last answer was: it is no answer now."""
    document = view.document or {}
    heard = age(document["generated_at"], now)
    return Group(
        Text(" ? Out of contact".ljust(width), LOUD["grey"]),
        Text(f" Nothing heard from the agent for {heard}: take it that it is not safe to trade.", "dim"),
        Text(f" Its last answer was {plain(document['code'])}. {view.trouble}", "dim"),
        Text(" Trying again by itself; q ends.", "dim"),
    )


def _do(document: dict[str, Any], link: str | None, beside_code: bool) -> list[RenderableType]:
    action = document["action"]
    if action is None:
        return []
    if link is None:
        return [Text(f" → {plain(action['label'])}", "bold")]
    if beside_code:
        return [Text(" → Log in: by this code, or", "bold"), Text("   openbell login", "bold")]
    hint = LARGER if opens_on_a_phone(link) else NO_PHONE
    link_text = Text(link, "underline", overflow="fold")
    return [Text(" → Log in: ", "bold"), link_text, Text(f"   {hint}", "dim")]


def _bell(document: dict[str, Any], now: datetime) -> list[RenderableType]:
    market = document["market"]
    if market is None:
        return []
    opens, closes = (_instant(market[key]) for key in ("next_open_at", "next_close_at"))
    is_closing = market["state"] == "LIVE" or bool(closes and opens and now < closes < opens)
    at = closes if is_closing else opens
    if at is None:
        return [Text(f" {market['state']}; the calendar does not say when it changes")]
    left = age(now.isoformat(), at + timedelta(seconds=0.999)) if at > now else "a moment"
    word = "closes" if is_closing else "opens"
    return [Text(f" {market['state']}, {word} in {left}, at {_local(at, document):%H:%M %Z}")]


def _readiness(document: dict[str, Any]) -> list[RenderableType]:
    if document["tradable"]:
        return [Text(" Ready; safe to trade", "green")]
    said = " Ready; not safe to trade yet" if document["ready"] else " Not ready; not safe to trade"
    waits = [f"{one['machine']}: {one['state']} ({one['reason']})" for one in document["blockers"]]
    return [Text(said, "yellow"), *(Text(f"   waits for {plain(one)}", "dim") for one in waits)]


def _machines(document: dict[str, Any], now: datetime, *, wide: bool) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(4 if wide else 2):
        table.add_column(no_wrap=True, overflow="ellipsis")
    for name, part in document["machines"].items():
        row = [Text(f" {plain(name)}"), Text(plain(part["state"]), "bold")]
        if wide:
            said = plain(f"{part['reason']}: {part['message']}" if part["message"] else part["reason"])
            row += [Text(age(part["since"], now)), Text(said, "dim")]
        table.add_row(*row)
    return table


def _problems(document: dict[str, Any]) -> list[RenderableType]:
    """Each problem with those beneath it that it explains."""
    lines: list[RenderableType] = [Text()] if document["problems"] else []
    causes = [one for one in document["problems"] if not one["suppressed_by"]]
    placed = []
    for cause in causes:
        lines.append(_problem(cause))
        explained = [one for one in document["problems"] if _explains(cause, one)]
        placed += explained
        lines += [Text(f"   └ {plain(one['code'])} follows from this", "dim") for one in explained]
    rest = [one for one in document["problems"] if one not in causes and one not in placed]
    return [*lines, *(Text(f" · {plain(one['code'])} ({one['phase']})", "dim") for one in rest)]


def _problem(problem: dict[str, Any]) -> Text:
    severity = problem["severity"]
    text = Text(f" {SIGNS[severity]} ", COLORS[severity], no_wrap=True, overflow="ellipsis")
    group = f" {plain(problem['group'])}" if problem["group"] else ""
    phase = "" if problem["phase"] == "active" else f", {problem['phase']}"
    return text.append(f"{plain(problem['code'])}{group} ({severity}{phase})")


def _explains(cause: dict[str, Any], problem: dict[str, Any]) -> bool:
    return cause["rule"] in problem["suppressed_by"] and cause["group"] in (None, problem["group"])


def _foot(view: View, document: dict[str, Any], now: datetime) -> str:
    desk = plain(document["agent"]["name"])
    return f" {desk}, {_local(now, document):%H:%M:%S %Z}, {view.trouble or 'live'}; q ends"


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _local(at: datetime, document: dict[str, Any]) -> datetime:
    """In the exchange's zone, where the market machine names one."""
    said = [part["attributes"] for part in document["machines"].values() if part["role"] == "market"]
    calendar = (document["market"] or {}).get("calendar") or {}
    zone = said[0].get("zone") if said else None
    try:
        return at.astimezone(ZoneInfo(zone or calendar.get("zone") or "UTC"))
    except (KeyError, ValueError, AttributeError, TypeError):
        return at
