"""What `deploy/` hands out is taken by the programs that it is for."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
    "-keyout key -out certificate -days 1 -subj /CN=desk.example.com"
)
TOKEN_UNIT = DEPLOY / "systemd/openbell-token.service"


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is missing (Debian's package haproxy)")
def test_haproxy_takes_its_configuration(tmp_path: Path) -> None:
    subprocess.run(CERTIFICATE.split(), cwd=tmp_path, capture_output=True, check=True)
    both = tmp_path / "both.pem"
    both.write_text((tmp_path / "certificate").read_text() + (tmp_path / "key").read_text())
    config = tmp_path / "openbell.cfg"
    text = (DEPLOY / "haproxy/openbell.cfg").read_text()
    config.write_text(text.replace("/etc/haproxy/desk.example.com.pem", str(both)))
    found = subprocess.run(["haproxy", "-c", "-f", str(config)], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is missing")
def test_systemd_takes_the_units_of_the_token(tmp_path: Path) -> None:
    ssh = shutil.which("true") or "/bin/true"
    units = []
    for name in ("openbell-token.path", "openbell-token.service"):
        units.append(tmp_path / name)
        units[-1].write_text((DEPLOY / "systemd" / name).read_text().replace("/usr/bin/ssh", ssh))
    found = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


def receiving(folder: Path) -> str:
    """What the other machine does with a token, as the unit's head has it, in this folder."""
    lines = [line.removeprefix("#").strip() for line in TOKEN_UNIT.read_text().splitlines()]
    said = " ".join(lines).replace("\\ ", "")
    found = re.search(r'command="([^"]+)"', said)
    assert found is not None
    return found[1].replace("/var/lib/openbell", str(folder))


def test_a_token_that_came_is_moved_into_place_and_the_same_one_is_not_written_again(tmp_path: Path) -> None:
    command, token = receiving(tmp_path), tmp_path / "kite-token"

    def receive(text: str) -> int:
        return subprocess.run(["sh", "-c", command], input=text, text=True, check=False).returncode

    assert receive("first") == 0
    assert (token.read_text(), token.stat().st_mode & 0o777) == ("first", 0o600)
    before = token.stat().st_ino, token.stat().st_mtime_ns
    assert receive("first") == 0
    assert (token.stat().st_ino, token.stat().st_mtime_ns) == before, "else the two send it back for ever"
    assert receive("second") == 0
    assert token.read_text() == "second"
    assert receive("") != 0, "a login that is being written"
    assert token.read_text() == "second"
    assert {one.name for one in tmp_path.iterdir()} <= {"kite-token", "kite-token.new"}
