"""Keeps secrets out of the log: the values that are known, and what looks like one."""

from __future__ import annotations

import json
import logging
import re
import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 6
"""A shorter secret is not looked for: it would be found in innocent words."""

_PATTERNS = re.compile(
    r"""
    ( hooks\.slack\.com/(?:services|workflows|triggers)/
    | discord(?:app)?\.com/api/webhooks/
    | api\.telegram\.org/bot
    | \b(?: whsec_ | xox[a-z]- | bearer[ ]+ )
    ) [^\s"'<>]+
    |
    ( authorization ["']? [ ]? [:=] [ ]? (?:b?["'])? (?:(?:token|bearer|basic)[ ]+)? ) [^\s"'<>]+
    |
    ( (?: access_token | request_token | refresh_token | public_token | enctoken | checksum
        | api_secret | client_secret | password )
      (?: [ ]?=[ ]? ["']? | ["'][ ]?:[ ]?["'] )
    ) [^\s"'<>&,;]+
    """,
    re.IGNORECASE | re.VERBOSE,
)
_HINTS = ("token", "secret", "password", "checksum", "auth", "bearer", "whsec_", "xox", "hook", "telegram")
"""Every match of `_PATTERNS` has one of these: a line without them is not searched."""

_PASSWORD_IN_URL = re.compile(r"""(://[^/\s:@"'<>]{0,200}:)[^/\s@"'<>]+(?=@)""")
_LEFT_AS_IN_URLS = ("", "/", "-._~!$'()*,:@/?", "-._~!$&'()*+,;=:@/")
"""What is not percent-encoded, as strict and usual quoting have it, and aiohttp in query and path."""

_STANDARD = frozenset(vars(logging.makeLogRecord({})))
_formatter = logging.Formatter()


class Redactor(logging.Filter):
    """Knows the secrets of this process, and takes them out of texts and log records.

    May be used from any thread. What it has learned it never forgets: a token of yesterday
    can still turn up in a late error.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._needles: tuple[str, ...] = ()
        self._learning = threading.Lock()
        for secret in secrets:
            self.add(secret)

    def __repr__(self) -> str:
        return f"Redactor({len(self._needles)} forms)"

    def add(self, value: str) -> None:
        """Learn a secret, with the forms that it takes in URLs, headers and quoted texts."""
        with self._learning:
            forms = {form for form in _forms(value) if len(form) >= SHORTEST}
            self._needles = tuple(sorted(forms.union(self._needles)))

    def clean(self, text: str) -> str:
        """The text with every secret masked. No known secret is in it, in any of its forms."""
        known = self._without_needles(text)
        likely = _without_patterns(known)
        return known if likely == known else self._without_needles(likely)

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean a record where it stands, its traceback too; it is always let through."""
        unwritten = f"{record.module}:{record.lineno}: a log line that cannot be formatted"
        record.msg, record.args = self.clean(_text(record.getMessage, unwritten)), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = _formatter.formatException(record.exc_info)
        record.exc_info = None  # a handler's formatter would print the exception from it, uncleaned
        record.exc_text = self.clean(record.exc_text) if record.exc_text else None
        record.stack_info = self.clean(record.stack_info) if record.stack_info else None
        for name in vars(record).keys() - _STANDARD:
            if name not in ("message", "asctime"):
                setattr(record, name, self._clean_extra(getattr(record, name)))
        return True

    def _clean_extra(self, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        text = _text(lambda: str(value), "a value that cannot be shown")
        cleaned = self.clean(text)
        return value if cleaned == text else cleaned

    def _without_needles(self, text: str) -> str:
        """Masks until nothing is left: a mask may join what stood beside it to a secret."""
        while spans := list(_spans(text, self._needles)):
            text = _masked(text, spans)
        return text


def install(logger: logging.Logger, redactor: Redactor) -> Callable[[], None]:
    """Clean every record of this process as it is made, whichever handler may take it later.

    What `extra` adds comes after that, so the present handlers of `logger` clean once more.
    Returns what undoes it.
    """
    make = logging.getLogRecordFactory()
    handlers = tuple(logger.handlers)

    def make_clean(*args: object, **kwargs: object) -> logging.LogRecord:
        record: logging.LogRecord = make(*args, **kwargs)
        redactor.filter(record)
        return record

    def undo() -> None:
        logging.setLogRecordFactory(make)
        for handler in handlers:
            handler.removeFilter(redactor)

    logging.setLogRecordFactory(make_clean)
    for handler in handlers:
        handler.addFilter(redactor)
    return undo


def _text(write: Callable[[], str], instead: str) -> str:
    try:
        return write()
    except Exception as error:  # noqa: BLE001 - a value of anybody's type writes itself, or does not
        return f"{instead} ({type(error).__name__})"


def _without_patterns(text: str) -> str:
    lower = text.lower()
    if any(hint in lower for hint in _HINTS):
        text = _PATTERNS.sub(_mask_match, text)
    return _PASSWORD_IN_URL.sub(_mask_match, text)


def _mask_match(match: re.Match[str]) -> str:
    """The group that matched says what follows, and stays."""
    return f"{match[match.lastindex or 0]}{MASK}"


def _forms(value: str) -> Iterator[str]:
    """The ways in which a value is written."""
    yield value
    for safe in _LEFT_AS_IN_URLS:
        yield quote(value, safe=safe, errors="replace")
        yield quote_plus(value, safe=safe, errors="replace")
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield from _in_base64(value.encode(errors="replace"))


def _in_base64(value: bytes) -> Iterator[str]:
    """The characters that the value alone decides, at each of the three places it may have.

    In `user:password`, for example, the password may begin at any of them.
    """
    for before in range(3):
        coded = b64encode(bytes(before) + value).decode()
        first = (before * 8 + 5) // 6
        end = (before + len(value)) * 8 // 6
        yield coded[first:end]
        yield coded[first:end].replace("+", "-").replace("/", "_")


def _spans(text: str, needles: Iterable[str]) -> Iterator[tuple[int, int]]:
    for needle in needles:
        at = text.find(needle)
        while at >= 0:
            yield at, at + len(needle)
            at = text.find(needle, at + 1)


def _masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with the spans masked, those that overlap as one: no rest of a secret stays."""
    kept: list[str] = []
    after = 0
    for start, end in sorted(spans):
        if start >= after or not kept:
            kept.append(text[after:start])
        after = max(after, end)
    return MASK.join([*kept, text[after:]])
