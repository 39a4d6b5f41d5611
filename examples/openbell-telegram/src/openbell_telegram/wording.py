"""A notice as a message: plain text, so that nothing in it is taken for markup. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from agent.api import Notice, NoticeReason, NoticeType, Severity

LIMIT = 4096
"""So many code units of UTF-16 may a message have: https://core.telegram.org/bots/api#sendmessage"""

SIGNS = {
    Severity.OK: "✅",
    Severity.INFO: "🔵",
    Severity.WARNING: "🟡",
    Severity.UNKNOWN: "⚪",
    Severity.CRITICAL: "🔴",
}


def text_of(notice: Notice) -> str:
    """What is told, the most important first; what is too long is cut in its middle part alone."""
    head = f"{_sign(notice)} {_type(notice)}{notice.code} · {notice.agent}"
    tail = "\n".join(filter(None, [_since(notice), *map(_machine, notice.machines[:8]), _link(notice)]))
    above, below = _cut(_plain(head), 200), _cut(_plain(tail), 2000)
    left = LIMIT - 2 - _units(above) - _units(below)
    return f"{above}\n{_cut(_plain(notice.message), left)}\n{below}"


def _sign(notice: Notice) -> str:
    is_known = notice.reason is not NoticeReason.UNWATCHED
    return SIGNS[notice.severity if is_known else Severity.UNKNOWN]


def _type(notice: Notice) -> str:
    if notice.reason is NoticeReason.UNWATCHED:
        return "Not watched: "
    words = {NoticeType.PROBLEM: "", NoticeType.RECOVERY: "Over: ", NoticeType.REMINDER: "Reminder: "}
    return words.get(notice.type, "Test: ")


def _since(notice: Notice) -> str:
    if notice.duration is not None:
        minutes, seconds = divmod(round(notice.duration.total_seconds()), 60)
        return f"It lasted {minutes} min {seconds} s"
    return f"Since {notice.since:%d %b %H:%M:%S %Z}"


def _machine(machine: Mapping[str, str]) -> str:
    return " ".join(machine.get(key, "") for key in ("name", "state", "reason"))


def _link(notice: Notice) -> str:
    action = notice.action
    is_whole = action is not None and action.href.startswith(("https://", "http://"))
    return f"{action.label}: {action.href}" if action is not None and is_whole else ""


def _plain(text: str) -> str:
    """Without control signs, and without those that turn the direction of a line."""
    return "".join(
        sign for sign in text if sign == "\n" or unicodedata.category(sign) not in {"Cc", "Cf", "Cs"}
    )


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, units: int) -> str:
    """At most so many code units, without half a sign at the end."""
    if _units(text) <= units:
        return text
    return text.encode("utf-16-le")[: 2 * (units - 1)].decode("utf-16-le", errors="ignore") + "…"
