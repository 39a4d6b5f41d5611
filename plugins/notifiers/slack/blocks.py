"""A notice as a Slack message: Block Kit, with a text for where blocks are not shown. Pure.

Limits are Slack's own, https://docs.slack.dev/reference/block-kit/blocks.
"""

from __future__ import annotations

import re

from agent.api import Notice, NoticeReason, NoticeType, Severity
from plugins.notifiers.wording import Link, Wording, unmentioning

TEXT_LIMIT = 3_000
FIELD_LIMIT = 2_000
SECTION_FIELDS = 10
LONGEST_URL = 3_000

MARKS = {
    Severity.OK: ":large_green_circle:",
    Severity.INFO: ":information_source:",
    Severity.WARNING: ":warning:",
    Severity.UNKNOWN: ":grey_question:",
    Severity.CRITICAL: ":red_circle:",
}
_TYPE_MARKS = {NoticeType.RECOVERY: ":white_check_mark:", NoticeType.TEST: ":bell:"}

VALUE_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@\u2060"}
"""For the values in a template, whose own text may link and mention as it likes."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def message(notice: Notice, wording: Wording) -> dict[str, object]:
    """The message for one notice. Nothing in it mentions or links anybody but our own link."""
    return {
        "text": escape(f"{wording.title} [{wording.reference}]"),
        "blocks": [block for block in _blocks(notice, wording) if block is not None],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def escape(text: str) -> str:
    """The text as Slack shows it literally: no link, no mention, no `<!channel>`, no `@here`."""
    return unmentioning(text.translate(_ESCAPES))


def _blocks(notice: Notice, wording: Wording) -> list[dict[str, object] | None]:
    return [
        *(_own_text(notice, wording) if wording.body is None else _operators_text(notice, wording)),
        _button(wording.link, primary=notice.type is NoticeType.PROBLEM),
        _context(wording.reference),
    ]


def _own_text(notice: Notice, wording: Wording) -> list[dict[str, object] | None]:
    shown = wording.message if wording.message.rstrip(".") not in wording.title else ""
    return [
        _section(f"{_heading(notice, wording)}\n{escape(shown)}"),
        _fields(wording.facts),
        _machines(wording.machines),
    ]


def _operators_text(notice: Notice, wording: Wording) -> list[dict[str, object] | None]:
    """What a template made; it escaped its values."""
    return [_section(_heading(notice, wording)), _section(wording.body or "")]


def _heading(notice: Notice, wording: Wording) -> str:
    return f"{_mark(notice)} *{_unstarred(escape(wording.title))}*"


def _mark(notice: Notice) -> str:
    if notice.reason is NoticeReason.UNWATCHED:
        return MARKS[Severity.UNKNOWN]
    return _TYPE_MARKS.get(notice.type) or MARKS[notice.severity]


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": _markdown(text.rstrip())}


def _fields(facts: tuple[tuple[str, str], ...]) -> dict[str, object] | None:
    fields = [_markdown(f"*{escape(label)}*\n{escape(value)}", FIELD_LIMIT) for label, value in facts]
    return {"type": "section", "fields": fields[:SECTION_FIELDS]} if fields else None


def _machines(machines: tuple[str, ...]) -> dict[str, object] | None:
    return _section("\n".join(f"• {escape(machine)}" for machine in machines)) if machines else None


def _button(link: Link | None, *, primary: bool) -> dict[str, object] | None:
    if link is None or len(link.url) > LONGEST_URL:
        return None
    button: dict[str, object] = {
        "type": "button",
        "action_id": "open",
        "text": {"type": "plain_text", "text": link.label},
        "url": link.url,
    }
    return {"type": "actions", "elements": [button | {"style": "primary"} if primary else button]}


def _context(reference: str) -> dict[str, object]:
    return {"type": "context", "elements": [_markdown(f"Notice {escape(reference)}")]}


def _markdown(text: str, limit: int = TEXT_LIMIT) -> dict[str, object]:
    """`verbatim` keeps Slack from making links and mentions of what looks like them."""
    return {"type": "mrkdwn", "text": _cut(text, limit), "verbatim": True}


def _cut(text: str, limit: int) -> str:
    """The text within the limit, without half of an escape at its end."""
    if len(text) <= limit:
        return text
    return re.sub(r"&\w{0,3}$", "", text[: limit - 1]) + "…"


def _unstarred(text: str) -> str:
    """An asterisk within bold text would end it."""
    return text.replace("*", "∗")
