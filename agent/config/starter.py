"""Pure: the first `agent.toml` of a desk, with comments, from a few answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from agent.config.json_schema import DIRECTIVE

SIMULATED = "simulated"

SHARES = frozenset({"NSE_EQ", "NSE_EQ_FNO", "NSE_FO", "BSE_EQ"})
"""The segments with the hours of shares, which are what a `kite-feed` looks for unless it is told others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What is known of the desk. `notifiers` are kinds; of mail it says who sends and who reads."""

    name: str = "my-desk"
    environment: str = SIMULATED
    segment: str = "NSE_EQ"
    port: int = 8000
    notifiers: tuple[str, ...] = ()
    mail_host: str = "smtp.example.com"
    mail_sender: str = "openbell@example.com"
    mail_recipients: tuple[str, ...] = ("desk@example.com",)
    mail_login: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A secret that the file refers to: what it is, and one that would do for a trial."""

    words: str
    example: str
    is_hidden: bool = True


def secrets_of(answers: Answers) -> dict[str, Wanted]:
    """The secrets that the file refers to, by name."""
    wanted: dict[str, Wanted] = {}
    if answers.environment != SIMULATED:
        wanted["KITE_API_KEY"] = Wanted("API key of your Kite app", "key", is_hidden=False)
        wanted["KITE_API_SECRET"] = Wanted("API secret of your Kite app", "secret")
    if "slack" in answers.notifiers:
        wanted["SLACK_WEBHOOK_URL"] = Wanted(
            "Address of Slack's incoming webhook", "https://hooks.slack.com/x"
        )
    if "email" in answers.notifiers and answers.mail_login:
        wanted["SMTP_USERNAME"] = Wanted("User name at the mail server", "user", is_hidden=False)
        wanted["SMTP_PASSWORD"] = Wanted("Password at the mail server", "secret")
    if "webhook" in answers.notifiers:
        wanted["OPENBELL_WEBHOOK_URL"] = Wanted("Address to post to", "https://example.com/")
    return wanted


def configuration(answers: Answers) -> str:
    """The text of `agent.toml`."""
    return "\n".join(_lines(answers))


def _lines(answers: Answers) -> Iterator[str]:
    yield DIRECTIVE
    yield _HEAD.format(name=_quoted(answers.name), environment=answers.environment, port=answers.port)
    keys = _DEMO if answers.environment == SIMULATED else _KITE
    yield _MACHINES.format(segment=_quoted(answers.segment), canaries=_canaries(answers), **keys)
    yield _WHO if answers.notifiers else _NOBODY
    for kind in answers.notifiers:
        yield _NOTIFIERS[kind].format(
            host=_quoted(answers.mail_host),
            sender=_quoted(answers.mail_sender),
            recipients=f"[{', '.join(map(_quoted, answers.mail_recipients))}]",
            login=_LOGIN if answers.mail_login else "",
        )
    yield _RULES


def wants_canaries(answers: Answers) -> bool:
    """Whether a person has yet to say which instruments must tick."""
    return answers.segment not in SHARES and not _is_like_ours(answers)


def _is_like_ours(answers: Answers) -> bool:
    return answers.environment == SIMULATED and answers.segment == "MCX"


def _canaries(answers: Answers) -> str:
    if answers.segment in SHARES:
        return ""
    return _OUR_FUTURE if _is_like_ours(answers) else _NO_CANARIES.format(segment=answers.segment)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


_KITE = {"key": "${KITE_API_KEY}", "secret": "${KITE_API_SECRET}"}
_DEMO = {"key": "demo", "secret": "demo-secret"}
"""The simulated broker's, which are no secret."""

_HEAD = """\
# Every key, with its default: docs/configuration.md. `openbell check` tells what is wrong with this
# file, line by line. Secrets do not stand here: "${{NAME}}" is taken from the environment, or from the
# .env beside this file. What is saved while the agent runs is in force a second later.

name = {name}
environment = "{environment}"          # "live" talks to the real broker, "simulated" to one of ours

[server]
host = "127.0.0.1"                 # any other needs read_token and control_token
port = {port}
# url = "https://desk.example.com" # as people reach it, if not by this address: notices link to it
"""

_MACHINES = """\
# The token that dies every morning. A login writes it there, and whoever else does is noticed at once.
[credentials.kite]
source = "env-file"
path = ".env"
key = "ZERODHA_ACCESS_TOKEN"

[machines.market]
kind = "market"
segment = {segment}                 # `openbell market --list` names them all

[machines.auth]
kind = "kite-login"
api_key = "{key}"
api_secret = "{secret}"

[machines.feed]
kind = "kite-feed"
api_key = "{key}"
stale_after = "10s"                # no tick for so long, while there should be some
expect = {{ LIVE = "data", PRE_OPEN = "connection", closing_auction = "connection", CLOSED = "nothing" }}
{canaries}
# A trading process with a ticker of its own reports here; see docs/trading-process.md.
# [machines.strategy]
# kind = "pushed-feed"
# credential = "kite"
"""

_OUR_FUTURE = """\
canaries = { GOLD26DECFUT = 108705031 } # these must tick while data is expected
"""

_NO_CANARIES = """\
# Canaries must tick while data is expected. Unless said they are shares of NSE, and the feed seems STALE
# while only {segment} trades: name instruments of it, with their tokens from the broker's list. A future
# has another token with each contract.
# canaries = {{ NAME = 123456 }}
"""

_WHO = """\
# Who is told; `openbell notify NAME` sends a test notice.
"""

_NOBODY = """\
# Who is told: nobody yet. For a Slack channel, take the signs away.
# [notifiers.slack]
# kind = "slack"
# webhook_url = "${SLACK_WEBHOOK_URL}"
"""

_LOGIN = """
username = "${SMTP_USERNAME}"
password = "${SMTP_PASSWORD}\""""

_NOTIFIERS = {
    "slack": """\
[notifiers.slack]
kind = "slack"
webhook_url = "${{SLACK_WEBHOOK_URL}}"
""",
    "email": """\
[notifiers.mail]
kind = "email"
host = {host}
sender = {sender}
recipients = {recipients}{login}
""",
    "webhook": """\
[notifiers.webhook]
kind = "webhook"
url = "${{OPENBELL_WEBHOOK_URL}}"
# secret = "${{OPENBELL_WEBHOOK_SECRET}}"   # signs what is sent: whsec_…
""",
}

_RULES = """\
# What makes the desk ready.
[readiness]
require = { auth = ["VALID"], feed = ["CONNECTED"] }

# Half an hour before the open the login must be done; people are reminded before.
[[deadline]]
id = "login-before-open"
code = "AUTH_REQUIRED"
before_open = "30m"
remind = ["90m", "60m"]
require = { auth = ["VALID"] }
action = "login"

# The rules are the program's own while this file has none: docs/rules.md has them all.
"""
