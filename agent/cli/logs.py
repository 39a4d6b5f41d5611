"""Sets up the log: text or JSON on standard error, every line cleaned of secrets."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal

from agent.runtime.redaction import Redactor, install

Format = Literal["text", "json"]

FIELDS = ("incident", "machine", "notifier")
"""What a line may say beside its words, and that a search in JSON wants by name."""


def set_up_logs(secrets: Iterable[str], *, verbose: bool = False, form: Format = "text") -> Redactor:
    """Log to standard error; returns the redactor, which learns further secrets as they come."""
    redactor = Redactor(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for noisy in ("apscheduler", "asyncio", "watchfiles", "urllib3", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    install(root, redactor)
    sys.excepthook = _report_defect
    return redactor


class TextLines(logging.Formatter):
    """A line for people, with the incident in whose time it falls."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - of the standard library
        incident = getattr(record, "incident", None)
        return super().formatMessage(record) + (f"  (incident {incident})" if incident else "")


class JsonLines(logging.Formatter):
    """One JSON object a line: `at` in UTC, `level`, `logger`, `message`, and what else is known."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: str(found) for name in FIELDS if (found := getattr(record, name, None))}
        if record.exc_text:  # made and cleaned by the redactor
            line["error"] = record.exc_text
        return json.dumps(line, ensure_ascii=False)


def _report_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nothing has caught goes the way of all log lines, cleaned."""
    logging.getLogger("openbell").critical("a defect ended the agent", exc_info=(kind, error, trace))
