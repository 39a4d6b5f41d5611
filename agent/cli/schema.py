"""`openbell schema`: the JSON Schema of `agent.toml`, by which an editor completes and checks it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from agent.cli.options import config_option
from agent.config.glancing import enabled_plugins
from agent.errors import AgentError


@click.command()
@config_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it to this file.")
def schema(config: Path, output: Path | None) -> None:
    """Print the JSON Schema of a configuration, with the tables of the plugins that it enables."""
    text = schema_text(enabled_plugins(config))
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AgentError(f"{output}: it cannot be written ({error.strerror}); choose another file") from None


def schema_text(enable: list[str]) -> str:
    """The schema as a file has it."""
    from agent.config.json_schema import json_schema
    from agent.registry import load_plugins

    return json.dumps(json_schema(load_plugins(enable)), indent=2, ensure_ascii=False) + "\n"
