"""The questions of `openbell init`, each with its default; what was said already is not asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import click

from agent.config.starter import SIMULATED, Answers, Wanted

KINDS = ("slack", "email", "webhook")
NOBODY = "none"

_DEFAULTS = Answers()


def known_answers(said: Mapping[str, Any]) -> Answers:
    """What was said, and the defaults for the rest."""
    told = {name: value for name, value in said.items() if value not in (None, ())}
    told["notifiers"] = tuple(kind for kind in dict.fromkeys(told.get("notify", ())) if kind != NOBODY)
    return Answers(**{one.name: told[one.name] for one in fields(Answers) if one.name in told})


def ask_answers(said: Mapping[str, Any]) -> Answers:
    """What was said, and what a person answers for the rest."""
    told = {name: value for name, value in said.items() if value not in (None, ())}

    def ask(name: str, question: str, **more: Any) -> None:
        if name not in told:
            told[name] = click.prompt(question, default=getattr(_DEFAULTS, name), **more)

    ask("name", "What is the desk called?")
    ask("environment", "Which broker?", type=click.Choice([SIMULATED, "live"]))
    ask("segment", "Which market?")
    if "notify" not in told:
        question = "Who is told of problems?"
        told["notify"] = (click.prompt(question, default=NOBODY, type=click.Choice([*KINDS, NOBODY])),)
    if "email" in told["notify"]:
        _ask_about_mail(told, ask)
    return known_answers(told)


def _ask_about_mail(told: dict[str, Any], ask: Callable[..., None]) -> None:
    ask("mail_host", "Which mail server?")
    ask("mail_sender", "From which address?")
    if "mail_recipients" not in told:
        given = click.prompt("To which addresses? (commas between)", default=_DEFAULTS.mail_recipients[0])
        told["mail_recipients"] = tuple(one.strip() for one in given.split(",") if one.strip())
    if "mail_login" not in told:
        told["mail_login"] = click.confirm("Does the mail server want a login?", default=True)


def ask_secrets(wanted: Mapping[str, Wanted]) -> dict[str, str]:
    """What a person gives; an empty answer is left for later."""
    given = {
        name: click.prompt(
            f"{one.words} (empty: later)", default="", hide_input=one.is_hidden, show_default=False
        ).strip()
        for name, one in wanted.items()
    }
    return {name: value for name, value in given.items() if value}
