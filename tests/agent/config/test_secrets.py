from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.config.positions import positions
from agent.config.secrets import LARGEST, looks_secret, open_files, resolve
from agent.errors import ConfigError

ENVIRONMENT = {"KITE_SECRET": "s3cret!", "HOST": "smtp.example.com", "EMPTY": "", "BELL": "a\ab"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "token").write_text("from-file\n")
    return tmp_path


def resolved(folder: Path, values: dict) -> tuple[dict, frozenset[str]]:
    where = positions("[a]\nb = 1\nc = 2\n")
    return resolve(values, environment=ENVIRONMENT, folder=folder, positions=where, path=Path("agent.toml"))


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        resolved(folder, {"a": {"b": text}})
    return str(raised.value).replace(str(folder), "FOLDER")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param("${KITE_SECRET}", "s3cret!", id="a variable"),
        pytest.param("${file:run/token}", "from-file", id="a file beside the configuration"),
        pytest.param(
            "smtp://desk:${KITE_SECRET}@${HOST}", "smtp://desk:s3cret!@smtp.example.com", id="within"
        ),
        pytest.param("$${KITE_SECRET}", "${KITE_SECRET}", id="escaped"),
        pytest.param("$$${KITE_SECRET}", "$${KITE_SECRET}", id="a dollar before the escape"),
        pytest.param("$KITE_SECRET costs 5$", "$KITE_SECRET costs 5$", id="dollars without braces"),
    ],
)
def test_a_reference_is_replaced_by_what_it_stands_for(folder, text, meant):
    values, _ = resolved(folder, {"a": {"b": text}})
    assert values == {"a": {"b": meant}}


def test_references_are_found_at_any_depth_and_other_values_stay(folder):
    values, _ = resolved(folder, {"a": [{"b": ["${HOST}", 1]}, 2.5, True], "${HOST}": "x"})
    assert values == {"a": [{"b": ["smtp.example.com", 1]}, 2.5, True], "${HOST}": "x"}


def test_what_a_reference_stood_for_is_not_read_again(folder):
    (folder / "run" / "token").write_text("${HOST}")
    assert resolved(folder, {"a": "${file:run/token}"})[0] == {"a": "${HOST}"}


def test_the_given_values_are_left_as_they_were(folder):
    given = {"a": {"b": "${HOST}"}}
    resolved(folder, given)
    assert given == {"a": {"b": "${HOST}"}}


def test_the_secrets_are_what_was_referred_to_and_what_stands_inline(folder):
    values = {
        "a": "x${KITE_SECRET}",
        "b": "${file:run/token}",
        "api_secret": "inline",
        "kind": "kite",
        "notifiers": {"desk": {"url": "https://hooks.example/x", "kind": "slack"}},
    }
    assert resolved(folder, values)[1] == {"s3cret!", "from-file", "inline", "https://hooks.example/x"}


def test_only_the_newline_at_the_end_of_a_file_is_taken_off(folder):
    (folder / "run" / "token").write_bytes(b" two\nlines \r\n")
    assert resolved(folder, {"a": "${file:run/token}"})[0] == {"a": " two\nlines "}


def test_a_file_may_stand_anywhere_and_behind_a_link(folder):
    (folder / "link").symlink_to(folder / "run" / "token")
    assert resolved(folder, {"a": f"${{file:{folder}/link}}"})[0] == {"a": "from-file"}


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1)], ids=oct)
def test_a_file_of_a_secret_that_others_can_read_is_warned_of_without_showing_it(folder, mode, warned):
    (folder / "run" / "token").chmod(mode)
    values = {"a": [{"b": "x:${file:run/token}"}], "c": "$${file:run/none}", "d": "${KITE_SECRET}", "e": 1}
    lines = list(open_files(values, folder))
    said = f"{folder}/run/token: a secret that others can read; run `chmod 600 {folder}/run/token`"
    assert lines == [said] * warned


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "${ABSENT}",
            "the environment variable ABSENT is not set; export it, or put it into FOLDER/.env",
            id="not set",
        ),
        pytest.param("${EMPTY}", "the environment variable EMPTY is empty; expected a secret", id="empty"),
        pytest.param(
            "${BELL}",
            "the environment variable BELL has control characters; expected plain text",
            id="a control character",
        ),
        pytest.param(
            "${file:nowhere}",
            "the file FOLDER/nowhere: there is no such file; check the path",
            id="no file",
        ),
        pytest.param("${file:run}", "the file FOLDER/run: is a folder; expected a text file", id="a folder"),
        pytest.param("${file:}", "the file FOLDER: is a folder; expected a text file", id="no path"),
        *(
            pytest.param(
                text,
                "a ${ that refers to nothing; write ${ENV_NAME} or ${file:PATH}, or $${ for a plain ${",
                id=text,
            )
            for text in ("${", "${}", "${A B}", "${A:-default}", "${1}", "${${HOST}}", "x${HOST")
        ),
    ],
)
def test_a_reference_that_fails_is_named_with_its_line(folder, text, said):
    assert refusal(folder, text) == f"agent.toml:2: a.b: {said}"


def test_all_that_fail_are_named(folder):
    with pytest.raises(ConfigError) as raised:
        resolved(folder, {"a": {"b": "${ONE}${TWO}", "c": "${THREE}"}})
    assert [line.split(" is")[0].rsplit(" ", 1)[1] for line in str(raised.value).splitlines()] == [
        "ONE",
        "TWO",
        "THREE",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\n", "is empty", id="a newline alone"),
        pytest.param(b"x" * (LARGEST + 1), "is larger than 64 kB", id="too large"),
        pytest.param(b"\xff\xfea\0", "is UTF-16", id="UTF-16"),
        pytest.param(b"\xe9", "byte 0xe9 is not UTF-8", id="not UTF-8"),
        pytest.param(b"a\x1b[0m", "has control characters", id="an escape sequence"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused_without_showing_it(folder, content, said):
    (folder / "run" / "token").write_bytes(content)
    assert said in refusal(folder, "${file:run/token}")


def test_a_pipe_is_refused_without_waiting_for_a_writer(folder):
    os.mkfifo(folder / "pipe")
    assert "is no regular file" in refusal(folder, "${file:pipe}")


@pytest.mark.parametrize(
    ("path", "is_secret"),
    [
        (("machines", "auth", "api_secret"), True),
        (("server", "control_token"), True),
        (("server", "tokens", 1), True),
        (("notifiers", "mail", "password"), True),
        (("notifiers", "desk", "webhook_url"), True),
        (("notifiers", "desk", "url"), True),
        (("notifiers", "any", "urls", 0), True),
        (("notifiers", "any", "urls", "duty"), True),
        (("notifiers", "urls", "kind"), False),
        (("server", "url"), False),
        (("machines", "auth", "token_file"), False),
        (("machines", "auth", "api_key"), False),
        (("credentials", "kite", "key"), False),
        (("machines", "feed", "secretary"), False),
        (("token", "kind"), False),
        ((), False),
    ],
    ids=str,
)
def test_a_key_tells_a_secret(path, is_secret):
    assert looks_secret(path, "x") is is_secret


def test_a_password_in_a_url_is_a_secret_whatever_its_key():
    assert looks_secret(("store", "at"), "postgres://desk:pw@host/")
    assert not looks_secret(("store", "at"), "postgres://desk@host:5432/")


def test_a_name_that_the_environment_does_not_have_is_looked_up_in_the_env_file(folder):
    (folder / ".env").write_text("KITE_SECRET=other\nMAIL='with blank #1'\n")
    assert resolved(folder, {"a": "${MAIL}"}) == ({"a": "with blank #1"}, frozenset({"with blank #1"}))
    assert resolved(folder, {"a": "${KITE_SECRET}"})[0] == {"a": "s3cret!"}, "the environment comes first"


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        pytest.param("OTHER=1\n", "MAIL is not set; export it, or put it into FOLDER/.env", id="missing"),
        pytest.param("MAIL=\n", "MAIL in FOLDER/.env is empty; expected a secret", id="empty"),
        pytest.param("MAIL='x\n", "FOLDER/.env: line 1: a quote that does not end", id="not understood"),
    ],
)
def test_an_env_file_that_does_not_help_is_named(folder, content, finding):
    (folder / ".env").write_text(content)
    assert finding in refusal(folder, "${MAIL}")
