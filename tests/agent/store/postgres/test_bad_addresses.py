"""What is said where the shared store cannot be used: place, finding and remedy, and never the password."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator

import psycopg
import pytest

from agent.store.postgres.connecting import Address, SharedStoreError, connect
from agent.store.postgres.troubles import explain, too_old
from tests.postgres import PASSWORD, Cluster, free_port, give_away, program, running_cluster


async def refusal(url: str, timeout_s: float = 2.0) -> SharedStoreError:
    address = Address(url)
    with pytest.raises(SharedStoreError) as caught:
        await connect(address, timeout_s=timeout_s)
    text = str(caught.value)
    assert text.startswith(f"{address.place}: ")
    assert PASSWORD not in text
    assert "wrong-word" not in text
    assert "\n" not in text
    return caught.value


@pytest.mark.parametrize(
    ("made", "finding", "lasting"),
    [
        pytest.param(lambda c: c.url("x", password="wrong-word"), "user and password", True, id="password"),
        pytest.param(lambda c: c.url("x", user="nobody"), "user and password", True, id="user"),
        pytest.param(
            lambda c: f"postgresql://openbell@127.0.0.1:{c.port}/x", "user and password", True, id="none"
        ),
        pytest.param(lambda c: c.url("x", sslmode="perhaps"), "an option in", True, id="option"),
        pytest.param(lambda c: c.url("no-such-database"), "no such database", True, id="database"),
        pytest.param(lambda c: c.url("x", sslmode="require"), "speaks no TLS", True, id="tls"),
        pytest.param(
            lambda c: c.url("x").replace("127.0.0.1", "db.invalid"), "name of the host", False, id="host"
        ),
        pytest.param(
            lambda c: c.url("x").replace(f":{c.port}/", f":{free_port()}/"),
            "nobody listens",
            False,
            id="port",
        ),
        pytest.param(
            lambda c: f"postgresql:///x?host=/no/such/folder&user=openbell&password={PASSWORD}",
            "nobody listens",
            False,
            id="socket",
        ),
    ],
)
async def test_a_wrong_address_is_said_to_be_wrong(postgres_cluster, made, finding, lasting) -> None:
    refused = await refusal(made(postgres_cluster))
    assert finding in str(refused)
    assert refused.lasting is lasting


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:wrong-word%zz@host/x",
        "postgresql://user:wrong-word@host/x?no_such_option=1",
        "host=x password='wrong-word",
        "postgresql://user:wrong-word@[::1/x",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_quoting_it(url) -> None:
    with pytest.raises(ValueError, match="expected one such as") as caught:
        Address(url)
    assert "wrong-word" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_place_is_for_people_and_holds_no_secret() -> None:
    address = Address("postgresql://asha:wrong-word@one:5433,two:5433/desks?sslpassword=other-word")
    assert address.place == str(address) == "one:5433,two:5433/desks"
    assert address.hosts == 2
    assert "wor" not in repr(address)
    assert address.hide("wrong-word, 'other-word'; wrong-words") == "…, '…'; wrong-words"


async def test_what_is_not_postgresql_is_said_not_to_be(postgres_cluster) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        refused = await refusal(f"postgresql://openbell:{PASSWORD}@127.0.0.1:{port}/x")
        assert "not PostgreSQL" in str(refused)
        assert refused.lasting


async def test_one_that_says_nothing_is_not_waited_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        refused = await refusal(f"postgresql://openbell@127.0.0.1:{silent.getsockname()[1]}/x", 0.3)
        assert time.monotonic() - started < 2
    assert "does not answer" in str(refused)
    assert not refused.lasting


async def test_of_several_hosts_the_one_that_answers_is_taken(postgres_cluster) -> None:
    name = postgres_cluster.create()
    url = postgres_cluster.url(name).replace(
        f"127.0.0.1:{postgres_cluster.port}", f"127.0.0.1:{free_port()},127.0.0.1:{postgres_cluster.port}"
    )
    connection = await connect(Address(url))
    await connection.close()


def test_an_older_server_is_refused() -> None:
    address = Address("postgresql://host/x")
    assert too_old(address, 150_000) is None
    refused = too_old(address, 140_013)
    assert refused is not None
    assert refused.lasting
    assert "PostgreSQL 14; it must be 15 or newer" in str(refused)


@pytest.mark.parametrize(
    ("error", "finding", "lasting"),
    [
        (psycopg.errors.InsufficientPrivilege("permission denied"), "may not do that", True),
        (psycopg.errors.UndefinedTable("no relation"), "tables are not there", True),
        (psycopg.errors.ReadOnlySqlTransaction("cannot execute"), "lets nobody write", False),
        (psycopg.errors.DiskFull("could not extend file"), "disk is full", False),
        (psycopg.errors.TooManyConnections("sorry, too many clients already"), "no more connections", False),
        (psycopg.errors.AdminShutdown("terminating connection"), "starting or stopping", False),
        (psycopg.errors.LockNotAvailable("canceling statement"), "held up", False),
        (
            psycopg.OperationalError("server closed the connection unexpectedly"),
            "connection has ended",
            False,
        ),
        (psycopg.OperationalError("the connection is lost"), "connection has ended", False),
        (TimeoutError(), "does not answer", False),
        (psycopg.errors.InvalidPassword("no"), "user and password", True),
    ],
)
def test_each_trouble_has_its_remedy_and_is_known_to_last_or_to_pass(error, finding, lasting) -> None:
    told = explain(Address("postgresql://host/x"), error)
    assert finding in str(told)
    assert told.lasting is lasting


def test_an_error_that_nobody_knows_is_told_as_it_is() -> None:
    told = explain(Address("postgresql://u:wrong-word@host/x"), OSError("odd: wrong-word\nand more"))
    assert str(told) == "host:5432/x: odd: … and more; look at the server, waiting goes on"
    assert not told.lasting


@pytest.fixture(scope="module")
def tls_cluster() -> Iterator[Cluster]:
    """A server with a certificate of its own, for the host `localhost`."""
    with running_cluster() as cluster:
        certificate, key = cluster.folder / "server.crt", cluster.folder / "server.key"
        subprocess.run(
            [program("openssl"), "req", "-new", "-x509", "-days", "2", "-nodes", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost", "-out", certificate, "-keyout", key],
            check=True, capture_output=True,
        )  # fmt: skip
        key.chmod(0o600)
        give_away(key)
        cluster.stop()
        cluster.settings = {"ssl": "on", "ssl_cert_file": str(certificate), "ssl_key_file": str(key)}
        hba = cluster.data / "pg_hba.conf"
        hba.write_text("local all all trust\nhostssl all openbell 127.0.0.1/32 scram-sha-256\n")
        cluster.start()
        yield cluster


async def test_a_server_that_asks_for_tls_gets_it_and_its_certificate_is_checked(tls_cluster) -> None:
    name, root = tls_cluster.create(), str(tls_cluster.folder / "server.crt")
    by_name = tls_cluster.url(name, sslmode="verify-full", sslrootcert=root).replace("127.0.0.1", "localhost")
    connection = await connect(Address(by_name + "&hostaddr=127.0.0.1"))
    await connection.close()


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        pytest.param({"sslmode": "disable"}, "not without TLS", id="without TLS"),
        pytest.param({"sslmode": "verify-full"}, "certificate is not trusted", id="unknown authority"),
        pytest.param({"sslmode": "verify-full", "sslrootcert": "own"}, "is not trusted", id="another name"),
        pytest.param(
            {"sslmode": "verify-ca", "sslrootcert": "/no/such"}, "is not trusted", id="no authority"
        ),
        pytest.param({"sslmode": "require", "sslrootcert": "system"}, "verify-full", id="weak mode"),
    ],
)
async def test_trouble_with_tls_is_told(tls_cluster, options, finding) -> None:
    if options.get("sslrootcert") == "own":
        options = {**options, "sslrootcert": str(tls_cluster.folder / "server.crt")}
    refused = await refusal(tls_cluster.url("postgres", **options))
    assert finding in str(refused)
    assert refused.lasting
