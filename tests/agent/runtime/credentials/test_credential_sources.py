from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from agent.config.credentials import CredentialSettings
from agent.runtime.credentials.files import SourceError
from agent.runtime.credentials.sources import Source, open_source

TABLE: TypeAdapter[Any] = TypeAdapter(CredentialSettings)


def opened(folder: Path, environment: dict[str, str] | None = None, **table: str) -> Source:
    return open_source(TABLE.validate_python(table), folder, environment or {})


@pytest.mark.parametrize(
    ("table", "file", "content"),
    [
        pytest.param({"source": "env-file"}, ".env", "ZERODHA_ACCESS_TOKEN=abc\n", id="env-file"),
        pytest.param({"source": "env-file", "key": "T", "path": "x"}, "x", "T=abc\n", id="another key"),
        pytest.param({"source": "file", "path": "token"}, "token", "abc\n", id="file"),
        pytest.param(
            {"source": "json", "path": "s.json", "key": "a.b"}, "s.json", '{"a":{"b":"abc"}}', id="json"
        ),
    ],
)
def test_a_file_source_reads_and_writes_beside_the_configuration(
    tmp_path: Path, table: dict[str, str], file: str, content: str
) -> None:
    source = opened(tmp_path, **table)
    assert source.read() is None
    (tmp_path / file).write_text(content)
    assert source.watched == tmp_path / file
    assert source.read() == "abc"
    source.write("new")
    assert source.read() == "new"
    assert (tmp_path / file).read_text() == content.replace("abc", "new")


def test_an_environment_variable_is_read_and_not_written(tmp_path: Path) -> None:
    source = opened(tmp_path, {"TOKEN": "abc"}, source="environment", variable="TOKEN")
    assert source.read() == "abc"
    assert source.watched is None
    with pytest.raises(SourceError, match="TOKEN: cannot be written; use a file"):
        source.write("new")
    assert opened(tmp_path, source="environment", variable="TOKEN").read() is None


def test_a_systemd_credential_is_read_from_the_folder_of_the_unit(tmp_path: Path) -> None:
    (tmp_path / "kite").write_text("abc")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    source = opened(Path("/nowhere"), environment, source="systemd", key="kite")
    assert source.read() == "abc"
    with pytest.raises(SourceError, match="cannot be written"):
        source.write("new")
    with pytest.raises(SourceError, match="LoadCredential=kite:PATH"):
        opened(Path("/nowhere"), source="systemd", key="kite").read()


def test_an_error_names_the_file_and_never_its_content(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\nZERODHA_ACCESS_TOKEN='SECRET\n")
    source = opened(tmp_path, source="env-file")
    for call in (source.read, lambda: source.write("new")):
        with pytest.raises(SourceError) as caught:
            call()
        assert f"{tmp_path}/.env: line 2" in str(caught.value)
        assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "table",
    [
        {"source": "vault"},
        {"source": "file"},
        {"source": "file", "path": ""},
        {"source": "env-file", "key": "A=B"},
        {"source": "json", "path": "x", "key": "a..b"},
        {"source": "systemd", "key": "../shadow"},
        {"source": "environment", "variable": "A", "path": "x"},
    ],
)
def test_a_table_that_means_nothing_is_refused(table: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        TABLE.validate_python(table)
