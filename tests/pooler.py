"""A pooler before a PostgreSQL server, which lends its connections for one transaction each."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.postgres import PASSWORD, Cluster, free_port, give_away, program

SETTINGS = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = 2
"""


@contextmanager
def pooling(cluster: Cluster, mode: str = "transaction") -> Iterator[int]:
    """The pooler's port. Two connections to the server serve all clients of a database."""
    folder = Path(tempfile.mkdtemp(prefix="pooler-", dir="/tmp"))
    folder.chmod(0o755)
    port = free_port()
    (folder / "users").write_text(f'"openbell" "{PASSWORD}"\n')
    settings = folder / "pgbouncer.ini"
    settings.write_text(SETTINGS.format(server=cluster.port, port=port, folder=folder, mode=mode))
    give_away(folder)
    command = [program("pgbouncer"), *(["-u", "postgres"] if os.geteuid() == 0 else []), str(settings)]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log, cwd="/") as pooler:
        try:
            _await(port, pooler, folder / "log")
            yield port
        finally:
            pooler.terminate()
            pooler.wait(10)
            shutil.rmtree(folder, ignore_errors=True)


def _await(port: int, pooler: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and pooler.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(f"the pooler did not start: {log.read_text()}")
