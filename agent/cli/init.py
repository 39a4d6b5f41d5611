"""`openbell init`: the first configuration of a desk, by a few questions or by options."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import click

from agent.cli.questions import KINDS, NOBODY, ask_answers, ask_secrets, known_answers
from agent.cli.schema import schema_text
from agent.config import envfile
from agent.config.credential_text import FormatError
from agent.config.json_schema import FILE_NAME
from agent.config.loading import load
from agent.config.starter import SIMULATED, Answers, configuration, secrets_of, wants_canaries
from agent.errors import AgentError, ConfigError
from agent.registry import load_plugins
from agent.runtime.credentials.files import rewrite_file

ENV_FILE = ".env"


@click.command()
@click.option("-c", "--config", type=click.Path(path_type=Path), default=Path("agent.toml"), help="The file.")
@click.option("--name", help="What the desk is called.")
@click.option("--environment", type=click.Choice([SIMULATED, "live"]), help="Which broker it talks to.")
@click.option("--broker", type=click.Choice(["kite"]), help="Whose login and feed are watched.")
@click.option("--segment", help="Which market is watched: NSE_EQ, NSE_FO, MCX, …")
@click.option("--port", type=click.IntRange(0, 65535), help="Of the page and the API.")
@click.option("--notify", type=click.Choice([*KINDS, NOBODY]), multiple=True, help="Who is told; repeatable.")
@click.option("--mail-host", help="The mail server.")
@click.option("--mail-from", "mail_sender", help="The address that mail comes from.")
@click.option("--mail-to", "mail_recipients", multiple=True, help="Who gets mail; repeatable.")
@click.option("--mail-login", is_flag=True, default=None, help="The mail server wants a login.")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing; what is not said has its default.")
def init(config: Path, yes: bool, **said: Any) -> None:
    """Write a first agent.toml; asks, in a terminal, for what it is not told. Never overwrites a file."""
    if config.exists() or config.is_symlink():
        raise ConfigError(f"{config}: there is one already, so nothing was written; name another by -c")
    asks = sys.stdin.isatty() and not yes
    answers = ask_answers(said) if asks else known_answers(said)
    missing = _missing(config.parent / ENV_FILE, answers)
    given = ask_secrets({name: secrets_of(answers)[name] for name in missing}) if asks else {}
    text = configuration(answers)
    _check_segment(answers.segment)
    _try(config, text, {name: one.example for name, one in secrets_of(answers).items()} | given)
    _write_all(config, text, {name: given.get(name, "") for name in missing})
    if wants_canaries(answers):
        click.echo(
            f"And name instruments of {answers.segment} as `canaries` of the feed; now it has shares of NSE."
        )


def _missing(env: Path, answers: Answers) -> list[str]:
    """The secrets that neither the environment nor the `.env` has."""
    try:
        content = env.read_bytes() if env.exists() else b""
        there = {name for name in secrets_of(answers) if envfile.find(content, name)}
    except (OSError, FormatError) as error:
        raise ConfigError(f"{env}: it cannot be used ({error}); nothing was written") from None
    return [name for name in secrets_of(answers) if name not in there and name not in os.environ]


def _check_segment(segment: str) -> None:
    """Ask the market plugin's own command, as the core knows no calendar. Raises `ConfigError`."""
    command = load_plugins().commands.get("market")
    if command is None:
        return
    said, code = io.StringIO(), None
    with redirect_stdout(io.StringIO()), redirect_stderr(said):
        try:
            command.main(["--segment", segment, "--json"])
        except SystemExit as ended:
            code = ended.code
    if code:
        raise ConfigError(f"--segment: {said.getvalue().strip()}\nnothing was written")


def _try(config: Path, text: str, secrets: Mapping[str, str]) -> None:
    """Check the text as `check` would, before anything is written. Raises `ConfigError`."""
    from agent.runtime.examining import examine

    logging.getLogger().addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory(prefix="openbell-init-") as folder:
        trial = Path(folder) / config.name
        trial.write_text(text, encoding="utf-8")
        trial.chmod(0o600)
        try:
            asyncio.run(examine(load(trial, {**os.environ, **secrets})))
        except ConfigError as error:
            faults = str(error).replace(str(trial), str(config))
            raise ConfigError(f"{faults}\nnothing was written") from None


def _write_all(config: Path, text: str, secrets: Mapping[str, str]) -> None:
    env, schema = config.parent / ENV_FILE, config.parent / FILE_NAME
    try:
        config.parent.mkdir(parents=True, exist_ok=True)
        if secrets:
            rewrite_file(env, lambda content: _with(content, secrets))
            _say(env, "keeps the secrets, mode 0600")
        _write_new(config, text)
        _say(config, "written")
        schema.write_text(schema_text([]), encoding="utf-8")
        _say(schema, "for your editor")
    except OSError as error:
        raise AgentError(f"{error.filename}: it cannot be written ({error.strerror})") from None
    left = [name for name, value in secrets.items() if not value]
    if left:
        click.echo(f"Now write {', '.join(left)} into {env}, or set them in the environment.")
    click.echo(f"Then: openbell check -c {config}, and openbell run -c {config}")


def _write_new(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _with(content: bytes, secrets: Mapping[str, str]) -> bytes:
    for name, value in secrets.items():
        if envfile.find(content, name) is None or value:
            content = envfile.write(content, name, envfile.quoted(value))
    return content


def _say(path: Path, words: str) -> None:
    click.echo(f"{path}: {words}")
