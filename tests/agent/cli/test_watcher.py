"""What `openbell watch` makes of its file, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.watcher import overrides, watch
from agent.config.loading import load
from agent.errors import ConfigError
from agent.settings import parse_duration

NOTIFIER = '[notifiers.hook]\nkind = "webhook"\nurl = "https://hook.example/"\n'
URL = "https://desk.example"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "watch.toml"


def run(*arguments: str) -> str:
    """Runs into an error, and gives its text."""
    with pytest.raises(ConfigError) as caught:
        CliRunner().invoke(watch, [URL, *arguments], catch_exceptions=False)
    return str(caught.value)


def test_the_files_own_machines_and_rules_take_no_part(config: Path) -> None:
    shipped = (Path(__file__).parents[3] / "agent.toml").read_text()
    config.write_text(f"{shipped}\n{NOTIFIER}")
    blueprint = load(config, overrides=overrides(URL, "t0ken", parse_duration("30s")))
    assert [plan.machine.name for plan in blueprint.machines] == ["desk"]
    assert [rule.id for rule in blueprint.rules] == [
        "own-network",
        "agent-silent",
        "machine-unknown",
        "agent-degraded",
        "agent-heard",
    ]
    assert "t0ken" in blueprint.secrets
    assert "t0ken" not in repr(blueprint.machines)


@pytest.mark.parametrize(
    ("after", "every"),
    [
        pytest.param("1s", "500ms", id="no faster than twice a second"),
        pytest.param("10s", "2s", id="five times before it counts"),
        pytest.param("5m", "5s", id="no slower than every five seconds"),
    ],
)
def test_the_agent_is_asked_several_times_before_its_silence_counts(
    config: Path, after: str, every: str
) -> None:
    config.write_text(NOTIFIER)
    [plan] = load(config, overrides=overrides(URL, None, parse_duration(after))).machines
    assert plan.every == parse_duration(every)


def test_a_file_that_tells_nobody_is_refused(config: Path) -> None:
    config.write_text('name = "second"\n')
    assert "there is none to tell" in run("-c", str(config))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", "expected a token", id="nothing in it"),
        pytest.param("two\nlines", "expected a token", id="two lines"),
        pytest.param(None, "no such file", id="not there"),
    ],
)
def test_a_token_file_without_a_token_is_named(config: Path, text: str | None, found: str) -> None:
    config.write_text(NOTIFIER)
    file = config.parent / "token"
    if text is not None:
        file.write_text(text)
    said = run("-c", str(config), "--token-file", str(file))
    assert said.startswith(f"--token-file {file}: ")
    assert found in said


def test_a_patience_that_is_no_duration_is_named(config: Path) -> None:
    config.write_text(NOTIFIER)
    assert "--after soon: expected a duration" in run("-c", str(config), "--after", "soon")
