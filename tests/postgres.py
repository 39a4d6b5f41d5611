"""PostgreSQL servers for tests: thrown away with their folder, on ports of their own."""

from __future__ import annotations

import asyncio
import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest

from agent.store.postgres.connecting import Address, connect
from agent.store.postgres.schema import bring_forward

PASSWORD = "not-a-secret"
SPEED = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
"""Nothing here outlives a power cut; tests of what does say so."""

NAMES = count(1)

PORTS = range(20_000, 32_000)
"""Below those that Linux hands out by itself."""


def program(name: str) -> str:
    """Where one of PostgreSQL's programs is."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: int(one.parent.name))
    path = os.pathsep.join([*map(str, reversed(folders)), os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.fail(
            f"`{name}` is not here; the tests of the shared store need it: apt install postgresql pgbouncer"
        )
    return found


def free_port() -> int:
    """A port for a program that is started later.

    Not one of those that the system hands out: it might be another's connection until then.
    """
    for port in random.SystemRandom().sample(PORTS, 50):
        with socket.socket() as one, suppress(OSError):
            one.bind(("0.0.0.0", port))
            return port
    raise AssertionError("no port is free")


def as_other() -> list[str]:
    """Before a command that refuses root."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


def give_away(path: Path) -> None:
    """To the user as whom the server runs."""
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(path, owner.pw_uid, owner.pw_gid)


@dataclass
class Cluster:
    """One server, with the superuser `postgres` and the user `openbell`; its socket lies in its folder."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def make(self) -> None:
        give_away(self.folder)
        password = self.folder / "password"
        password.write_text(PASSWORD)
        give_away(password)
        self._run(
            "initdb", "-D", str(self.data), "-U", "postgres", f"--pwfile={password}", "--no-sync",
            "--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
        self.start()
        with self.admin() as connection:
            connection.execute(f"CREATE ROLE openbell LOGIN PASSWORD '{PASSWORD}'")

    def start(self) -> None:
        chosen = {
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            **SPEED,
            **self.settings,
        }
        options = " ".join(f"-c {name}={value}" for name, value in chosen.items())
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.data), "-w", "-t", "30", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")

    def stop_immediately(self) -> None:
        """As if the machine had lost its power."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        """A connection of the superuser, over the socket."""
        return psycopg.connect(
            host=str(self.folder), port=self.port, dbname=database, user="postgres", autocommit=True
        )

    def url(self, database: str, user: str = "openbell", password: str = PASSWORD, **options: str) -> str:
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}" + (
            f"?{query}" if query else ""
        )

    def create(self) -> str:
        """A new database of the user `openbell`; its name."""
        name = f"test_{next(NAMES)}"
        with self.admin() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER openbell")
        return name

    def clear(self, name: str) -> None:
        """Take all rows out of a database that has the schema, and end what others do in it."""
        ending = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid()"
        )
        tables = (
            "SELECT relname FROM pg_class WHERE relnamespace = 'openbell'::regnamespace AND relkind = 'r'"
        )
        with self.admin(name) as connection:
            connection.execute(ending, (name,))
            names = [f"openbell.{table}" for (table,) in connection.execute(tables) if table != "meta"]
            connection.execute(f"TRUNCATE {', '.join(names)} RESTART IDENTITY")

    def _run(self, *command: str) -> None:
        line = [*as_other(), program(command[0]), *command[1:]]
        done = subprocess.run(
            line, capture_output=True, text=True, check=False, cwd="/", stdin=subprocess.DEVNULL
        )
        if done.returncode:
            log = self.folder / "log"
            raise AssertionError(f"{line}: {done.stderr}{log.read_text() if log.exists() else ''}")


@dataclass(frozen=True)
class Database:
    """A database of one test."""

    cluster: Cluster
    name: str

    @property
    def url(self) -> str:
        return self.cluster.url(self.name)

    @property
    def address(self) -> Address:
        return Address(self.url)

    def admin(self) -> psycopg.Connection:
        return self.cluster.admin(self.name)


@contextmanager
def running_cluster(settings: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """A server that is thrown away at the end."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path may not be long
    folder.chmod(0o755)
    cluster = Cluster(folder, settings or {})
    try:
        cluster.make()
        yield cluster
    finally:
        if (cluster.data / "postmaster.pid").exists():
            cluster.stop_immediately()
        shutil.rmtree(folder, ignore_errors=True)


async def prepare(address: Address) -> None:
    """Make the schema."""
    connection = await connect(address, timeout_s=10)
    try:
        await bring_forward(connection, address)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """One server for all tests."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres_database(postgres_cluster: Cluster) -> str:
    """The name of a database that has the schema; to copy one for each test takes ten times as long."""
    name = postgres_cluster.create()
    with ThreadPoolExecutor(1) as beside:  # a test's loop may be running here
        beside.submit(asyncio.run, prepare(Address(postgres_cluster.url(name)))).result()
    return name


@pytest.fixture
def empty_database(postgres_cluster: Cluster) -> Database:
    """A database in which nothing has been made."""
    return Database(postgres_cluster, postgres_cluster.create())


@pytest.fixture
def database(postgres_cluster: Cluster, postgres_database: str) -> Database:
    """A database that has the schema, and no rows."""
    postgres_cluster.clear(postgres_database)
    return Database(postgres_cluster, postgres_database)


@pytest.fixture
async def connections(database: Database) -> AsyncIterator[object]:
    """Makes connections to the test's database, and ends them."""
    made = []

    async def make() -> object:
        made.append(await connect(database.address))
        return made[-1]

    yield make
    for one in made:
        await one.close()
