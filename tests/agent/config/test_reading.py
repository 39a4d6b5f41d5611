from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.reading import LARGEST, read
from agent.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agent.toml"


def refusal(file: Path, content: str | bytes | None = None) -> str:
    """What is said of a file, without the folder it stands in."""
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigError) as raised:
        read(file)
    return str(raised.value).replace(f"{file.parent}/", "")


def test_a_file_is_read_with_the_lines_of_its_keys(file):
    file.write_text('name = "desk"\n\n[machines.feed]\nkind = "kite"\n')
    document = read(file)
    assert document.path == file
    assert document.values == {"name": "desk", "machines": {"feed": {"kind": "kite"}}}
    assert document.positions.line(("machines", "feed", "kind")) == 4


def test_a_document_does_not_show_what_it_holds(file):
    file.write_text('[machines.auth]\napi_secret = "hunter2"\n')
    assert "hunter2" not in repr(read(file))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            "a = 1\na = 2\n", "2: cannot overwrite a value; the key is given twice", id="a key twice"
        ),
        pytest.param("[a]\n[b]\n[a]\n", "3: cannot declare ('a',) twice; ", id="a table twice"),
        pytest.param("\nstale_after = 5s\n", "2: expected newline or end of document", id="a bare duration"),
        pytest.param("\nname = desk\n", "2: invalid value; write text in quotes", id="text without quotes"),
        pytest.param("name\n", "1: expected '=' after a key", id="a key without a value"),
        pytest.param('a = "b\nc = 1\n', "1: illegal character '\\n'; ", id="a quote left open"),
        pytest.param("a = 1\nb = [1,\n2\n\n", "3: unclosed array; close it with ]", id="an array left open"),
        pytest.param('a = """b\n\n', "1: unterminated string; close its quotes", id="a text left open"),
        pytest.param('a = "C:\\data"\n', "1: unescaped '\\' in a string; write \\\\", id="a backslash"),
        pytest.param("a = " + "9" * 5000, "exceeds the limit", id="a number of 5,000 digits"),
        pytest.param("\na = " + "[" * 2000, "2: nested more than 50 levels deep; ", id="2,000 brackets"),
    ],
)
def test_what_is_not_toml_is_refused_on_its_line(file, content, said):
    text = refusal(file, content)
    assert said.lower() in text.lower()
    assert text.startswith("agent.toml:")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            b"\xef\xbb\xbfa = 1\n",
            "agent.toml:1: begins with a byte order mark; save it as UTF-8 without one",
            id="a byte order mark",
        ),
        pytest.param(
            "a = 1\n".encode("utf-16"), "agent.toml:1: is UTF-16; save it as UTF-8", id="UTF-16 with its mark"
        ),
        pytest.param(
            "a = 1\n".encode("utf-16-le"),
            "agent.toml:1: a NUL character; expected text, saved as UTF-8",
            id="UTF-16 without",
        ),
        pytest.param(
            'a = 1\nb = "\u00e9"\n'.encode("latin-1"),
            "agent.toml:2: byte 0xe9 is not UTF-8; save it as UTF-8",
            id="Latin-1",
        ),
        pytest.param(
            b"a = 1\nb = '\0'\n", "agent.toml:2: a NUL character; expected text, saved as UTF-8", id="NUL"
        ),
        pytest.param(
            b"#" * (LARGEST + 1),
            "agent.toml: is larger than 1024 kB; expected a small text file",
            id="too large",
        ),
    ],
)
def test_what_is_not_text_is_refused(file, content, said):
    assert refusal(file, content) == said


def test_the_largest_file_is_still_read(file):
    file.write_bytes(b"#" * LARGEST)
    assert read(file).values == {}


def test_a_missing_file_is_named(file):
    assert refusal(file) == "agent.toml: there is no such file; check the path"


def test_a_folder_is_refused(file):
    file.mkdir()
    assert refusal(file) == "agent.toml: is a folder; expected a text file"


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(file):
    os.mkfifo(file)
    assert refusal(file) == "agent.toml: is no regular file; expected a text file"


def test_an_endless_device_is_refused():
    with pytest.raises(ConfigError, match="is no regular file"):
        read(Path("/dev/zero"))


def test_a_socket_is_refused(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(file.name)
        assert refusal(file) == "agent.toml: it cannot be read: No such device or address; check the path"


def test_a_file_behind_a_file_is_refused(file):
    file.write_text("")
    assert "Not a directory" in refusal(file / "agent.toml")


@pytest.fixture
def nobody():
    """The rights of a user who may not read everything, as root may."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


def test_an_unreadable_file_is_refused(file, request):
    file.write_text("")
    file.chmod(0)
    request.getfixturevalue("nobody")
    assert refusal(file).startswith("agent.toml: this user may not read it; check the owner and mode")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param('b = "\\u0000"', "a.b: a control character in the text; remove it", id="an escaped NUL"),
        pytest.param('b = "\\u001b[2J"', "a.b: a control character in the text; remove it", id="ESC"),
        pytest.param('b = ["x", "\\u0085"]', "a.b[1]: a control character in the text", id="in an array"),
        pytest.param('"\\u0007" = 1', 'a."\\u0007": a key that is empty or has control', id="in a key"),
        pytest.param('"" = 1', 'a."": a key that is empty', id="an empty key"),
        pytest.param("b = nan", "a.b: nan is not a finite number; write one", id="not a number"),
        pytest.param("b = 1e400", "a.b: inf is not a finite number; write one", id="too large a number"),
        pytest.param(
            "b = 2026-11-24T09:15:00",
            "a.b: 2026-11-24T09:15:00 has no zone; add one, such as 2026-11-24T09:15:00+05:30",
            id="an instant without its zone",
        ),
    ],
)
def test_a_value_that_no_setting_can_take_is_refused_on_its_line(file, line, said):
    assert refusal(file, f"[a]\n{line}\n").startswith(f"agent.toml:2: {said}")


def test_every_such_value_is_named(file):
    text = refusal(file, "a = nan\nb = 1\nc = inf\n")
    assert [line.split(" is")[0] for line in text.splitlines()] == [
        "agent.toml:1: a: nan",
        "agent.toml:3: c: inf",
    ]


@pytest.mark.parametrize(
    "line", ['a = "two\\nlines\\tand a tab"', "a = 2026-11-24T09:15:00Z", "a = 2026-11-24", "a = 09:15:00"]
)
def test_tabs_newlines_days_and_times_of_day_are_let_through(file, line):
    file.write_text(line)
    assert read(file).values


SECRETS = """\
[machines.auth]
api_secret = "inline"
password = "${PASSWORD}"
token_file = "token"
[notifiers.desk]
url = "https://hooks.slack.com/services/x"
[store]
at = "postgres://desk:pw@host/"
"""


@pytest.mark.parametrize(
    ("mode", "warned"),
    [(0o600, 0), (0o700, 0), (0o622, 0), (0o640, 3), (0o604, 3), (0o644, 3)],
    ids=oct,
)
def test_secrets_that_others_can_read_are_warned_of(file, mode, warned):
    file.write_text(SECRETS)
    file.chmod(mode)
    assert len(read(file).insecure) == warned


def test_a_warning_names_the_place_and_the_remedy_but_not_the_secret(file):
    file.write_text(SECRETS)
    file.chmod(0o644)
    insecure = read(file).insecure
    assert insecure[0].replace(f"{file.parent}/", "") == (
        "agent.toml:2: machines.auth.api_secret: a secret in a file that others can read; "
        "run `chmod 600 agent.toml`, or write ${ENV_NAME} or ${file:PATH}"
    )
    assert not re.search("inline|hooks|pw@", "".join(insecure))


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=80) | st.text(st.sampled_from("ab.=[]{}\"'\\\n 0-:T"), max_size=40))
def test_any_content_is_read_or_refused_in_lines_that_begin_with_the_place(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "fuzz.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        read(file)
    except ConfigError as error:
        assert all(line.startswith(f"{file}") for line in str(error).splitlines())  # noqa: PT017
