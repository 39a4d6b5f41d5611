"""A first look into `agent.toml`: which third-party plugins it names, and nothing else."""

from __future__ import annotations

import tomllib
from pathlib import Path


def enabled_plugins(path: Path) -> list[str]:
    """The names under `[plugins] enable`; none where the file is missing or cannot be read.

    For finding commands only: whoever runs the file reads it whole, with all complaints.
    """
    try:
        named = tomllib.loads(path.read_text(encoding="utf-8")).get("plugins", {}).get("enable", [])
    except (OSError, ValueError, AttributeError):
        return []
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
