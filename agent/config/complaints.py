"""Pure: what pydantic found wrong, as lines that name place, finding and remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from agent.config.positions import KeyPath, dotted, place
from agent.config.reading import Document, leaves
from agent.config.secrets import looks_secret
from agent.config.wording import remedy, suggest

__all__ = ["Missing", "complain", "suggest"]

_LONGEST = 60
_KEY_MARK = "[key]"
_ABSENT = object()
_HIDDEN = "(hidden)"


class Missing(str):
    """A complaint about a name that is not there, and that a plugin may bring."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Table:
    """The table that was checked: where it stands, and all models that read it."""

    document: Document
    prefix: KeyPath
    models: tuple[type[BaseModel], ...]

    def known(self, loc: KeyPath) -> set[str]:
        """The keys that the table in which `loc` stands may have."""
        return {key for model in self._models_at(loc) for key, _ in _keys(model)}

    def hides(self, where: KeyPath, value: object) -> bool:
        """Whether a value must not be shown: by its key, its look, or its type."""
        loc = where[len(self.prefix) :]
        return looks_secret(where, value) or any(
            kind in (SecretStr, SecretBytes)
            for length in range(1, len(loc) + 1)
            for annotation in self._annotations(loc[:length])
            for kind in _types_in(annotation)
        )

    def _models_at(self, loc: KeyPath) -> Sequence[type[BaseModel]]:
        models: Sequence[type[BaseModel]] = self.models
        for part in loc[:-1]:
            below = [
                kind
                for model in models
                for key, annotation in _keys(model)
                if key == part
                for kind in _types_in(annotation)
                if issubclass(kind, BaseModel)
            ]
            models = below or models
        return models

    def _annotations(self, loc: KeyPath) -> Iterator[Any]:
        for model in self._models_at(loc):
            yield from (annotation for key, annotation in _keys(model) if key == loc[-1])


def complain(
    error: ValidationError, document: Document, prefix: KeyPath, *models: type[BaseModel]
) -> list[str]:
    """A line for each value at fault: `agent.toml:14: machines.feed.every = 5: expected …`.

    `prefix` is where the table stands that was checked. `models` are all that read it: their
    keys are what an unknown key is compared with. What is shown is what the file says, never
    what a reference in it stood for.
    """
    table = _Table(document, prefix, models)
    texts: dict[tuple[KeyPath, str], list[str]] = {}
    for fault in error.errors(include_url=False):
        where, shown, text = _complaint(fault, table)
        texts.setdefault((where, shown), []).append(text)
    found = document.positions
    in_order = sorted(texts, key=lambda one: (str(found.file(one[0]) or ""), found.line(one[0])))
    return [
        f"{place(document.path, found, where)}{shown}: {_either(texts[where, shown])}"
        for where, shown in in_order
    ]


def _complaint(found: ErrorDetails, table: _Table) -> tuple[KeyPath, str, str]:
    """Where, what stands there as ` = "5"`, and what would do."""
    kind, loc = found["type"], found["loc"]
    where, value = _locate(table.document.values, (*table.prefix, *loc), is_missing=kind == "missing")
    if kind == "missing":
        return where, "", f"missing; write it {_into(where)}"
    if kind == "extra_forbidden":
        known = table.known(loc)
        would_do = suggest(str(loc[-1]), known) if known else "remove it, or correct its spelling"
        return where, "", f"unknown key; {would_do}"
    if loc[-1:] == (_KEY_MARK,):
        return where, "", f"the name itself: {remedy(found, None)}"
    return where, _shown(where, value, table), _scrubbed(remedy(found, value), found["input"], where, table)


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


def _shown(where: KeyPath, value: object, table: _Table) -> str:
    """What the file says, short, on one line, and without what is to be kept from sight."""
    if value is _ABSENT or isinstance(value, dict | list):
        return ""
    if table.hides(where, value):
        return f" = {_HIDDEN}"
    if isinstance(value, bool):
        return f" = {json.dumps(value)}"
    if not isinstance(value, str):
        return f" = {str(value)[:_LONGEST]}"
    cut = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    return f" = {json.dumps(cut, ensure_ascii=not cut.isprintable())}"


def _scrubbed(text: str, value: object, where: KeyPath, table: _Table) -> str:
    """A validator's own text without the secrets that it may have quoted."""
    written = dict(leaves(table.document.values))
    for path, inner in leaves(value, where):
        is_hidden = table.hides(path, inner) or written.get(path, inner) != inner
        if is_hidden and isinstance(inner, str) and inner:
            text = text.replace(inner, _HIDDEN).replace(repr(inner)[1:-1], _HIDDEN)
    return text


def _keys(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, settings in model.model_fields.items():
        yield settings.alias or name, settings.annotation


def _types_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for inner in get_args(annotation):
        yield from _types_in(inner)


def _either(texts: Sequence[str]) -> str:
    """The complaints about one value as one: the members of a union each have their own."""
    different = list(dict.fromkeys(texts))
    first, *rest = different
    return " or ".join([first, *(text.removeprefix("expected ") for text in rest)])
