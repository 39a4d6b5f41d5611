"""Where credentials come from: small readers and writers of one value, all alike from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.config import envfile
from agent.config.credential_text import FormatError, checked
from agent.config.credentials import (
    CredentialSettings,
    EnvFileSettings,
    EnvironmentSettings,
    FileSettings,
    JsonSettings,
    SystemdSettings,
)
from agent.runtime.credentials import jsonfile, wholefile
from agent.runtime.credentials.files import SourceError, exposure, read_file, rewrite_file

SYSTEMD_FOLDER = "CREDENTIALS_DIRECTORY"


class Source(Protocol):
    """One place of one value. Its calls may block; they run in a thread."""

    @property
    def watched(self) -> Path | None:
        """The file whose changes matter; `None` where nothing changes."""
        ...

    def read(self) -> str | None:
        """The value; `None` if there is none. Raises `SourceError`."""
        ...

    def write(self, value: str) -> None:
        """Put the value there. Raises `SourceError`."""
        ...

    def exposure(self) -> str | None:
        """Why others than the agent's user can read it, for people."""
        ...


@dataclass(frozen=True, slots=True)
class FileSource:
    """A value in a file, whatever the file's format."""

    path: Path
    find: Callable[[bytes], str | None]
    change: Callable[[bytes, str], bytes]

    @property
    def watched(self) -> Path | None:
        return self.path

    def read(self) -> str | None:
        content = read_file(self.path)
        if content is None:
            return None
        try:
            return self.find(content)
        except FormatError as error:
            raise SourceError(f"{self.path}: {error}") from None

    def write(self, value: str) -> None:
        try:
            rewrite_file(self.path, lambda content: self.change(content, value))
        except FormatError as error:
            raise SourceError(f"{self.path}: {error}; nothing was written") from None

    def exposure(self) -> str | None:
        return exposure(self.path)


@dataclass(frozen=True, slots=True)
class EnvironmentSource:
    """A variable of the agent's own environment."""

    variable: str
    environment: Mapping[str, str]

    @property
    def watched(self) -> Path | None:
        return None

    def read(self) -> str | None:
        try:
            return checked(self.environment.get(self.variable, "").strip())
        except FormatError:
            raise SourceError(f"environment variable {self.variable}: not a token") from None

    def write(self, value: str) -> None:
        raise SourceError(f"environment variable {self.variable}: cannot be written; use a file to keep it")

    def exposure(self) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class SystemdSource:
    """A file in the folder that systemd has put the service's credentials into."""

    key: str
    environment: Mapping[str, str]

    @property
    def watched(self) -> Path | None:
        return None

    def read(self) -> str | None:
        folder = self.environment.get(SYSTEMD_FOLDER)
        if not folder:
            raise SourceError(
                f"systemd credential {self.key}: {SYSTEMD_FOLDER} is not set; "
                f"start the agent by a unit with LoadCredential={self.key}:PATH"
            )
        path = Path(folder) / self.key
        return FileSource(path, wholefile.read, wholefile.write).read()

    def write(self, value: str) -> None:
        raise SourceError(f"systemd credential {self.key}: cannot be written; use a file to keep it")

    def exposure(self) -> str | None:
        return None


def open_source(settings: CredentialSettings, folder: Path, environment: Mapping[str, str]) -> Source:
    """The source that a table names; relative paths count from `folder`."""
    match settings:
        case EnvFileSettings(path=path, key=key):
            return _keyed(_placed(folder, path), envfile.read, envfile.write, key)
        case JsonSettings(path=path, key=key):
            return _keyed(_placed(folder, path), jsonfile.read, jsonfile.write, key)
        case FileSettings(path=path):
            return FileSource(_placed(folder, path), wholefile.read, wholefile.write)
        case EnvironmentSettings(variable=variable):
            return EnvironmentSource(variable, environment)
        case SystemdSettings(key=key):
            return SystemdSource(key, environment)


def _placed(folder: Path, path: str) -> Path:
    return folder.absolute() / Path(path).expanduser()


def _keyed(
    path: Path,
    find: Callable[[bytes, str], str | None],
    change: Callable[[bytes, str, str], bytes],
    key: str,
) -> FileSource:
    return FileSource(
        path,
        lambda content: find(content, key),
        lambda content, value: change(content, key, value),
    )
