"""Nothing is imported that a command or a configuration does not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def imported(program: str) -> set[str]:
    """The top-level modules that a program ends up with."""
    script = f"{program}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("program", "unwanted"),
    [
        pytest.param(
            "import agent.cli.status",
            {"aiohttp", "apscheduler", "kiteconnect", "watchfiles", "sqlite3", "plugins"},
            id="asking for the status",
        ),
        pytest.param(
            "from pathlib import Path; from agent.config.loading import load; load(Path('agent.toml'))",
            {"aiohttp", "apscheduler", "kiteconnect", "twisted", "aiosmtplib", "watchfiles", "pandas"},
            id="checking the shipped file",
        ),
        pytest.param(
            "import agent.cli.run, agent.runtime.agent, agent.web.server",
            {
                "kiteconnect",
                "twisted",
                "autobahn",
                "requests",
                "aiosmtplib",
                "watchfiles",
                "opentelemetry",
                "pandas",
                "plugins",
            },
            id="the agent without its machines",
        ),
        pytest.param(
            "import agent.api", {"aiohttp", "apscheduler", "sqlite3", "plugins"}, id="a plugin's door"
        ),
    ],
)
def test_what_is_not_used_is_not_imported(program, unwanted) -> None:
    assert imported(program) & unwanted == set()


def test_the_description_of_the_api_is_not_made_before_it_is_asked_for() -> None:
    program = "import agent.web.server, sys; print('agent.web.openapi' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "False"


def test_an_agent_that_shares_nothing_loads_nothing_of_what_agents_share() -> None:
    program = "import agent.cli.run, agent.runtime.agent, agent.web.server"
    assert "psycopg" not in imported(program)
    inner = f"{program}\nimport sys\nprint([n for n in sys.modules if 'postgres' in n or 'sharing' in n])"
    done = subprocess.run(
        [sys.executable, "-c", inner], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
