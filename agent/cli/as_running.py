"""What a running agent says of its plugins, laid over what can be seen without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from agent.cli.reach import reach
from agent.errors import AgentError
from agent.registry import Installed

TIMEOUT_S = 2.0
TOLD = ("failing", "quarantined")


def as_running(plugins: Mapping[str, Installed], config: Path, url: str | None) -> dict[str, Installed]:
    """The plugins as listed, and those that fail in a running agent as it says; none need run."""
    try:
        document = reach(config, url).ask("/api/system/health", timeout_s=TIMEOUT_S).json
        told = {one["name"]: one for one in document["agent"]["plugins"] if one["state"] in TOLD}
    except (AgentError, KeyError, TypeError):
        return dict(plugins)
    return {
        name: replace(one, state=told[name]["state"], error=told[name]["error"]) if name in told else one
        for name, one in plugins.items()
    }
