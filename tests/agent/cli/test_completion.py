"""A shell completes commands, options, and what the configuration names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.completing import named, ruled
from agent.cli.program import COMMANDS, program

ROOT = Path(__file__).resolve().parents[3]
CONFIG = """
[machines.market]
kind = "market-calendar"
[machines.feed-b]
kind = "kite-feed"
group = "b"
[notifiers.desk-chat]
kind = "slack"
[[rule]]
id = "of-ones-own"
code = "OUR_OWN"
"""
ASK = """
source <(openbell completion bash) || exit 3
COMP_WORDS=({words} ''); [ -n '{begun}' ] && COMP_WORDS[-1]='{begun}'
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_openbell_completion openbell && printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agent.toml").write_text(CONFIG)
    (tmp_path / "agent.d").mkdir()
    (tmp_path / "agent.d" / "mail.toml").write_text('[notifiers.desk-mail]\nkind = "email"\n')
    program_file = tmp_path / "bin" / "openbell"
    program_file.parent.mkdir()
    program_file.write_text(f"#!{sys.executable}\nfrom agent.cli import main\nmain()\n")
    program_file.chmod(0o700)
    return tmp_path


def completed(folder: Path, words: str, begun: str = "") -> list[str]:
    """What bash offers at the end of a line, by the script that the program prints."""
    done = subprocess.run(
        ["bash", "-c", ASK.format(words=words, begun=begun)],
        cwd=folder,
        env=os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_bash_completes_commands_and_those_of_plugins(folder: Path) -> None:
    assert completed(folder, "openbell") == sorted({*COMMANDS, "market"})


@pytest.mark.parametrize(
    ("words", "begun", "offered"),
    [
        pytest.param(
            "openbell notify", "desk", ["desk-chat", "desk-mail"], id="a notifier, agent.d included"
        ),
        pytest.param("openbell silence --group", "", ["b"], id="a group"),
        pytest.param("openbell silence --code", "OUR", ["OUR_OWN"], id="a code of the file's own rules"),
        pytest.param("openbell plugins", "te", ["test"], id="a command below another"),
    ],
)
def test_bash_completes_what_stands_in_the_file(
    folder: Path, words: str, begun: str, offered: list[str]
) -> None:
    assert completed(folder, words, begun) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        program(["completion", shell])
    assert f"_OPENBELL_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_the_default_rules_are_offered_where_the_file_has_none(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text("[machines]\n")
    context = program.make_context("openbell", ["status"], resilient_parsing=True)
    context.params["config"] = tmp_path / "agent.toml"
    assert ruled("id")(context, context.command.params[0], "auth") == ["auth-required"]


@pytest.mark.parametrize(
    "text", [pytest.param("[notifiers", id="no TOML"), pytest.param("notifiers = 3", id="no table")]
)
def test_a_file_that_is_wrong_completes_nothing_and_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "agent.toml").write_text(text)
    context = program.make_context("openbell", ["status"], resilient_parsing=True)
    context.params["config"] = tmp_path / "agent.toml"
    assert named("notifiers")(context, context.command.params[0], "") == []
