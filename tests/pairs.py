"""Two agents of one desk, for tests of what people and programs see of them."""

from __future__ import annotations

from pathlib import Path

from tests.postgres import free_port

CONFIG = """
name = "{name}"
environment = "simulated"
[server]
port = {port}
{server}
[simulator]
port = 0
[store]
url = "{url}"
desk = "main"
takeover = "2s"
[credentials.kite]
source = "env-file"
path = ".env"
key = "TOKEN"
[machines.market]
kind = "market"
segment = "NSE_EQ"
[machines.auth]
kind = "kite-login"
api_key = "demo"
api_secret = "demo-secret"
"""


def written(folder: Path, name: str, url: str, *, server: str = "") -> tuple[Path, str]:
    """The file of one of them, with more lines of its `[server]`, and the address that it will have."""
    config, port = folder / name / "agent.toml", free_port()
    config.parent.mkdir()
    config.write_text(CONFIG.format(name=name, port=port, url=url, server=server))
    config.chmod(0o600)
    return config, f"http://127.0.0.1:{port}"
