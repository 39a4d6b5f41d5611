from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, SecretStr, StringConstraints, ValidationError, field_validator, model_validator

from agent.config.complaints import complain, suggest
from agent.config.reading import read
from agent.config.secrets import resolve
from agent.settings import Duration, Settings

Name = Annotated[str, StringConstraints(pattern="^[a-z]+$")]


class Level(StrEnum):
    LOW = "low"
    HIGH = "high"


class Step(Settings):
    do: Literal["wait", "retry"]
    pause: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(hours=1, seconds=1))] = timedelta(
        seconds=1
    )


class Desk(Settings):
    """One setting of each sort that a plugin may have."""

    kind: str = "desk"
    stale_after: Duration = timedelta(seconds=10)
    port: int = Field(default=8000, ge=1, le=65535)
    ratio: float = 0.5
    loud: bool = False
    level: Level = Level.LOW
    mode: Literal["live", "simulated"] = "live"
    names: list[str] = []
    states: list[str] | str = []
    first: date | None = None
    folder: Path = Path()
    api_secret: SecretStr | None = None
    pin: list[SecretStr] | SecretStr = SecretStr("")
    where: str = ""
    steps: list[Step] = []
    named: dict[Name, Step] = {}
    code: str = Field(default="x", max_length=3, alias="as")
    opened: str = ""

    @field_validator("where")
    @classmethod
    def _must_be_near(cls, where: str) -> str:
        if where.startswith("far"):
            raise ValueError(f"{where!r} is too far; expected a near place")
        return where

    @model_validator(mode="after")
    def _must_be_open(self) -> Desk:
        if self.opened == "never":
            secret = self.api_secret.get_secret_value() if self.api_secret else None
            raise ValueError(f"never opened with {secret}; open it")
        return self


class Root(Settings):
    machines: dict[str, Desk] = {}


class Strict(Settings):
    port: int
    name: str


class Core(Settings):
    every: Duration = timedelta(seconds=1)


def complaints(folder: Path, text: str, environment: dict[str, str] | None = None) -> list[str]:
    """What is said of the table `[machines.feed]` that begins with `text` on line 2."""
    file = folder / "agent.toml"
    file.write_text(f"[machines.feed]\n{text}\n")
    document = read(file)
    values, _ = resolve(
        document.values,
        environment=environment or {},
        folder=folder,
        positions=document.positions,
        path=file,
    )
    with pytest.raises(ValidationError) as raised:
        Root.model_validate(values)
    said = complain(raised.value, document, (), Root)
    with pytest.raises(ValidationError) as raised:
        Desk.model_validate(values["machines"]["feed"])
    assert complain(raised.value, document, ("machines", "feed"), Desk) == said
    return [line.replace(f"{folder}/", "") for line in said]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            'stale_after = "5"',
            'stale_after = "5": expected a duration such as "10s", "1h30m" or "250ms"',
            id="a duration without its unit",
        ),
        pytest.param(
            "stale_after = 5",
            'stale_after = 5: expected a duration such as "10s", "1h30m" or "250ms"',
            id="a number for a duration",
        ),
        pytest.param('port = "http"', 'port = "http": expected a whole number', id="text for a number"),
        pytest.param("port = 80.5", "port = 80.5: expected a whole number", id="half a port"),
        pytest.param("port = 0", "port = 0: expected at least 1", id="just below the least"),
        pytest.param("port = 65536", "port = 65536: expected at most 65535", id="just above the most"),
        pytest.param("ratio = []", "ratio: expected a number", id="a list for a number"),
        pytest.param('loud = "maybe"', 'loud = "maybe": expected true or false', id="no switch"),
        pytest.param("kind = true", "kind = true: expected text in quotes", id="a switch for text"),
        pytest.param("kind = 2026-11-24", "kind = 2026-11-24: expected text in quotes", id="a day for text"),
        pytest.param(
            'level = "hihg"',
            'level = "hihg": expected one of "low", "high"; did you mean `high`?',
            id="a misspelt choice",
        ),
        pytest.param(
            'mode = "LIVE"',
            'mode = "LIVE": expected one of "live", "simulated"; did you mean `live`?',
            id="a choice in capitals",
        ),
        pytest.param(
            'mode = "paper"',
            'mode = "paper": expected one of "live", "simulated"',
            id="a choice that there is not",
        ),
        pytest.param(
            'names = "one"',
            'names = "one": expected a list, as in ["one", "two"]',
            id="one for a list",
        ),
        pytest.param("names = [1]", "names[0] = 1: expected text in quotes", id="an entry of a list"),
        pytest.param(
            "states = 1",
            'states = 1: expected a list, as in ["one", "two"] or text in quotes',
            id="neither of two",
        ),
        pytest.param('first = "soon"', 'first = "soon": expected a date such as 2026-11-24', id="no day"),
        pytest.param("folder = 5", "folder = 5: expected the path of a file, in quotes", id="no path"),
        pytest.param("named = 5", "named = 5: expected a table", id="no table"),
        pytest.param('as = "four"', 'as = "four": expected text of length 3 or less', id="by its alias"),
        pytest.param(
            "stale_afer = 1", "stale_afer: unknown key; did you mean `stale_after`?", id="a misspelt key"
        ),
        pytest.param(
            "zzz = 1",
            "zzz: unknown key; known: api_secret, as, first, folder, kind, level, loud, mode, named, names, "
            "opened, pin, port, ratio, stale_after, states, steps, where",
            id="a key like none",
        ),
        pytest.param(
            "steps = [{}]", "steps[0].do: missing; write it into [[machines.feed.steps]]", id="missing"
        ),
        pytest.param(
            'steps = [{do = "wait"}, {do = "wait", pasue = 1}]',
            "steps[1].pasue: unknown key; did you mean `pause`?",
            id="a misspelt key below",
        ),
        pytest.param(
            'named.x = {do = "wait", d = 1}',
            "named.x.d: unknown key; did you mean `do`?",
            id="a misspelt key in a named table",
        ),
        pytest.param(
            'steps = [{do = "wait", pause = "0s"}]',
            'steps[0].pause = "0s": expected more than "0s"',
            id="no pause at all",
        ),
        pytest.param(
            'steps = [{do = "wait", pause = "2h"}]',
            'steps[0].pause = "2h": expected at most "1h1s"',
            id="too long a pause",
        ),
        pytest.param(
            'named.BAD = {do = "wait"}',
            "named.BAD: the name itself: expected text that matches ^[a-z]+$",
            id="a bad name",
        ),
        pytest.param(
            'where = "far\\taway"',
            "where = \"far\\taway\": 'far\\taway' is too far; expected a near place",
            id="in a validator's words",
        ),
    ],
)
def test_each_problem_is_one_line_in_plain_words(tmp_path, text, said):
    assert complaints(tmp_path, text) == [f"agent.toml:2: machines.feed.{said}"]


def test_all_problems_are_told_in_the_order_of_the_file(tmp_path):
    said = complaints(tmp_path, 'nope = 1\nport = "x"\nkind = 3\nloud = 7')
    assert [line.split(":")[1] for line in said] == ["2", "3", "4", "5"]


def test_a_key_missing_from_the_file_itself_belongs_at_its_top(tmp_path):
    file = tmp_path / "agent.toml"
    file.write_text("port = 1\n")
    with pytest.raises(ValidationError) as raised:
        Strict.model_validate({"port": 1})
    assert complain(raised.value, read(file), ()) == [
        f"{file}:1: name: missing; write it at the top of the file"
    ]


def test_an_unknown_key_is_compared_with_all_that_read_its_table(tmp_path):
    file = tmp_path / "agent.toml"
    file.write_text("[machines.feed]\nevry = 1\n")
    with pytest.raises(ValidationError) as raised:
        Desk.model_validate({"evry": 1})
    (said,) = complain(raised.value, read(file), ("machines", "feed"), Desk, Core)
    assert said.endswith("machines.feed.evry: unknown key; did you mean `every`?")
    (said,) = complain(raised.value, read(file), ("machines", "feed"))
    assert said.endswith("machines.feed.evry: unknown key; remove it, or correct its spelling")


def test_long_and_unprintable_values_are_shown_short_and_on_one_line(tmp_path):
    (said,) = complaints(tmp_path, f'port = "{"x" * 500}"')
    assert len(said) < 160
    (said,) = complaints(tmp_path, 'port = "a\\nb\\u202ec"')
    assert said.endswith('port = "a\\nb\\u202ec": expected a whole number')


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('api_secret = ["hunter2"]', id="of the wrong type"),
        pytest.param("pin = 4711", id="of a secret type, under an innocent key"),
        pytest.param("pin = [4711]", id="in a list of a secret type"),
        pytest.param('password = "hunter2"', id="under an unknown key"),
        pytest.param('port = "https://desk:hunter2@host/"', id="in a URL"),
        pytest.param('where = "far${HOME_SECRET}"', id="from the environment, quoted by a validator"),
        pytest.param('port = "${HOME_SECRET}"', id="from the environment, of the wrong type"),
        pytest.param('level = "${HOME_SECRET}"', id="from the environment, as a choice"),
        pytest.param('api_secret = "hunter2"\nopened = "never"', id="quoted by the table's validator"),
        pytest.param(
            'api_secret = "${HOME_SECRET}"\nopened = "never"',
            id="referred to, quoted by the table's validator",
        ),
    ],
)
def test_no_secret_is_shown(tmp_path, text):
    said = "\n".join(complaints(tmp_path, text, {"HOME_SECRET": "hunter2"}))
    assert said
    assert "hunter2" not in said
    assert "4711" not in said


def test_a_reference_is_shown_as_it_is_written(tmp_path):
    (said,) = complaints(tmp_path, 'port = "${PORT}"', {"PORT": "http"})
    assert said.endswith('machines.feed.port = "${PORT}": expected a whole number')


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        pytest.param("stale_afer", ["stale_after", "state"], "did you mean `stale_after`?", id="misspelt"),
        pytest.param("live", ["LIVE", "CLOSED"], "did you mean `LIVE`?", id="in the wrong case"),
        pytest.param("xyz", ["b", "a"], "known: a, b", id="like none of a few"),
        pytest.param("xyz", [], "none is known here", id="where there are none"),
        pytest.param("", ["a"], "known: a", id="nothing"),
    ],
)
def test_the_nearest_name_is_suggested(word, known, said):
    assert suggest(word, known) == said


def test_of_many_names_only_some_are_listed():
    said = suggest("qqqq", [f"name{number}" for number in range(40)])
    assert said.startswith("known are 40, such as name")
    assert said.count("name") == 3
