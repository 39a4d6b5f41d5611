"""The library `apprise`, which blocks, logs what it is told, and says `False` where it fails."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import apprise

APP = apprise.AppriseAsset(
    app_id="openbell",
    app_desc="openbell",
    app_url="",
    image_url_mask="",
    image_url_logo="",
    async_mode=False,
    http_redirects=False,
)
"""Who we are to a service: no pictures from elsewhere, no redirect."""

LOCAL = frozenset({"dbus", "qt", "kde", "glib", "gnome", "macosx", "windows", "syslog"})
"""These tell the agent's own machine, where nobody may be."""

LOGGERS = ("apprise", "urllib3.connectionpool", "urllib3.util.retry", "requests")

_STATUS = re.compile(r"error=(\d{3})\b")
_NO_CONNECTION = re.compile(r"onnection error|socket", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Told:
    """What came of telling a service: all that apprise lets be known of a failure."""

    taken: bool
    status: int | None = None
    no_connection: bool = False


def fault_of(url: str) -> str | None:
    """What is wrong with an address, in words that do not show it; `None` if nothing is."""
    schema = url.partition("://")[0].lower()
    if schema in LOCAL:
        return f"{schema}:// tells the agent's own machine; expected a service that reaches people"
    with _listening():
        service = apprise.Apprise.instantiate(url, asset=APP)
    if service is None:
        return (
            "apprise cannot read this address; expected SERVICE://TOKENS as its page for the service has "
            "it, with special characters in a token written as %XX"
        )
    if len(service) > 1:
        return (
            f"the address makes {len(service)} messages, and a second try would repeat those that arrived: "
            "write one address, under a name of its own, for each target"
        )
    return None


def tell(url: str, *, title: str, body: str, kind: str) -> Told:
    """Tell one service, and wait. `kind` is apprise's: `info`, `success`, `warning`, `failure`."""
    with _listening() as lines:
        service = apprise.Apprise.instantiate(url, asset=APP)
        if service is not None and service.notify(
            title=title,
            body=body,
            notify_type=apprise.NotifyType(kind),
            body_format=apprise.NotifyFormat.TEXT,
        ):
            return Told(taken=True)
    return _failed("\n".join(lines))


def _failed(log: str) -> Told:
    """The last status that the log names is the one of the message; those before are a login's."""
    statuses = _STATUS.findall(log)
    status = int(statuses[-1]) if statuses else None
    return Told(taken=False, status=status, no_connection=bool(_NO_CONNECTION.search(log)))


_heard = threading.local()


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Keep what the library logs in this thread, and from every log: it may hold tokens."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_withhold)  # the same filter is added once
    lines: list[str] = []
    _heard.lines = lines
    try:
        yield lines
    finally:
        _heard.lines = None


def _withhold(record: logging.LogRecord) -> bool:
    lines: list[str] | None = getattr(_heard, "lines", None)
    if lines is None:
        return True
    lines.append(record.getMessage())
    return False
