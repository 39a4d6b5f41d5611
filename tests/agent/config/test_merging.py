"""`agent.d`: files that are merged into one configuration, and complaints that name the right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.fragments import fragments
from agent.config.glancing import enabled_plugins, glance
from agent.config.loading import load
from agent.config.positions import place
from agent.config.reading import read
from agent.errors import ConfigError

MAIN = """\
name = "desk"
[machines.market]
kind = "market"
[[rule]]
id = "first"
code = "FIRST"
when = { market = ["LIVE"] }
severity = "warning"
"""
RULE = '[[rule]]\nid = "{id}"\ncode = "MORE"\nwhen = {{ market = ["{state}"] }}\nseverity = "warning"\n'


@pytest.fixture
def write(tmp_path: Path):
    """Write the files of a configuration; returns the path of its first one."""

    def files(main: str = MAIN, **others: str) -> Path:
        (tmp_path / "agent.toml").write_text(main)
        (tmp_path / "agent.d").mkdir(exist_ok=True)
        for name, text in others.items():
            (tmp_path / "agent.d" / f"{name}.toml").write_text(text)
        return tmp_path / "agent.toml"

    return files


def test_tables_merge_and_arrays_of_tables_append_in_the_order_of_the_names(write) -> None:
    path = write(
        b="[machines.market]\nsegment = 'NSE_FO'\n" + RULE.format(id="third", state="LIVE"),
        a=RULE.format(id="second", state="LIVE") + "[server]\nport = 0\n",
    )
    blueprint = load(path, {})
    assert [rule.id for rule in blueprint.rules] == ["first", "second", "third"]
    assert blueprint.settings.server.port == 0
    assert blueprint.settings.machines["market"].own == {"segment": "NSE_FO"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param('name = "other"\n', 1, ["name: ", "given twice", "agent.toml:1;"], id="a scalar"),
        pytest.param("# hi\n[machines.market]\nkind = 'market'\n", 3, ["agent.toml:3;"], id="in a table"),
        pytest.param("[[machines]]\nx = 1\n", 1, ["two things", "agent.toml:2;"], id="an array on a table"),
        pytest.param("rule = []\n", 1, ["two things", "agent.toml:4;"], id="an array that is none of tables"),
    ],
)
def test_what_is_said_twice_is_refused_and_both_places_are_named(write, text, line, words) -> None:
    path = write(more=text)
    with pytest.raises(ConfigError) as refused:
        read(path)
    said = str(refused.value)
    assert said.startswith(f"{path.parent}/agent.d/more.toml:{line}: ")
    assert [word for word in words if word not in said] == []


def test_a_fault_is_named_where_it_stands_whichever_file_that_is(write) -> None:
    path = write(
        a="\n\n" + RULE.format(id="second", state="LVIE"),
        b="[server]\n\nprot = 1\n[machines.market]\nsegmnt = 'x'\n",
    )
    with pytest.raises(ConfigError) as refused:
        load(path, {})
    assert f"{path.parent}/agent.d/b.toml:3: server.prot: unknown key" in str(refused.value)
    path = write(b="")
    with pytest.raises(ConfigError) as refused:
        load(path, {})
    assert str(refused.value).startswith(f"{path.parent}/agent.d/a.toml:6: rule[1].when.market: ")


def test_the_faults_of_all_files_are_told_at_once(write) -> None:
    path = write(main="name = = 1\n", a="b = \n", b="[[[\n")
    with pytest.raises(ConfigError) as refused:
        read(path)
    assert [line.partition(": ")[0].rpartition("/")[2] for line in str(refused.value).splitlines()] == [
        "agent.toml:1",
        "a.toml:1",
        "b.toml:1",
    ]


def test_a_missing_variable_is_named_in_its_fragment(write) -> None:
    path = write(mail="[notifiers.x]\nkind = 'webhook'\nurl = '${NOT_SET}'\n")
    with pytest.raises(ConfigError, match=r"agent\.d/mail\.toml:3: notifiers\.x\.url: .*NOT_SET"):
        load(path, {})


def test_a_secret_in_an_open_fragment_is_warned_of_by_its_own_name(write) -> None:
    path = write(
        mail="[notifiers.x]\nkind = 'slack'\nwebhook_url = 'https://hooks.slack.com/services/T/B/x'\n"
    )
    (path.parent / "agent.d" / "mail.toml").chmod(0o644)
    [warning] = read(path).insecure
    assert "agent.d/mail.toml:3: notifiers.x.webhook_url" in warning
    assert f"chmod 600 {path.parent / 'agent.d' / 'mail.toml'}" in warning


def test_only_the_toml_files_of_the_folder_count(write) -> None:
    path = write(a="")
    for name in (".hidden.toml", "b.toml~", "c.txt"):
        (path.parent / "agent.d" / name).write_text("name = = 1")
    assert [one.name for one in fragments(path)] == ["a.toml"]
    assert fragments(path.with_name("desk.toml")) == []


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path) -> None:
    (tmp_path / "agent.toml").write_text(MAIN)
    (tmp_path / "agent.d").write_text("")
    with pytest.raises(ConfigError, match=r"agent\.d: it cannot be looked into"):
        read(tmp_path / "agent.toml")


def test_an_entry_behind_others_is_placed_in_its_own_file(write) -> None:
    path = write(a=RULE.format(id="second", state="LIVE"), b=RULE.format(id="third", state="LIVE"))
    document = read(path)
    assert (
        place(path, document.positions, ("rule", 2, "when"))
        == f"{path.parent}/agent.d/b.toml:4: rule[2].when"
    )
    assert place(path, document.positions, ("rule", 0, "when")) == f"{path}:7: rule[0].when"
    assert place(path, document.positions, ("machines", "market", "segment")).startswith(f"{path}:2: ")


def test_a_glance_takes_what_can_be_read(write) -> None:
    path = write(main="name = = 1\n", a="[plugins]\nenable = ['positions', 3]\n", b="[[[\n")
    assert glance(path) == {"plugins": {"enable": ["positions", 3]}}
    assert enabled_plugins(path) == ["positions"]
    assert enabled_plugins(path.with_name("none.toml")) == []
