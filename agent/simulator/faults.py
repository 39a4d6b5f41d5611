"""What can be broken on purpose, and what each fault lets be said about itself.

Control bodies become frozen values here; a body that means nothing becomes one `ValueError` that says
what would be understood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from agent.simulator.instruments import HIGHEST_TOKEN

MOST_SECONDS: Final = 86_400.0


class Parameter(NamedTuple):
    """One parameter of a fault: what it is unless said, what it may be, and the check for that."""

    default: Any
    allows: str
    check: Callable[[Any], bool]


class FeedFault(StrEnum):
    """How the stream can fail."""

    STALL = "stall"
    MUTE = "mute"
    PARTIAL = "partial"
    LAG = "lag"
    FROZEN = "frozen"
    DROP = "drop"
    REFUSE = "refuse"
    HALF_OPEN = "half-open"
    MALFORMED = "malformed"


class RestFault(StrEnum):
    """How REST can fail."""

    SLOW = "slow"
    ERROR = "error"
    RATE_LIMIT = "rate-limit"
    GARBAGE = "garbage"
    FORBIDDEN = "forbidden"
    DROP = "drop"


class Breakage(StrEnum):
    """How a frame can be malformed."""

    TRUNCATED = "truncated"
    COUNT = "count"
    LENGTH = "length"
    GARBAGE = "garbage"
    EMPTY = "empty"
    TEXT = "text"


class Garbage(StrEnum):
    """How an answer can be nonsense."""

    HTML = "html"
    JSON = "json"
    SHAPE = "shape"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in force, every parameter filled in, and the Unix second since when."""

    kind: FeedFault | RestFault
    parameters: Mapping[str, Any]
    since: int

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]

    def describe(self) -> dict[str, object]:
        return {"fault": self.kind, **self.parameters, "since": self.since}


def _is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _whole(default: int, least: int, most: int) -> Parameter:
    return Parameter(
        default,
        f"a whole number from {least} to {most}",
        lambda value: isinstance(value, int) and _is_number(value, least, most),
    )


def _one_of(default: Any, *allowed: Any) -> Parameter:
    return Parameter(
        default,
        f"one of {', '.join(map(repr, allowed))}",
        lambda value: not isinstance(value, bool) and value in allowed,
    )


def _kind(kinds: type[StrEnum], default: StrEnum | None) -> Parameter:
    names = [kind.value for kind in kinds]
    allows = f"one of {', '.join(map(repr, names))}" + (
        " or null for each in turn" if default is None else ""
    )
    return Parameter(default, allows, lambda value: value in names or (value is None and default is None))


def _seconds(default: float) -> Parameter:
    return Parameter(default, "seconds from 0 to 86400", lambda value: _is_number(value, 0, MOST_SECONDS))


def _flag(*, default: bool) -> Parameter:
    return Parameter(default, "true or false", lambda value: isinstance(value, bool))


def _text(default: str) -> Parameter:
    return Parameter(
        default,
        "a text of at most 200 characters",
        lambda value: isinstance(value, str) and len(value) <= 200,
    )


def _are_tokens(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= 3_000
        and all(isinstance(token, int) and _is_number(token, 1, HIGHEST_TOKEN) for token in value)
    )


_REST_COMMON: Final = {"path": _text("/"), "times": _whole(0, 0, 1_000_000)}

FEED_FAULTS: Final[Mapping[FeedFault, Mapping[str, Parameter]]] = {
    FeedFault.STALL: {"new": _flag(default=True)},
    FeedFault.MUTE: {"new": _flag(default=True)},
    FeedFault.PARTIAL: {"tokens": Parameter([738561], "a list of instrument tokens", _are_tokens)},
    FeedFault.LAG: {"seconds": _seconds(60)},
    FeedFault.FROZEN: {},
    FeedFault.DROP: {
        "code": _one_of(1001, 1000, 1001, 1008, 1011, 1012, 1013),
        "abort": _flag(default=False),
    },
    FeedFault.REFUSE: {"status": _one_of(403, 403, 429, 500, 502, 503)},
    FeedFault.HALF_OPEN: {"new": _flag(default=False)},
    FeedFault.MALFORMED: {"kind": _kind(Breakage, None)},
}

REST_FAULTS: Final[Mapping[RestFault, Mapping[str, Parameter]]] = {
    RestFault.SLOW: {"seconds": _seconds(10), **_REST_COMMON},
    RestFault.ERROR: {
        "status": _one_of(500, 400, 500, 502, 503, 504),
        "error_type": _text("GeneralException"),
        "message": _text("Something went wrong. Please try again later."),
        **_REST_COMMON,
    },
    RestFault.RATE_LIMIT: {"retry_after": _whole(1, 0, 3_600), **_REST_COMMON},
    RestFault.GARBAGE: {"kind": _kind(Garbage, Garbage.HTML), **_REST_COMMON},
    RestFault.FORBIDDEN: {
        "error_type": _text("PermissionException"),
        "message": _text("Insufficient permission for that call."),
        **_REST_COMMON,
    },
    RestFault.DROP: {**_REST_COMMON},
}


def parse_feed(body: object, now: int) -> Fault | None:
    return _parse(FeedFault, FEED_FAULTS, body, now)


def parse_rest(body: object, now: int) -> Fault | None:
    return _parse(RestFault, REST_FAULTS, body, now)


def _parse(
    kinds: type[FeedFault] | type[RestFault],
    table: Mapping[Any, Mapping[str, Parameter]],
    body: object,
    now: int,
) -> Fault | None:
    if not isinstance(body, dict) or "fault" not in body:
        raise ValueError('expected an object with "fault"')
    name = body["fault"]
    if name is None:
        return None
    if not isinstance(name, str) or name not in {kind.value for kind in kinds}:
        raise ValueError(f'"fault": {shown(name)} is not among those allowed')
    kind = kinds(name)
    given = {key: value for key, value in body.items() if key != "fault"}
    return Fault(kind, _filled(name, table[kind], given), now)


def _filled(name: str, allowed: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in given.items():
        if key not in allowed:
            raise ValueError(f'{name}: "{shown(key)}" is no parameter of it')
        if not allowed[key].check(value):
            raise ValueError(f'{name}: "{key}": expected {allowed[key].allows}, found {shown(value)}')
    return {key: given.get(key, parameter.default) for key, parameter in allowed.items()}


def shown(value: object) -> str:
    """What was found, cut to a length that fits a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def explain(table: Mapping[Any, Mapping[str, Parameter]]) -> dict[str, object]:
    """The whole of a table as a control answer says what is allowed; `null` clears."""
    return {
        kind.value: {name: f"{p.allows}; {p.default!r} unless given" for name, p in parameters.items()}
        for kind, parameters in table.items()
    }
