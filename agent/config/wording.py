"""Pure: what would do instead of a wrong value or name, in plain words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches

from pydantic_core import ErrorDetails

from agent.settings import format_duration

FEW = 20
"""How many known names are worth listing."""

_TIMEDELTA = re.compile(r"(days|seconds|microseconds)=(\d+)")
_EXPECTED = {
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "list_type": 'a list, as in ["one", "two"]',
    "tuple_type": 'a list, as in ["one", "two"]',
    "set_type": 'a list, as in ["one", "two"]',
    "frozen_set_type": 'a list, as in ["one", "two"]',
    "dict_type": "a table",
    "mapping_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dataclass_type": "a table",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "text of length {min_length} or more",
    "string_too_long": "text of length {max_length} or less",
    "string_pattern_mismatch": "text that matches {pattern}",
    "too_short": "{min_length} entries or more",
    "too_long": "{max_length} entries or less",
    "url_type": 'a URL such as "https://example.com/"',
    "url_parsing": 'a URL such as "https://example.com/"',
    "url_scheme": "a URL that begins with {expected_schemes}",
    "date_type": "a date such as 2026-11-24",
    "date_parsing": "a date such as 2026-11-24",
    "date_from_datetime_parsing": "a date such as 2026-11-24",
    "time_type": "a time of day such as 09:15:00",
    "time_parsing": "a time of day such as 09:15:00",
    "datetime_type": "an instant such as 2026-11-24T09:15:00+05:30",
    "datetime_parsing": "an instant such as 2026-11-24T09:15:00+05:30",
    "timezone_aware": "an instant with its zone, such as 2026-11-24T09:15:00+05:30",
    "path_type": "the path of a file, in quotes",
}
_CHOICES = {"literal_error": "expected", "enum": "expected", "union_tag_invalid": "expected_tags"}


def suggest(word: str, known: Iterable[str]) -> str:
    """What would do instead of `word`: the nearest known name, or else the names there are."""
    names = sorted(set(known))
    if not names:
        return "none is known here"
    folded = {name.casefold(): name for name in reversed(names)}
    if near := get_close_matches(word.casefold(), folded, n=1, cutoff=0.6):
        return f"did you mean `{folded[near[0]]}`?"
    if len(names) <= FEW:
        return f"known: {', '.join(names)}"
    nearest = get_close_matches(word.casefold(), folded, n=3, cutoff=0)
    return f"known are {len(names)}, such as {', '.join(sorted(folded[name] for name in nearest))}"


def remedy(found: ErrorDetails, value: object) -> str:
    """What would do instead of `value`, of which pydantic found a fault."""
    kind, context = found["type"], found.get("ctx", {})
    if kind in ("value_error", "assertion_error") and "error" in context:
        return str(context["error"])
    if kind in _CHOICES:
        names = re.findall(r"'([^']*)'", str(context[_CHOICES[kind]]))
        listed = ", ".join(map(json.dumps, names)) or str(context[_CHOICES[kind]])
        near = suggest(value, names) if isinstance(value, str) and names else ""
        return f"expected one of {listed}" + (f"; {near}" if near.startswith("did") else "")
    if kind in _EXPECTED:
        words = {name: _word(limit) for name, limit in context.items()}
        return f"expected {_EXPECTED[kind].format(**words)}"
    return found["msg"].replace("Input should be", "expected").replace("Value error, ", "")


def _word(limit: object) -> str:
    """A limit as the file writes it; pydantic hands over that of a duration as its `repr`."""
    text = str(limit)
    if not text.startswith("datetime.timedelta("):
        return text
    parts = {unit: int(count) for unit, count in _TIMEDELTA.findall(text)}
    return f'"{format_duration(timedelta(**parts))}"'
