"""What a client may ask of the stream: `subscribe`, `unsubscribe`, `mode`; anything else is no command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from agent.simulator.instruments import HIGHEST_TOKEN
from agent.simulator.packets import Mode


class Verb(StrEnum):
    """The `a` of a request."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    MODE = "mode"


@dataclass(frozen=True, slots=True)
class Command:
    """One understood request; `mode` belongs to `Verb.MODE` alone."""

    verb: Verb
    tokens: tuple[int, ...]
    mode: Mode = Mode.QUOTE


def parse(text: str) -> Command | None:
    """The request, or `None`: the broker passes over in silence what it does not understand.

    So it is with tokens that are texts, where a number was meant.
    """
    try:
        request = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(request, dict):
        return None
    match request.get("a"), request.get("v"):
        case ("subscribe" | "unsubscribe") as verb, list() as tokens:
            return Command(Verb(verb), _numbers(tokens))
        case "mode", [("ltp" | "quote" | "full") as mode, list() as tokens]:
            return Command(Verb.MODE, _numbers(tokens), Mode(mode))
        case _:
            return None


def _numbers(tokens: list[object]) -> tuple[int, ...]:
    """Those that are instrument tokens, each once, in the order given."""
    numbers = (token for token in tokens if isinstance(token, int) and not isinstance(token, bool))
    return tuple(dict.fromkeys(number for number in numbers if 0 < number <= HIGHEST_TOKEN))
