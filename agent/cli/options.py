"""Options that several commands share."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from agent.errors import ConfigError

config_option = click.option(
    "-c",
    "--config",
    "config",
    type=click.Path(path_type=Path),
    default=Path("agent.toml"),
    show_default=True,
    help="The configuration file.",
)

url_option = click.option(
    "--url", default=None, help="The agent's address; by default the one in the configuration."
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Instant(click.ParamType[datetime]):
    """An instant with its zone, as in `2026-11-23T09:14:00+05:30`."""

    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r}: expected an instant such as 2026-11-23T09:14:00+05:30", param, ctx)
        if instant.tzinfo is None:
            self.fail(f"{value!r}: which zone? write 2026-11-23T09:14:00+05:30, say", param, ctx)
        return instant.astimezone(UTC)


def shipped_configuration() -> Path:
    """The `agent.toml` that comes with the program. Raises `ConfigError` if it is not there."""
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "agent.toml", package.parent / "agent.toml"):
        if candidate.is_file():
            return candidate
    raise ConfigError(f"{package}: the shipped agent.toml is missing; install openbell anew")
