"""`openbell login`: the daily login from a terminal, also where there is no browser."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import click

from agent.cli.completing import named
from agent.cli.options import config_option, url_option
from agent.cli.reach import Answer, Reach, reach
from agent.errors import AgentError

EXIT_NOT_LOGGED_IN = 1


@click.command()
@config_option
@url_option
@click.option("--machine", shell_complete=named("machines"), help="Which machine, where there are several.")
@click.option("--paste", is_flag=True, help="Log in in any browser, and paste the address it ends at.")
def login(config: Path, url: str | None, machine: str | None, paste: bool) -> None:
    """Print the login link and wait until the broker has accepted the new token.

    With --paste nothing need be reachable from the browser: the address at which the broker's
    login ends, even if its page cannot be opened, is pasted here.
    """
    agent = reach(config, url)
    name = machine or _only_login(agent)
    if _is_valid(agent, name):
        click.echo(f"{name}: the broker accepts the present token; no login is needed.")
        return
    if paste:
        _complete_by_hand(agent, name)
    else:
        click.echo(f"Open this and log in:\n\n  {login_link(agent, name)}\n")
        click.echo("Waiting for the broker to accept the new token (Control-C ends the wait).")
    for document in agent.documents():
        part = document["machines"][name]
        if part["state"] == "VALID":
            click.echo(f"{name}: VALID. {part['message']}")
            return


def _only_login(agent: Reach) -> str:
    machines = agent.document()["machines"]
    names = [name for name, part in machines.items() if part["role"] == "auth"]
    if not names:
        raise AgentError(f"{agent.url}: this agent has no machine with a login")
    return str(names[0])


def _is_valid(agent: Reach, name: str) -> bool:
    part = agent.ask(f"/api/system/health/{name}").json
    if "state" not in part:
        raise AgentError(f"{agent.url}: {part.get('detail', 'no such machine')} {part.get('known', '')}")
    return bool(part["state"] == "VALID")


def login_link(agent: Reach, name: str) -> str:
    """A one-time link that needs nothing of its browser; without the control token, the page's own."""
    made = agent.ask(f"/api/auth/link?{urlencode({'machine': name})}", method="POST")
    if made.status == 200:
        return str(made.json["href"])
    return f"{agent.url}/api/auth/login?{urlencode({'machine': name})}"


def _complete_by_hand(agent: Reach, name: str) -> None:
    begun = agent.ask(f"/api/auth/login?{urlencode({'machine': name})}")
    if begun.status != 303:
        raise AgentError(
            f"{agent.url}: the login cannot be begun from here (status {begun.status}): run this as the "
            "user that runs the agent, with the same -c, so that the control token is found"
        )
    click.echo(f"Open this in any browser and log in:\n\n  {begun.headers['Location']}\n")
    pasted = click.prompt("Then paste the address that the browser ends at", type=str).strip()
    query = urlsplit(pasted).query
    cookie = begun.headers["Set-Cookie"].partition(";")[0]
    answer = agent.ask(f"/api/auth/callback?{query}", headers={"Cookie": cookie})
    if answer.status != 303:
        click.echo(f"Not logged in: {_words(answer)}", err=True)
        sys.exit(EXIT_NOT_LOGGED_IN)


def _words(answer: Answer) -> str:
    """The sentence of a page of ours."""
    text = answer.body.decode("utf-8", "replace")
    _, _, rest = text.partition("<p>")
    return rest.partition("</p>")[0] or f"status {answer.status}"
