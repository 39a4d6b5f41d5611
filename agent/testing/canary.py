"""A secret that is no secret, and an ear for it in all that a plugin says."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import get_args

from pydantic import BaseModel, SecretStr

CANARY = "c4n4ryM4yN0tB3S33n"
"""Put it where a secret goes: letters and digits only, so that it fits most."""


class Ear(logging.Handler):
    """Hears every line of every log, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def listening() -> Iterator[Ear]:
    """Hear all logs at their most talkative, for as long as the block lasts."""
    ear, root = Ear(), logging.getLogger()
    level = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        yield ear
    finally:
        root.setLevel(level)
        root.removeHandler(ear)


def words_of(error: BaseException) -> str:
    """All that a log or a page could show of an error: its text, its repr, and those of its causes."""
    return "\n".join([repr(error), *traceback.format_exception(error)])


def find_leaks(texts: Iterable[str], secrets: Iterable[str] = (CANARY,)) -> list[str]:
    """Each text in which a secret stands, cut around it, with the secret struck out."""
    found = []
    for text in texts:
        for secret in secrets:
            if secret and secret in text:
                at = text.index(secret)
                around = text[max(0, at - 60) : at + len(secret) + 20]
                found.append(around.replace(secret, "<the secret>").strip())
    return found


def holds_secret(model: type[BaseModel]) -> bool:
    """Whether a table of settings has a place for a secret."""
    return any(_has_secret(field.annotation) for field in model.model_fields.values())


def secrets_in(settings: BaseModel) -> list[str]:
    """The secrets that these settings have, at any depth."""
    found: list[str] = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            found.append(value.get_secret_value())
        elif isinstance(value, BaseModel):
            found += secrets_in(value)
    return found


def _has_secret(annotation: object) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, SecretStr) or (
            issubclass(annotation, BaseModel) and holds_secret(annotation)
        )
    return any(_has_secret(part) for part in get_args(annotation))
