"""On a real file system, by a real clock: what other processes do to a credential's file."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from agent.abilities import CredentialState
from agent.clock import SystemClock
from agent.config.credentials import EnvFileSettings, EnvironmentSettings
from agent.runtime.credentials import CredentialService, StoredCredential
from agent.runtime.credentials.watching import POLL
from agent.testing import MemoryStore, running

PATIENCE_S = 15.0
NOBODY = 65534


@asynccontextmanager
async def watched(path: Path, poll: timedelta = POLL) -> AsyncIterator[StoredCredential]:
    """The credential in a file, once the watch stands: it has then seen a first change."""
    tables = {"kite": EnvFileSettings(source="env-file", path=str(path))}
    service = CredentialService(
        tables, clock=SystemClock(), store=MemoryStore(), folder=path.parent, poll=poll
    )
    await service.start()
    async with running(service):
        credential = service.credentials["kite"]
        if path.exists():
            in_place(path, "one")
            await until(credential, says("one"))
        yield credential


async def until(credential: StoredCredential, holds: Callable[[CredentialState], bool]) -> CredentialState:
    async with asyncio.timeout(PATIENCE_S):
        return await credential.state.until(holds)


def says(value: str | None) -> Callable[[CredentialState], bool]:
    return lambda state: (state.secret.value if state.secret else None) == value


def text(value: str) -> str:
    return f"# desk\nZERODHA_ACCESS_TOKEN={value}\nOTHER='x'\n"


@pytest.fixture
def env(tmp_path: Path) -> Path:
    path = tmp_path / "desk" / ".env"
    path.parent.mkdir()
    path.write_text(text("zero"))
    path.chmod(0o600)
    return path


def rename_over(path: Path, value: str) -> None:
    new = path.with_name("new")
    new.write_text(text(value))
    new.rename(path)


def as_vim_does(path: Path, value: str) -> None:
    path.rename(path.with_name(".env~"))
    path.write_text(text(value))
    path.with_name(".env~").unlink()


def in_place(path: Path, value: str) -> None:
    path.write_text(text(value))


def in_two_writes(path: Path, value: str) -> None:
    with path.open("w") as file:
        file.write(text(value)[:20])
        file.flush()
        file.write(text(value)[20:])


def delete_and_return(path: Path, value: str) -> None:
    path.unlink()
    path.write_text(text(value))


def with_crlf_and_bom(path: Path, value: str) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + text(value).replace("\n", "\r\n").encode())


@pytest.mark.parametrize(
    "change", [rename_over, as_vim_does, in_place, in_two_writes, delete_and_return, with_crlf_and_bom]
)
async def test_a_new_token_is_noticed_within_a_quarter_second(
    env: Path, change: Callable[[Path, str], None]
) -> None:
    async with watched(env) as credential:
        seen: list[CredentialState] = []
        credential.state.subscribe(seen.append)
        began = asyncio.get_running_loop().time()
        change(env, "two")
        await until(credential, says("two"))
        took = asyncio.get_running_loop().time() - began
        assert [state.secret and state.secret.value for state in seen] == ["two"]
    assert took < 0.5, f"a quarter second on a quiet machine, {took:.3f} s here"


async def test_a_file_that_appears_only_later_is_noticed(env: Path) -> None:
    env.unlink()
    async with watched(env) as credential:
        assert credential.state.value == CredentialState()
        env.write_text(text("two"))
        await until(credential, says("two"))


async def test_a_deleted_file_is_a_lost_token_after_the_grace(env: Path) -> None:
    async with watched(env) as credential:
        env.unlink()
        state = await until(credential, says(None))
        assert state == CredentialState()


async def test_the_target_of_a_link_is_watched_and_so_is_the_link(env: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "token.env"
    target.parent.mkdir()
    target.write_text(text("zero"))
    env.unlink()
    env.symlink_to(target)
    async with watched(env) as credential:
        target.write_text(text("two"))
        await until(credential, says("two"))
        other = tmp_path / "third.env"
        other.write_text(text("three"))
        swap = env.with_name("swap")
        swap.symlink_to(other)
        swap.rename(env)
        await until(credential, says("three"))


async def test_a_secret_mounted_as_kubernetes_does_is_followed_through_its_swap(tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    for version, value in (("..v1", "zero"), ("..v2", "two")):
        (mount / version).mkdir(parents=True)
        (mount / version / ".env").write_text(text(value))
    (mount / "..data").symlink_to("..v1")
    (mount / ".env").symlink_to("..data/.env")
    async with watched(mount / ".env") as credential:
        (mount / "..new").symlink_to("..v2")
        (mount / "..new").rename(mount / "..data")
        await until(credential, says("two"))


async def test_a_broken_file_is_told_of_and_the_token_stays(env: Path) -> None:
    async with watched(env) as credential:
        env.write_text("A='open\n" + text("two"))
        state = await until(credential, lambda state: bool(state.trouble))
        assert "line 4: text behind a closing quote; the quote opened on line 1" in state.trouble
        assert says("one")(state)
        env.write_bytes(b"#" * 10_000_000)
        await until(credential, lambda state: "larger than" in state.trouble)
        env.write_text(text("two"))
        state = await until(credential, says("two"))
        assert state.trouble == ""


@contextmanager
def without_roots_powers() -> Iterator[None]:
    """Root reads whatever it likes, so that a test run by root becomes nobody for a while."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


async def test_a_file_that_may_not_be_read_is_told_of_and_the_token_stays(env: Path) -> None:
    async with watched(env) as credential:
        env.chmod(0)
        with without_roots_powers():
            state = await until(credential, lambda state: "permission denied" in state.trouble)
        assert says("one")(state)
        env.chmod(0o600)
        await until(credential, lambda state: not state.trouble)


async def test_a_folder_that_is_replaced_is_watched_again(env: Path) -> None:
    async with watched(env, poll=timedelta(seconds=0.2)) as credential:
        shutil.rmtree(env.parent)
        await until(credential, says(None))
        env.parent.mkdir()
        env.write_text(text("two"))
        await until(credential, says("two"))


async def test_our_own_write_is_seen_once_and_keeps_the_other_lines(env: Path) -> None:
    async with watched(env) as credential:
        seen: list[CredentialState] = []
        credential.state.subscribe(seen.append)
        secret = await credential.write("two")
        assert credential.state.value.secret == secret
        rename_over(env, "three")
        await until(credential, says("three"))
        assert [state.secret and state.secret.value for state in seen] == ["two", "three"]


async def test_two_accounts_in_one_file_may_be_written_at_once(env: Path) -> None:
    other = EnvFileSettings(source="env-file", path=str(env), key="SECOND")
    tables = {"kite": EnvFileSettings(source="env-file", path=str(env)), "second": other}
    service = CredentialService(tables, clock=SystemClock(), store=MemoryStore(), folder=env.parent)
    await service.start()
    await asyncio.gather(*(service.credentials[name].write("new") for name in tables))
    assert env.read_text() == text("new") + "SECOND=new\n"
    assert service.values() == {"new"}
    assert service.troubles() == {}


async def test_without_a_file_to_watch_nothing_is_watched_nor_imported(tmp_path: Path) -> None:
    table = EnvironmentSettings(source="environment", variable="TOKEN")
    service = CredentialService(
        {"kite": table},
        clock=SystemClock(),
        store=MemoryStore(),
        folder=tmp_path,
        environment={"TOKEN": "abc"},
    )
    await service.start()
    async with running(service) as task:
        await asyncio.sleep(0)
        assert not task.done()
        assert service.values() == {"abc"}


async def test_a_secret_that_others_can_read_is_warned_of_at_the_start(
    env: Path, caplog: pytest.LogCaptureFixture
) -> None:
    env.chmod(0o644)
    tables = {"kite": EnvFileSettings(source="env-file", path=".env")}
    service = CredentialService(tables, clock=SystemClock(), store=MemoryStore(), folder=env.parent)
    await service.start()
    assert "can be read by every user (mode 0644); chmod 600 it" in caplog.text
    assert "zero" not in caplog.text


async def test_credentials_come_and_go_and_those_that_stay_keep_what_is_known_of_them(env: Path) -> None:
    tables = {
        "kite": EnvFileSettings(source="env-file", path=".env"),
        "gone": EnvFileSettings(source="env-file", path=".env", key="OTHER"),
    }
    service = CredentialService(tables, clock=SystemClock(), store=MemoryStore(), folder=env.parent)
    await service.start()
    kept = service.credentials["kite"]
    (env.parent / "new.env").write_text("TOKEN=fresh\n")
    opened = service.open({"new": EnvFileSettings(source="env-file", path="new.env", key="TOKEN")})
    await service.load(opened)
    service.adopt(opened, gone=["gone"])
    assert list(service.credentials) == ["kite", "new"]
    assert service.credentials["kite"] is kept
    async with running(service):
        in_place(env.parent / "new.env", "x")
        (env.parent / "new.env").write_text("TOKEN=fresher\n")
        await until(service.credentials["new"], says("fresher"))
