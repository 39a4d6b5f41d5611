"""Reads `agent.toml`, and what its folder `agent.d` adds, into plain values, or says why not."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agent.config.files import TextFile, UnreadableError, read_text
from agent.config.fragments import fragments
from agent.config.merging import merge
from agent.config.positions import KeyPath, Positions, TooDeepError, place, positions
from agent.config.secrets import CONTROL, is_secret
from agent.errors import ConfigError

LARGEST = 1024 * 1024
"""The most bytes that `agent.toml` may have."""

_AT = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
_REMEDIES = (
    ("Cannot overwrite a value", "the key is given twice, or as two things; keep one"),
    ("Cannot mutate", "the table is already complete; put its keys in one place"),
    ("Cannot declare", "the table is given twice; put its keys under one header"),
    ("Duplicate inline table key", "keep one"),
    ("Expected '='", 'write `key = "value"`; a comment begins with #'),
    ("Invalid value", 'write text in quotes: `key = "value"`'),
    ("Invalid statement", 'expected `key = "value"` or a `[table]`'),
    ("Unescaped", "write \\\\ for a backslash, or the text in single quotes"),
    ("Illegal character", "remove it, or close the quotes before the line ends"),
    ("Unclosed array", "close it with ]"),
    ("Unterminated string", "close its quotes"),
)


@dataclass(frozen=True, slots=True)
class Document:
    """What the configuration says, unchecked: references to secrets still stand as written.

    `path` is `agent.toml`; the positions know what stands in another file. `insecure` holds one
    line for each secret that others than the file's owner can read.
    """

    path: Path
    values: dict[str, object] = field(repr=False)
    positions: Positions = field(default_factory=Positions, repr=False)
    insecure: tuple[str, ...] = field(default=(), repr=False)


def read(path: Path) -> Document:
    """Read `agent.toml` and its fragments, in order, as one document.

    Raises `ConfigError`, one problem a line: `agent.toml:14: found; remedy`.
    """
    problems: list[str] = []
    documents: list[Document] = []
    for file in _files(path, problems):
        try:
            documents.append(_read_one(file))
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return _merged(documents)


def _files(path: Path, problems: list[str]) -> Iterator[Path]:
    yield path
    try:
        yield from fragments(path)
    except ConfigError as error:
        problems.append(str(error))


def _merged(documents: list[Document]) -> Document:
    first, *others = documents
    for one in others:
        values, found, doubles = merge(first.values, first.positions, one.values, one.positions, one.path)
        if doubles:
            lines = (
                f"{place(one.path, one.positions, path)}: {fault}; it stands already at "
                f"{place(first.path, first.positions, path).partition(': ')[0]}; keep one"
                for path, fault in doubles
            )
            raise ConfigError("\n".join(lines))
        first = Document(first.path, values, found, (*first.insecure, *one.insecure))
    return first


def _read_one(path: Path) -> Document:
    try:
        file = read_text(path, at_most=LARGEST)
        document = Document(path, *_parse(file.text))
    except UnreadableError as error:
        where = path if error.line is None else f"{path}:{error.line}"
        raise ConfigError(f"{where}: {error}") from error
    problems = list(_problems(document))
    if problems:
        raise ConfigError("\n".join(problems))
    return Document(path, document.values, document.positions, tuple(_open_secrets(file, document)))


def leaves(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Every value that is neither table nor array, with its key path, in the order written."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path, value


def _parse(text: str) -> tuple[dict[str, object], Positions]:
    """Positions come first: what nests too deep for them is not left to the parser's stack."""
    try:
        found = positions(text)
        return tomllib.loads(text), found
    except TooDeepError as error:
        raise UnreadableError(f"{error}; expected a flatter file", error.line) from error
    except tomllib.TOMLDecodeError as error:
        raise UnreadableError(*_syntax(str(error), text)) from error
    except (ValueError, RecursionError) as error:  # such as an integer of 5,000 digits
        raise UnreadableError(f"it cannot be understood: {error}; expected TOML") from error


def _syntax(message: str, text: str) -> tuple[str, int]:
    """The parser's message as finding and remedy, and its line."""
    at = _AT.search(message)
    line = int(at["line"]) if at and at["line"] else text.rstrip("\n").count("\n") + 1
    finding = message[: at.start()] if at else message
    remedy = next((remedy for start, remedy in _REMEDIES if finding.startswith(start)), "expected TOML")
    return f"{finding[:1].lower()}{finding[1:200]}; {remedy}", line


def _problems(document: Document) -> Iterator[str]:
    for path, value in leaves(document.values):
        for finding in (_key_finding(path), _value_finding(value)):
            if finding:
                yield f"{place(document.path, document.positions, path)}: {finding}"


def _key_finding(path: KeyPath) -> str:
    strange = any(isinstance(part, str) and (not part or CONTROL.search(part)) for part in path)
    return "a key that is empty or has control characters; expected a plain name" if strange else ""


def _value_finding(value: object) -> str:
    if isinstance(value, str) and CONTROL.search(value):
        return "a control character in the text; remove it"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a finite number; write one"
    if isinstance(value, datetime) and value.tzinfo is None:
        return f"{value.isoformat()} has no zone; add one, such as {value.isoformat()}+05:30"
    return ""


def _open_secrets(file: TextFile, document: Document) -> Iterator[str]:
    if not file.is_open_to_others:
        return
    for path, value in leaves(document.values):
        if isinstance(value, str) and is_secret(path, value):
            yield (
                f"{place(document.path, document.positions, path)}: a secret in a file that others can read; "
                f"run `chmod 600 {document.path}`, or write ${{ENV_NAME}} or ${{file:PATH}}"
            )
