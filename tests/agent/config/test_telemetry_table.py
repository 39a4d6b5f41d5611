"""Where traces go is an address without a secret, and of a package that is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent.config.loading import load
from agent.errors import ConfigError

SHIPPED = (Path(__file__).parents[3] / "agent.toml").read_text()


def loaded(folder: Path, endpoint: str) -> str:
    config = folder / "agent.toml"
    config.write_text(f'{SHIPPED}\n[telemetry]\notlp_endpoint = "{endpoint}"\n')
    telemetry = load(config, {}).settings.telemetry
    assert telemetry is not None
    return telemetry.traces_url


@pytest.mark.parametrize(
    "endpoint",
    ["http://collector:4318", "http://collector:4318/", "http://collector:4318/v1/traces"],
)
def test_the_path_of_traces_is_added_where_it_is_missing(tmp_path: Path, endpoint: str) -> None:
    assert loaded(tmp_path, endpoint) == "http://collector:4318/v1/traces"


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        pytest.param("collector:4318", "http://127.0.0.1:4318", id="no scheme"),
        pytest.param("grpc://collector:4317", "http://127.0.0.1:4318", id="another protocol"),
        pytest.param("http:///v1", "http://127.0.0.1:4318", id="no host"),
        pytest.param("http://collector:99999", "[Pp]ort", id="no such port"),
        pytest.param("https://me:hunter2@collector", "OTEL_EXPORTER_OTLP_HEADERS", id="a password"),
        pytest.param("https://collector?key=hunter2", "OTEL_EXPORTER_OTLP_HEADERS", id="a key"),
    ],
)
def test_what_is_no_plain_address_is_refused_with_its_line(tmp_path: Path, endpoint: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"agent\.toml:\d+: telemetry\.otlp_endpoint.*" + said) as refused:
        loaded(tmp_path, endpoint)
    assert "hunter2" not in str(refused.value)


def test_a_missing_package_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if "site-packages" not in one])
    with pytest.raises(ConfigError, match=r'pip install "openbell\[otel\]"'):
        loaded(tmp_path, "http://collector:4318")
