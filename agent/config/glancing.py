"""A glance at a configuration, for commands that need a word of it: no checks and no complaints."""

from __future__ import annotations

import tomllib
from pathlib import Path

from agent.config.fragments import fragments
from agent.config.merging import merge
from agent.config.positions import Positions
from agent.errors import ConfigError

_NOWHERE = Positions()


def glance(path: Path) -> dict[str, object]:
    """What the files say that can be read; nothing where none can.

    Whoever runs the configuration reads it whole, with all complaints.
    """
    values: dict[str, object] = {}
    try:
        files = [path, *fragments(path)]
    except ConfigError:
        files = [path]
    for file in files:
        try:
            more = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        values, _, _ = merge(values, _NOWHERE, more, _NOWHERE, file)
    return values


def enabled_plugins(path: Path) -> list[str]:
    """The third-party plugins under `[plugins] enable`."""
    table = glance(path).get("plugins")
    named = table.get("enable") if isinstance(table, dict) else None
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
