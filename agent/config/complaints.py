"""Pure: what pydantic found wrong, as lines that name place, finding and remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agent.config.positions import KeyPath, dotted, place
from agent.config.reading import Document, leaves
from agent.config.secrets import looks_secret
from agent.settings import format_duration

FEW = 12
"""How many known names are worth listing."""

_LONGEST = 60
_TIMEDELTA = re.compile(r"(days|seconds|microseconds)=(\d+)")
_KEY_MARK = "[key]"
_ABSENT = object()
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


def complain(
    error: ValidationError, document: Document, prefix: KeyPath, *models: type[BaseModel]
) -> list[str]:
    """A line for each value at fault: `agent.toml:14: machines.feed.every = 5: expected …`.

    `prefix` is where the table stands that was checked. `models` are all that read it: their
    keys are what an unknown key is compared with. What is shown is what the file says, never
    what a reference in it stood for.
    """
    texts: dict[tuple[KeyPath, str], list[str]] = {}
    for found in error.errors(include_url=False):
        where, shown, text = _complaint(found, document, prefix, models)
        texts.setdefault((where, shown), []).append(text)
    in_order = sorted(texts, key=lambda one: document.positions.line(one[0]))
    return [
        f"{place(document.path, document.positions, where)}{shown}: {_either(texts[where, shown])}"
        for where, shown in in_order
    ]


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


def _complaint(
    found: ErrorDetails, document: Document, prefix: KeyPath, models: Sequence[type[BaseModel]]
) -> tuple[KeyPath, str, str]:
    """Where, what stands there as ` = "5"`, and what would do."""
    kind, loc = found["type"], found["loc"]
    where, value = _locate(document.values, (*prefix, *loc), is_missing=kind == "missing")
    if kind == "missing":
        return where, "", f"missing; write it {_into(where)}"
    if kind == "extra_forbidden":
        known = set(_known(models, loc))
        remedy = suggest(str(loc[-1]), known) if known else "remove it, or correct its spelling"
        return where, "", f"unknown key; {remedy}"
    if loc[-1:] == (_KEY_MARK,):
        return where, "", f"the name itself: {_remedy(found, None)}"
    text = _scrubbed(_remedy(found, value), found["input"], where, document)
    return where, _shown(where, value), text


def _locate(values: object, loc: KeyPath, *, is_missing: bool) -> tuple[KeyPath, object]:
    """The path in the file of an error's location, which may name union members besides keys."""
    where: KeyPath = ()
    for number, part in enumerate(loc):
        below = _below(values, part)
        if below is not _ABSENT or (is_missing and number == len(loc) - 1):
            values, where = below, (*where, part)
    return where, values


def _below(value: object, part: str | int) -> object:
    try:
        return value[part] if isinstance(value, dict | list) else _ABSENT  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return _ABSENT


def _into(where: KeyPath) -> str:
    table = where[:-1]
    if not table:
        return "at the top of the file"
    name = dotted(tuple(part for part in table if isinstance(part, str)))
    return f"into [[{name}]]" if isinstance(table[-1], int) else f"into [{name}]"


def _remedy(found: ErrorDetails, value: object) -> str:
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


def _shown(where: KeyPath, value: object) -> str:
    """What the file says, short, on one line, and without what is to be kept from sight."""
    if value is _ABSENT or isinstance(value, dict | list):
        return ""
    if looks_secret(where, value):
        return " = (hidden)"
    if isinstance(value, bool):
        return f" = {json.dumps(value)}"
    if not isinstance(value, str):
        return f" = {str(value)[:_LONGEST]}"
    cut = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    return f" = {json.dumps(cut, ensure_ascii=not cut.isprintable())}"


def _scrubbed(text: str, value: object, where: KeyPath, document: Document) -> str:
    """A validator's own text without the secrets that it may have quoted."""
    written = dict(leaves(document.values))
    for path, inner in leaves(value, where):
        is_hidden = looks_secret(path, inner) or written.get(path, inner) != inner
        if is_hidden and isinstance(inner, str) and inner:
            text = text.replace(inner, "(hidden)")
    return text


def _known(models: Sequence[type[BaseModel]], loc: KeyPath) -> Iterator[str]:
    """The keys of the table in which `loc` stands."""
    tables = list(models)
    for part in loc[:-1]:
        below = [
            model
            for table in tables
            for key, annotation in _keys(table)
            if key == part
            for model in _models_in(annotation)
        ]
        tables = below or tables
    for table in tables:
        yield from (key for key, _ in _keys(table))


def _keys(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, settings in model.model_fields.items():
        yield settings.alias or name, settings.annotation


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _either(texts: Sequence[str]) -> str:
    """The complaints about one value as one: the members of a union each have their own."""
    different = list(dict.fromkeys(texts))
    first, *rest = different
    return " or ".join([first, *(text.removeprefix("expected ") for text in rest)])
