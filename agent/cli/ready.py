"""`openbell ready`: may the desk trade? For scripts that start a strategy, or hold it back."""

from __future__ import annotations

import json
import re
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from agent.cli.options import config_option, json_option, url_option
from agent.cli.reach import Reach, StandsBy, Unreachable, reach
from agent.clock import SystemClock
from agent.errors import ConfigError
from agent.settings import parse_duration

EXIT_NOT_READY = 1
EXIT_UNREACHABLE = 3


@click.command()
@config_option
@url_option
@json_option
@click.option("--tradable", "word", flag_value="tradable", default="ready", help="And market LIVE.")
@click.option("--wait", is_flag=True, help="Wait until it is so.")
@click.option("--by", help='Wait no longer than this: "open-5m", "10m", or an instant with its zone.')
def ready(**options: Any) -> None:
    """Exit 0 when the desk is ready, 1 when it is not, 3 when no agent answers for it."""
    word, as_json, wait, by = (options[name] for name in ("word", "as_json", "wait", "by"))
    if by is not None and not wait:
        raise ConfigError("--by goes with --wait")
    agent = reach(options["config"], options["url"])
    try:
        document = agent.document()
        if wait and not document[word]:
            document = _wait(agent, word, _end(by, document)) or agent.document()
    except Unreachable as error:
        head = "STANDBY" if isinstance(error, StandsBy) else "UNKNOWN"
        click.echo(json.dumps({"error": str(error)}) if as_json else f"{head}: {error}")
        sys.exit(EXIT_UNREACHABLE)
    click.echo(_account(document, word, as_json))
    sys.exit(0 if document[word] else EXIT_NOT_READY)


def _wait(agent: Reach, word: str, end: datetime | None) -> dict[str, Any] | None:
    """The first document for which it holds; `None` when the end came first."""
    found: list[dict[str, Any]] = []
    errors: list[Unreachable] = []

    def follow() -> None:
        try:
            for document in agent.documents():
                if document[word]:
                    found.append(document)
                    return
        except Unreachable as error:
            errors.append(error)

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    follower.join(None if end is None else max(0.0, (end - _now(agent)).total_seconds()))
    if errors:
        raise errors[0]
    return found[0] if found else None


def _now(agent: Reach) -> datetime:
    """The agent's own time: a demo's clock stands elsewhere than ours."""
    return datetime.fromisoformat(agent.document()["generated_at"])


def _end(by: str | None, document: dict[str, Any]) -> datetime | None:
    """The instant that `--by` means. Raises `ConfigError` for a text that means none."""
    if by is None:
        return None
    try:
        if found := re.fullmatch(r"open(?:-(.+))?", by):
            opens_at = (document["market"] or {}).get("next_open_at")
            if opens_at is None:
                raise ConfigError("--by open: the market's next open is not known")
            return datetime.fromisoformat(opens_at) - (parse_duration(found[1]) if found[1] else timedelta(0))
        if re.fullmatch(r"[0-9].*[a-z]", by):
            return datetime.fromisoformat(document["generated_at"]) + parse_duration(by)
        instant = datetime.fromisoformat(by)
    except ValueError:
        instant = SystemClock().now().replace(tzinfo=None)
    if instant.tzinfo is None:
        raise ConfigError(
            f'--by {by}: expected "open-5m", "10m", or an instant such as 2026-11-23T09:10:00+05:30'
        )
    return instant.astimezone(UTC)


def _account(document: dict[str, Any], word: str, as_json: bool) -> str:
    if as_json:
        keys = (word, "code", "severity", "message", "blockers", "market")
        return json.dumps({key: document[key] for key in keys})
    if document[word]:
        return f"{word}: {document['code']}"
    lines = [f"not {word}: {document['code']}: {document['message']}"]
    lines += [
        f"  waits for {b['machine']}: {b['state']} ({b['reason']}): {b['message']}"
        for b in document["blockers"]
    ]
    return "\n".join(lines)
