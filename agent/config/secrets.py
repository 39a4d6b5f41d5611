"""Replaces `${ENV_NAME}` and `${file:PATH}` by what they stand for, and remembers what that was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.config import envfile
from agent.config.credential_text import FormatError
from agent.config.files import UnreadableError, read_text
from agent.config.positions import KeyPath, Positions, place
from agent.errors import ConfigError

LARGEST = 64 * 1024
"""The most bytes that the file of a secret may have."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters other than tab and newline: no setting has use for them."""

ENV_FILE = ".env"
"""Where a name is looked up that the environment does not have."""

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[^{}]*)\}|\$\{")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_KEY = re.compile(
    r"(?:^|[_-])(?:token|secret|password|passwd|passphrase|private[_-]?key|webhook[_-]url)s?$",
    re.IGNORECASE,
)
"""Not `api_key`: with Kite it is public, and stands in the address of the login page."""

_URL_KEY = re.compile(r"(?:^|_)urls?$")
_URL_WITH_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")


def is_secret(path: KeyPath, text: str) -> bool:
    """Whether the text at `path` is a secret in plain sight, and not a reference to one."""
    return bool(text) and not _REFERENCE.search(text) and looks_secret(path, text)


def looks_secret(path: KeyPath, text: object = "") -> bool:
    """Whether a value is to be kept from sight, by its key, or by the password in its URL.

    The address of a webhook is the permission to post to it, so a notifier's URLs are secret.
    """
    names = [part for part in path if isinstance(part, str)]
    key = names[-1] if names else ""
    return bool(
        _SECRET_KEY.search(key)
        or (names[:1] == ["notifiers"] and any(map(_URL_KEY.search, names[2:])))
        or (isinstance(text, str) and _URL_WITH_PASSWORD.search(text))
    )


def resolve(
    values: Mapping[str, object],
    *,
    environment: Mapping[str, str],
    folder: Path,
    positions: Positions,
    path: Path,
) -> tuple[dict[str, object], frozenset[str]]:
    """The values with all references replaced, and every secret among them.

    A name that the environment does not have may stand in the folder's `.env`. A file's path is
    relative to `folder`; the newline at its end is not part of the secret.
    `$${` stands for the characters themselves. Secrets are all that was referred to, and what
    `is_secret` in plain sight. Raises `ConfigError` with a line for each reference that fails.
    """
    work = _Resolving(environment, folder)
    resolved = {key: work.value(value, (key,)) for key, value in values.items()}
    if work.problems:
        raise ConfigError("\n".join(f"{place(path, positions, key)}: {text}" for key, text in work.problems))
    return resolved, frozenset(work.secrets)


def open_files(values: object, folder: Path) -> Iterator[str]:
    """A line for each file of a secret, referred to by `${file:PATH}`, that others can read."""
    if isinstance(values, dict | list):
        for inner in values.values() if isinstance(values, dict) else values:
            yield from open_files(inner, folder)
    elif isinstance(values, str):
        for found in _REFERENCE.finditer(values):
            if (found["name"] or "").startswith("file:"):
                file = folder / found["name"][5:]
                if read_text(file, at_most=LARGEST).is_open_to_others:
                    yield f"{file}: a secret that others can read; run `chmod 600 {file}`"


@dataclass(slots=True)
class _Resolving:
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    secrets: set[str] = field(default_factory=set, repr=False)
    problems: list[tuple[KeyPath, str]] = field(default_factory=list)

    def value(self, value: object, path: KeyPath) -> object:
        if isinstance(value, dict):
            return {key: self.value(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, (*path, index)) for index, inner in enumerate(value)]
        if not isinstance(value, str):
            return value
        if is_secret(path, value):
            self.secrets.add(value)
        return _REFERENCE.sub(lambda found: self._replace(found, path), value)

    def _replace(self, found: re.Match[str], path: KeyPath) -> str:
        if found.group() == "$${":
            return "${"
        try:
            secret = self._look_up(found["name"])
        except UnreadableError as error:
            self.problems.append((path, str(error)))
            return ""
        self.secrets.add(secret)
        return secret

    def _look_up(self, name: str | None) -> str:
        if name is not None and name.startswith("file:"):
            return _checked(f"the file {name[5:]}", self._file(name[5:]))
        if name is None or not _ENV_NAME.fullmatch(name):
            raise UnreadableError(
                "a ${ that refers to nothing; write ${ENV_NAME} or ${file:PATH}, or $${ for a plain ${"
            )
        if name in self.environment:
            return _checked(f"the environment variable {name}", self.environment[name])
        file = self.folder / ENV_FILE
        stored = _stored(file, name)
        if stored is None:
            raise UnreadableError(
                f"the environment variable {name} is not set; export it, or put it into {file}"
            )
        return _checked(f"{name} in {file}", stored)

    def _file(self, name: str) -> str:
        file = self.folder / name
        try:
            return read_text(file, at_most=LARGEST).text.rstrip("\r\n")
        except UnreadableError as error:
            raise UnreadableError(f"the file {file}: {error}") from error


def _stored(file: Path, name: str) -> str | None:
    """The value of a name in the `.env`; `None` where it has none, or there is no such file."""
    if not file.exists():
        return None
    try:
        return envfile.find(read_text(file, at_most=LARGEST).text.encode(), name)
    except (UnreadableError, FormatError) as error:
        raise UnreadableError(f"the file {file}: {error}") from error


def _checked(what: str, secret: str) -> str:
    if not secret:
        raise UnreadableError(f"{what} is empty; expected a secret")
    if CONTROL.search(secret):
        raise UnreadableError(f"{what} has control characters; expected plain text")
    return secret
