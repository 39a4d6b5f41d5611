"""What differs between two configurations, and what a running agent can take up of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.blueprint import Blueprint
from agent.config.changes import Changes, Parts, compare, settle
from agent.config.loading import load

SHIPPED = (Path(__file__).parents[3] / "agent.toml").read_text()
NOTIFIER = '[notifiers.hook]\nkind = "webhook"\nurl = "https://desk.example.net/"\n'


@pytest.fixture
def change(tmp_path: Path):
    """The changes that an edit of the shipped file makes."""
    path = tmp_path / "agent.toml"

    def loaded(text: str) -> Blueprint:
        path.write_text(text)
        return load(path, {})

    def edit(*pairs: tuple[str, str], start: str = SHIPPED) -> tuple[Changes, Blueprint, Blueprint]:
        text = start
        for before, after in pairs:
            assert before in text
            text = text.replace(before, after, 1)
        first, second = loaded(start), loaded(text)
        return compare(first, second), first, second

    return edit


def parts(**names: str) -> Parts:
    return Parts(**{verb: frozenset(one.split()) for verb, one in names.items()})


FEED = "feed"


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        pytest.param("# The token", "# A token", Changes(), id="a comment"),
        pytest.param('after = "10s"', 'after = "10000ms"', Changes(), id="the same in other words"),
        pytest.param('after = "10s"', 'after = "11s"', Changes(machines=parts(rebuilt=FEED)), id="settings"),
        pytest.param('every = "10s"', 'every = "9s"', Changes(machines=parts(adjusted=FEED)), id="interval"),
        pytest.param(
            '{ LIVE = "data"', '{ LIVE = "nothing"', Changes(machines=parts(adjusted=FEED)), id="expect"
        ),
        pytest.param(
            "[machines.feed]\n",
            '[machines.feed]\ngroup = "a"\n',
            Changes(machines=parts(rebuilt=FEED)),
            id="group",
        ),
        pytest.param(
            "[machines.feed]",
            "[machines.ticks]",
            Changes(machines=parts(added="ticks", removed=FEED)),
            id="name",
        ),
        pytest.param('".env"', '"x.env"', Changes(credentials=parts(rebuilt="kite")), id="a credential"),
        pytest.param('for = "3s"', 'for = "4s"', Changes(tables=("rule",)), id="a rule"),
        pytest.param('open = "30m"', 'open = "31m"', Changes(tables=("deadline",)), id="a deadline"),
        pytest.param('["CONNECTED"] }', '["STALE"] }', Changes(tables=("readiness",)), id="readiness"),
        pytest.param('"my-desk"', '"x"\ndata = "y"', Changes(waiting=("name", "data")), id="what is fixed"),
        pytest.param("port = 8000", "port = 8001", Changes(waiting=("server.port",)), id="the port"),
    ],
)
def test_an_edit_changes_no_more_than_it_says(change, before, after, wanted) -> None:
    assert change((before, after))[0] == wanted


@pytest.mark.parametrize(
    ("edit", "wanted"),
    [
        pytest.param(("desk.example.net", "other.example.net"), parts(rebuilt="hook"), id="its settings"),
        pytest.param(
            ("[notifiers.hook]\n", '[notifiers.hook]\ntimeout = "9s"\n'),
            parts(adjusted="hook"),
            id="its timeout",
        ),
        pytest.param((NOTIFIER, ""), parts(removed="hook"), id="it is taken away"),
    ],
)
def test_an_edit_of_a_notifier_is_its_own_alone(change, edit, wanted) -> None:
    found, _, _ = change(edit, start=SHIPPED + NOTIFIER)
    assert found == Changes(notifiers=wanted)


def test_what_is_fixed_stays_as_it_is_and_is_told_until_it_is_undone(change) -> None:
    edit = (('name = "my-desk"', 'name = "x"'), ('for = "3s"', 'for = "4s"'))
    _, first, second = change(*edit)
    running = settle(first, second)
    assert running.settings.name == "my-desk"
    assert running.rules == second.rules
    assert compare(running, second).waiting == ("name",)
    assert compare(running, first) == Changes(tables=("rule",))


def test_a_fixed_table_that_comes_goes_or_changes_waits_for_the_next_start(change) -> None:
    table = '[telemetry]\notlp_endpoint = "http://127.0.0.1:4318"\n'
    _, without, traced = change(("# end", table), start=SHIPPED + "\n# end\n")
    _, _, moved = change(("# end", table.replace("4318", "4319")), start=SHIPPED + "\n# end\n")
    assert compare(without, traced) == Changes(waiting=("telemetry",))
    assert compare(traced, without) == Changes(waiting=("telemetry",))
    assert compare(traced, moved) == Changes(waiting=("telemetry.otlp_endpoint",))


def test_machines_whose_credential_changed_are_among_those_to_rebuild() -> None:
    changes = Changes(machines=parts(removed="gone", adjusted="feed"))
    assert changes.rebuilding(frozenset({"feed", "gone"})).machines == parts(removed="gone", rebuilt="feed")


def test_the_words_name_all_that_has_changed() -> None:
    changes = Changes(
        machines=parts(added="b a", rebuilt="c"),
        notifiers=parts(removed="n"),
        tables=("rule",),
        waiting=("data",),
    )
    assert changes.words.split("; ") == [
        "machine a, b added",
        "machine c rebuilt",
        "notifier n removed",
        "rule changed",
        "the next start takes up data",
    ]
    assert Changes().words == "nothing has changed"
