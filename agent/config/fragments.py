"""The files that make up a configuration: `agent.toml`, then `agent.d/*.toml` by name."""

from __future__ import annotations

import hashlib
from pathlib import Path

from agent.errors import ConfigError


def fragments(path: Path) -> list[Path]:
    """The files beside `agent.toml` that are merged into it, in order: those of `agent.d`.

    Hidden ones are an editor's. Raises `ConfigError` where the folder cannot be looked into.
    """
    folder = path.with_suffix(".d")
    try:
        found = [one for one in folder.iterdir() if one.suffix == ".toml" and not one.name.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(
            f"{folder}: it cannot be looked into ({error.strerror}); "
            "make it a folder that this user may read, or take it away"
        ) from error
    return sorted(found)


def fingerprint(path: Path) -> str:
    """What all files of the configuration say now, in one short text; another one when one changes."""
    seen = hashlib.blake2b(digest_size=16)
    try:
        files = [path, *fragments(path)]
    except ConfigError as error:
        files = [path]
        seen.update(str(error).encode())
    for file in files:
        seen.update(f"\0{file}\0".encode())
        try:
            seen.update(file.read_bytes() if file.is_file() else b"\0none")
        except OSError as error:
            seen.update(f"\0{error.strerror}".encode())
    return seen.hexdigest()
