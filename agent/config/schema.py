"""The tables of `agent.toml` that the core itself understands."""

from __future__ import annotations

import ipaddress
import re
from datetime import time, timedelta
from importlib.util import find_spec
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from agent.config.credentials import CredentialSettings
from agent.config.origin import Origin
from agent.model import Expectation, Severity
from agent.settings import Duration, SecretText, Settings, Size, format_size

NAME = r"^[a-z][a-z0-9_-]{0,39}$"

Name = Annotated[str, StringConstraints(pattern=NAME)]
"""Of a machine, a notifier, a credential, a rule: lower case, digits, `-` and `_`."""

States = list[str]

LEAST_BYTES = 10_000_000
"""Of a journal that can hold a day or two."""

Bound = Annotated[str, StringConstraints(pattern=r"^(<=|>=|<|>) *-?[0-9]+(\.[0-9]+)?$")]
"""A sign and a number."""


class Server(Settings):
    """`[server]`: where the page and the API answer."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    url: str | None = None
    """The address as people reach it, behind a proxy for example; made of host and port otherwise."""
    allowed_hosts: list[str] = []
    """Further names for which requests are taken, beside the address itself and localhost."""
    allowed_origins: list[Origin] = []
    """Of front ends that embed the banner: their pages may read the document and its events."""
    read_token: SecretText | None = None
    control_token: SecretText | None = None
    push_token: SecretText | None = None
    """For trading processes that report; whoever has it may be handed a broker's token."""

    @field_validator("read_token", "control_token", "push_token")
    @classmethod
    def _is_a_token_or_its_digest(cls, value: SecretText | None) -> SecretText | None:
        text = value.get_secret_value() if value is not None else ""
        if text.startswith("sha256:") and not re.fullmatch("sha256:[0-9a-f]{64}", text):
            raise ValueError("what begins with sha256: is a digest, of 64 hexadecimal digits in lower case")
        return value

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @model_validator(mode="after")
    def _open_only_to_those_with_a_token(self) -> Server:
        if not self.is_loopback and not (self.read_token and self.control_token):
            raise ValueError(
                f"host {self.host!r} is reachable from other machines: set read_token and "
                "control_token, or use 127.0.0.1 behind a proxy that asks who is there"
            )
        return self


class EmbeddedSimulator(Settings):
    """`[simulator]`: the broker that comes with the agent, for `environment = "simulated"`."""

    port: int = Field(default=9000, ge=0, le=65535)
    seed: int = 1
    always_open: bool = False


class Plugins(Settings):
    """`[plugins]`: the installed third-party plugins that take part."""

    enable: list[str] = []


class Readiness(Settings):
    """`[readiness]`: the states that trading requires, by role."""

    require: dict[str, States] = {"auth": ["VALID"], "feed": ["CONNECTED"]}


class MachineTable(BaseModel):
    """`[machines.NAME]`: what the core reads of it; the rest is the plugin's own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str
    group: Name | None = None
    every: Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(days=1))] = timedelta(
        seconds=15
    )
    timeout: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(minutes=10))] = timedelta(seconds=10)
    isolation: Literal["none", "process"] = "none"
    """Whether it runs in a process of its own."""
    process_memory_mb: Annotated[int, Field(ge=64, le=1_048_576)] | None = None
    """The most address space that its own process may have."""
    expect: dict[str, Expectation] = {
        "LIVE": Expectation.DATA,
        "PRE_OPEN": Expectation.CONNECTION,
        "CLOSED": Expectation.NOTHING,
    }

    @property
    def own(self) -> dict[str, Any]:
        """The plugin's part of the table."""
        return dict(self.model_extra or {})


class NotifierTable(BaseModel):
    """`[notifiers.NAME]`: what the core reads of it; the rest is the plugin's own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str
    timeout: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(minutes=10))] = timedelta(seconds=15)

    @property
    def own(self) -> dict[str, Any]:
        """The plugin's part of the table."""
        return dict(self.model_extra or {})


class RuleTable(Settings):
    """`[[rule]]`: one line of the rule table."""

    id: Name
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,39}$")]
    when: dict[str, States | str]
    measures: dict[str, Bound] = {}
    """Bounds on measures of the first role in `when`, as in `{ calendar_left_days = "<= 45" }`."""
    severity: Severity
    severity_in: dict[str, Severity] = {}
    suppresses: list[str] = []
    suppress_extend: Duration = timedelta(0)
    hold_for: Duration = Field(default=timedelta(0), alias="for")
    clear_for: Duration = timedelta(0)
    probe_first: list[str] = []
    action: str | None = None
    color: str | None = None
    message: str | None = None

    @model_validator(mode="after")
    def _looks_at_something(self) -> RuleTable:
        if not self.when:
            raise ValueError('when is empty: name at least one role, as in when = { feed = ["STALE"] }')
        return self


class FlappingTable(Settings):
    """`[flapping]`: more changes than these within the time hold a problem active."""

    changes: Annotated[int, Field(ge=2, le=100)] = 6
    within: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(days=1))] = timedelta(minutes=10)


class DeadlineTable(Settings):
    """`[[deadline]]`: what must be well some time before the open, and reminders until then."""

    id: Name
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,39}$")] = "DEADLINE_MISSED"
    before_open: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(days=1))]
    remind: list[Duration] = []
    require: dict[str, States] = Field(min_length=1)
    severity: Severity = Severity.CRITICAL
    action: str | None = None
    color: str | None = None
    message: str | None = None

    @model_validator(mode="after")
    def _reminds_before_it_is_due(self) -> DeadlineTable:
        if any(left <= self.before_open for left in self.remind):
            raise ValueError(
                "a reminder comes before the deadline: each span in remind is longer than before_open"
            )
        return self


class RemedyTable(Settings):
    """`[[remedy]]`: what the agent does by itself about a problem that lasts."""

    id: Name
    rule: str
    """The id of the rule, or of the deadline, whose problem it is for."""
    group: Name | None = None
    after: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(days=1))] = timedelta(seconds=30)
    at_most: int = Field(default=3, ge=1, le=60)
    """How many times an hour."""
    timeout: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(minutes=10))] = timedelta(seconds=30)
    machine: str | None = None
    action: str | None = None
    command: list[Annotated[str, StringConstraints(min_length=1)]] = []
    """A program and its arguments; no shell reads them."""

    @model_validator(mode="after")
    def _does_one_thing(self) -> RemedyTable:
        acts = self.machine is not None and self.action is not None
        half = (self.machine is None) != (self.action is None)
        if half or acts == bool(self.command):
            raise ValueError(
                'a remedy is either a command, as in command = ["systemctl", "restart", "strategy"], '
                'or a machine\'s action, as in machine = "feed", action = "reconnect"'
            )
        return self


class DeadManTable(Settings):
    """`[deadman]`: where to ping while the agent is well, so that its silence is noticed elsewhere."""

    url: SecretText
    """Of a check at Healthchecks, or of anything that alarms when it is not asked for a while."""
    every: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = timedelta(minutes=1)

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: SecretText) -> SecretText:
        if not url.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("expected an address that begins with https:// or http://")
        return url


class StoreTable(Settings):
    """`[store]`: how long the journal keeps what, how large it may be, and what agents share."""

    url: SecretText | None = None
    """Of the PostgreSQL that several agents share, `postgresql://user:password@host:5432/database`."""
    desk: Name | None = None
    """Agents of one desk stand in for each other: one owns it, the others stand by. By default the
    agent's own name, and so it is alone."""
    takeover: Annotated[Duration, Field(ge=timedelta(seconds=2), le=timedelta(minutes=1))] = timedelta(
        seconds=3
    )
    """So long after its owner was heard last, another agent of the desk takes over."""
    keep: Annotated[Duration, Field(ge=timedelta(days=1))] = timedelta(days=400)
    """Transitions and incidents."""
    keep_notices: Annotated[Duration, Field(ge=timedelta(days=1))] = timedelta(days=30)
    """After their end."""
    keep_reports: Annotated[Duration, Field(ge=timedelta(hours=1))] = timedelta(days=14)
    """For `openbell backtest`; they are nearly all of the journal."""
    max_size: Size = Field(default="500MB", validate_default=True)
    """Beyond it the oldest reports go earlier, then notices, then transitions."""

    @field_validator("max_size")
    @classmethod
    def _is_enough_to_begin_with(cls, max_size: int) -> int:
        if max_size < LEAST_BYTES:
            raise ValueError(f'expected at least "{format_size(LEAST_BYTES)}"')
        return max_size

    @field_validator("url")
    @classmethod
    def _is_of_a_postgres(cls, url: SecretText | None) -> SecretText | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError('expected an address such as "postgresql://openbell@db.example:5432/openbell"')
        return url

    @model_validator(mode="after")
    def _shares_where_there_is_something_shared(self) -> StoreTable:
        if self.desk is not None and self.url is None:
            raise ValueError("a desk is shared by way of PostgreSQL: give its url as well, or no desk")
        return self


HostAndPort = Annotated[str, StringConstraints(pattern=r"^([^:\s/]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}$")]
"""As `router.example:443` or `[2001:db8::1]:53`."""


class NetworkTable(Settings):
    """`[network]`: how the agent knows that its own machine has lost the network."""

    watch: bool = True
    hosts: list[HostAndPort] = []
    """Any of these that answers shows that there is a way out; else the machine's routes do."""


class TelemetryTable(Settings):
    """`[telemetry]`: where traces of the line go, from a report to the receipts of what it led to."""

    otlp_endpoint: SecretText
    """Of a collector that speaks OTLP over HTTP; no secret, but an error must not repeat one."""

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_a_plain_address(cls, endpoint: SecretText) -> SecretText:
        parts = urlsplit(endpoint.get_secret_value())
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
            raise ValueError("expected an address such as http://127.0.0.1:4318")
        if "@" in parts.netloc or parts.query:
            raise ValueError("no secret stands in an address; headers go into OTEL_EXPORTER_OTLP_HEADERS")
        if not _is_installed("opentelemetry.exporter.otlp.proto.http"):
            raise ValueError('opentelemetry is not installed; run: pip install "openbell[otel]"')
        return endpoint

    @property
    def traces_url(self) -> str:
        """The endpoint with the path of traces, as OTLP has it."""
        bare = self.otlp_endpoint.get_secret_value().rstrip("/")
        return bare if bare.endswith("/v1/traces") else f"{bare}/v1/traces"


class QuietTable(Settings):
    """`quiet` of a `[[route]]`: the hours of every day in which what is not critical waits."""

    begins: Annotated[time, Field(alias="from")]
    ends: Annotated[time, Field(alias="until")]
    zone: str
    """As `Asia/Kolkata`: the clock of the people, not of the machine."""

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise ValueError(f"{zone!r} is no time zone; write one such as Asia/Kolkata") from None
        return zone

    @model_validator(mode="after")
    def _is_a_part_of_the_day(self) -> QuietTable:
        if self.begins == self.ends:
            raise ValueError("quiet hours that end when they begin are none; give them another end")
        return self


class EscalationTable(Settings):
    """`escalate` of a `[[route]]`: who is told as well when nobody has acknowledged for so long."""

    after: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(days=1))]
    to: list[Name] = Field(min_length=1)


class RouteTable(Settings):
    """`[[route]]`: which problems go to which notifiers; without any, all problems go to all."""

    to: list[Name] = Field(min_length=1)
    severity: Literal[Severity.WARNING, Severity.UNKNOWN, Severity.CRITICAL] = Severity.WARNING
    """The least that it tells."""
    rule: list[Name] = []
    group: list[Name] = []
    machine: list[Name] = []
    session: list[str] = []
    """States and reasons of the market, as in `["LIVE", "PRE_OPEN"]`."""
    repeat: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=7))] | None = None
    settle: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(minutes=10))] = timedelta(0)
    escalate: EscalationTable | None = None
    quiet: QuietTable | None = None


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


class AgentSettings(Settings):
    """The whole file."""

    name: str = "openbell"
    environment: Literal["live", "simulated"] = "live"
    session: Name | None = None
    """The market machine whose state names the document; the first one if not given."""
    data: str = "data"
    """The folder for the journal and the control token, beside this file."""
    startup_grace: Duration = timedelta(seconds=5)
    server: Server = Server()
    store: StoreTable = StoreTable()
    simulator: EmbeddedSimulator = EmbeddedSimulator()
    plugins: Plugins = Plugins()
    credentials: dict[Name, CredentialSettings] = {}
    machines: dict[Name, MachineTable] = Field(default={}, min_length=1)
    notifiers: dict[Name, NotifierTable] = {}
    rule: list[RuleTable] = []
    deadline: list[DeadlineTable] = []
    remedy: list[RemedyTable] = []
    route: list[RouteTable] = []
    deadman: DeadManTable | None = None
    network: NetworkTable = NetworkTable()
    telemetry: TelemetryTable | None = None
    readiness: Readiness = Readiness()
    flapping: FlappingTable = FlappingTable()
