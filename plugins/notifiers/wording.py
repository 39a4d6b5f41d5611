"""What a notice says to people, the same in every medium. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

from agent.api import Notice, NoticeReason, NoticeType

TITLE_LIMIT = 200
TEXT_LIMIT = 1_000
MACHINE_LIMIT = 20
"""Machines listed to people; a webhook carries more."""

_UNSHOWABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]+"
)
"""Control, direction and invisible signs, line separators, and halves of surrogate pairs.

The last cannot be encoded, and an `EmailMessage` refuses header values with any line separator:
either would cost the whole notice.
"""

_UNSENDABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")

_MENTION = re.compile(r"@(?=\w)")

_UNFIT_FOR_LINKS = re.compile(r"""[\s"'<>\\|]""")
"""Signs that no address needs, and that could end the link in one medium or another."""

_PREFIX = {
    NoticeType.RECOVERY: "RECOVERED",
    NoticeType.REMINDER: "REMINDER",
    NoticeType.TEST: "TEST",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A page where a person can do something about it."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Wording:
    """A notice in words: lines of showable text, and of the built-in ones none is escaped.

    `facts` are pairs of label and value. `reference` is short, and the same each time this
    notice is told: who gets it twice can see that it is one.
    """

    title: str
    message: str
    facts: tuple[tuple[str, str], ...]
    machines: tuple[str, ...]
    link: Link | None
    reference: str
    body: str | None = None
    """An operator's own lines in place of message, facts and machines, escaped for their medium."""
    html: str | None = None
    """The same for where HTML is shown."""
    remark: str | None = None
    """What is to be known of these words."""


def word(notice: Notice, *, zone: str, base_url: str) -> Wording:
    """The words for a notice; instants are shown in `zone`, links made absolute by `base_url`."""
    return Wording(
        title=_title(notice, ZoneInfo(zone)),
        message=clean(notice.message),
        facts=tuple(_facts(notice, ZoneInfo(zone))),
        machines=tuple(_machine(machine) for machine in notice.machines[:MACHINE_LIMIT]),
        link=_link(notice, base_url),
        reference=reference(notice.id),
    )


def plain_text(wording: Wording) -> str:
    """The words as a text of several lines."""
    return f"{wording.title}\n\n{body_text(wording)}\n"


def body_text(wording: Wording) -> str:
    """The words below the title."""
    lines = _own_lines(wording) if wording.body is None else [wording.body]
    if wording.link is not None:
        lines += ["", f"{wording.link.label}: {wording.link.url}"]
    if wording.machines and wording.body is None:
        lines += ["", "Machines:", *(f"- {machine}" for machine in wording.machines)]
    return "\n".join([*lines, "", f"Notice {wording.reference}"])


def _own_lines(wording: Wording) -> list[str]:
    lines = [wording.message, ""] if wording.message else []
    return lines + [f"{label}: {value}" for label, value in wording.facts]


def unmentioning(text: str) -> str:
    """The text with an invisible sign in what could mention somebody: `@here`, `@channel`."""
    return _MENTION.sub("@\u2060", text)


def clean(text: str, limit: int = TEXT_LIMIT) -> str:
    """The text as one line that can be shown and encoded anywhere, cut to `limit`."""
    line = " ".join(_UNSHOWABLE.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def cleaned_lines(text: str) -> str:
    """A text of several lines that can be encoded anywhere; its invisible signs may be on purpose."""
    lines = (_UNSENDABLE.sub(" ", line).rstrip() for line in text.splitlines())
    return "\n".join(lines).strip("\n")


def reference(notice_id: str) -> str:
    """The short form of an id: its end, because the beginning of some ids is only the time."""
    return clean(notice_id)[-8:]


def absolute(href: str, base_url: str) -> str | None:
    """The link as people can follow it, or `None` where it is not one to a page."""
    if _UNSHOWABLE.search(href) or _UNFIT_FOR_LINKS.search(href):
        return None
    try:
        url = urljoin(base_url.rstrip("/") + "/", href)
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def at(instant: datetime, zone: ZoneInfo, *, seen_from: datetime) -> str:
    """`06:00 IST`, with the day where it is not the reader's: `Mon 23 Nov 06:00 IST`."""
    local = instant.astimezone(zone)
    same_day = local.date() == seen_from.astimezone(zone).date()
    return local.strftime("%H:%M %Z" if same_day else "%a %d %b %H:%M %Z")


def span(duration: timedelta) -> str:
    """The two largest parts of a duration: `2d 3h`, `1h 12m`, `45s`."""
    rest = max(0, round(duration.total_seconds()))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def _title(notice: Notice, zone: ZoneInfo) -> str:
    prefix = _prefix(notice)
    message = clean(notice.message, 120).rstrip(".") or clean(notice.code)
    if notice.type is NoticeType.RECOVERY:
        return clean(f"{prefix}: {message}", TITLE_LIMIT)
    since = at(notice.since, zone, seen_from=notice.created_at)
    title = f"{notice.code} ({notice.severity}): {message}, since {since}"
    return clean(f"{prefix}: {title}" if prefix else title, TITLE_LIMIT)


def _prefix(notice: Notice) -> str | None:
    if notice.reason in (NoticeReason.GATHERED, NoticeReason.MISSED):
        return None
    return "NOT WATCHED" if notice.reason is NoticeReason.UNWATCHED else _PREFIX.get(notice.type)


def _facts(notice: Notice, zone: ZoneInfo) -> list[tuple[str, str]]:
    facts = [("Now", f"{notice.code} ({notice.severity})"), ("Since", _instant(notice.since, zone))]
    if notice.group is not None:
        facts.insert(0, ("Group", notice.group))
    if notice.duration is not None:
        facts.append(("Lasted", span(notice.duration)))
    if notice.incident is not None and notice.incident.opened_at != notice.since:
        facts.append(("Incident opened", _instant(notice.incident.opened_at, zone)))
    if notice.action is not None:
        facts.append(("What to do", notice.action.label))
    facts += [("Told because", str(notice.reason)), ("Agent", notice.agent)]
    return [(label, clean(value)) for label, value in facts]


def _instant(instant: datetime, zone: ZoneInfo) -> str:
    local, utc = instant.astimezone(zone), instant.astimezone(ZoneInfo("UTC"))
    return f"{local:%a %d %b %Y %H:%M:%S %Z} ({utc:%Y-%m-%dT%H:%M:%SZ})"


def _machine(machine: object) -> str:
    get = dict(machine).get  # type: ignore[call-overload]
    state = f"{get('name', '?')}: {get('state', '?')}"
    reason, message = get("reason"), get("message")
    return clean(state + (f" ({reason})" if reason else "") + (f", {message}" if message else ""), 300)


def _link(notice: Notice, base_url: str) -> Link | None:
    """Where the action can be done: its own page, or, if a link cannot do it, the status page."""
    action = notice.action
    if action is not None and action.method == "GET":
        url = absolute(action.href, base_url)
        label = clean(action.label, 60) or "Open"
    else:
        url, label = absolute("", base_url), "Open the status page"
    return Link(label, url) if url is not None else None
