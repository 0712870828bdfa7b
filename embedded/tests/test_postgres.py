"""The launcher, on real servers. They are made without fsync: here nothing has to survive the loss of power."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from embedded.postgres import HomeInUse, Server, ServerFailed

FAST = {"fsync": "off"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared") / "home"


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    """Not started; one cluster serves all tests, because making one takes longest."""
    server = Server(home, settings=FAST)
    yield server
    server.stop()


@pytest.fixture
def started(server: Server) -> Server:
    server.start()
    return server


def write_a_row(server: Server) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("drop table if exists kept")
        connection.execute("create table kept as select 42 as answer")


def read_the_row(server: Server) -> int:
    with psycopg.connect(server.url) as connection:
        return connection.execute("select answer from kept").fetchone()[0]


def pid_of(server: Server) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


def test_a_started_server_answers_with_safe_settings(tmp_path: Path) -> None:
    with Server(tmp_path) as server, psycopg.connect(server.url) as connection:
        names = ["fsync", "data_checksums", "listen_addresses", "unix_socket_directories", "TimeZone", "server_encoding"]
        settings = [connection.execute("select current_setting(%s)", [name]).fetchone()[0] for name in names]

    assert settings == ["on", "on", "127.0.0.1", "", "UTC", "UTF8"]


def test_settings_of_the_caller_win(started: Server) -> None:
    with psycopg.connect(started.url) as connection:
        assert connection.execute("show fsync").fetchone() == ("off",)


def test_data_and_address_survive_a_restart(server: Server) -> None:
    before = server.start()
    write_a_row(server)
    server.stop()
    assert not server.is_running

    assert server.start() == before
    assert read_the_row(server) == 42


def test_a_port_taken_meanwhile_is_replaced(server: Server) -> None:
    before = server.start()
    server.stop()

    with socket.create_server(("127.0.0.1", int(before.split(":")[-1].split("/")[0]))):
        assert server.start() != before


def test_a_wanted_port_that_is_taken_is_refused_by_number(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(ServerFailed, match=f"port {port}, wanted for PostgreSQL, is in use"):
            Server(home, port=port, settings=FAST).start()


def test_a_wrong_password_is_refused(started: Server) -> None:
    password = started.url.split(":")[2].split("@")[0]

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(started.url.replace(password, secrets.token_urlsafe(24)))


def test_no_password_is_refused(started: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect("postgresql://postgres@" + started.url.split("@")[1])


def test_the_password_is_readable_by_its_owner_alone(started: Server) -> None:
    assert (started.folder / "password").stat().st_mode & 0o777 == 0o600


def test_a_second_start_in_the_same_home_is_refused_by_name(started: Server) -> None:
    with pytest.raises(HomeInUse, match=rf"{started.home} is in use by another Duebook \(process {os.getpid()}\)"):
        Server(started.home).start()

    assert started.is_running
    psycopg.connect(started.url).close()


def test_a_killed_server_starts_again_with_what_was_committed(started: Server) -> None:
    write_a_row(started)

    os.kill(pid_of(started), signal.SIGKILL)
    started.stop()
    started.start()

    assert read_the_row(started) == 42


def test_a_backend_busy_in_a_query_does_not_bar_the_start_after_a_kill(started: Server) -> None:
    with psycopg.connect(started.url) as busy:
        busy.pgconn.send_query(b"select count(*) from generate_series(1, 1000000000)")
        time.sleep(0.1)

        os.kill(pid_of(started), signal.SIGKILL)
        started.stop()
        started.start()

        assert started.is_running
        busy.close()


def test_a_server_that_outlived_its_killed_parent_is_ended_first(server: Server) -> None:
    parent = "import os, sys; from embedded.postgres import Server; Server(sys.argv[1]).start(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", parent, server.home]).returncode == 9
    outlived = pid_of(server)
    write_a_row(server)

    server.start()

    assert pid_of(server) != outlived
    assert read_the_row(server) == 42


def test_a_record_that_names_a_stranger_does_not_bar_the_start(server: Server) -> None:
    server.start()
    record = (server.data / "postmaster.pid").read_text()
    server.stop()
    with subprocess.Popen(["sleep", "60"], **({"user": "nobody"} if os.geteuid() == 0 else {})) as stranger:
        (server.data / "postmaster.pid").write_text(record.replace(record.split()[0], str(stranger.pid), 1))

        server.start()

        assert stranger.poll() is None
        stranger.kill()


def test_stopping_leaves_no_process_and_frees_the_home(server: Server) -> None:
    server.start()
    pid = pid_of(server)

    server.stop()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with Server(server.home, settings=FAST) as again:
        assert again.is_running


def test_a_client_does_not_delay_the_stop(started: Server) -> None:
    with psycopg.connect(started.url, autocommit=True):
        begin = time.monotonic()

        started.stop()

    assert time.monotonic() - begin < 5


def test_a_home_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ServerFailed, match=f"cannot use {tmp_path}/file/home: Not a directory"):
        Server(tmp_path / "file" / "home").start()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_home_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(ServerFailed, match=f"cannot use {tmp_path}/lock: Permission denied"):
        Server(tmp_path).start()


def test_a_server_that_cannot_start_says_why_in_one_line(server: Server) -> None:
    server.start()
    server.stop()

    with pytest.raises(
        ServerFailed, match=r'cannot start in .*: invalid value for parameter "max_connections": "many"'
    ) as refusal:
        Server(server.home, settings={"max_connections": "many"}).start()

    assert "\n" not in str(refusal.value)


def test_an_unfinished_cluster_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data.new" / "base").mkdir(parents=True)
    (tmp_path / "postgres" / "password").write_text("half")

    with Server(tmp_path, settings=FAST) as server:
        psycopg.connect(server.url).close()


def test_data_of_another_version_are_refused_with_both_versions(server: Server) -> None:
    server.start()
    server.stop()
    version = (server.data / "PG_VERSION").read_text()
    (server.data / "PG_VERSION").write_text("14\n")

    with pytest.raises(ServerFailed, match=rf"belong to PostgreSQL 14; .* is version {version.strip()}"):
        server.start()

    (server.data / "PG_VERSION").write_text(version)


def test_missing_programs_are_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUEBOOK_PG_BIN", "/nowhere")

    with pytest.raises(ServerFailed, match="DUEBOOK_PG_BIN names /nowhere, which holds no initdb"):
        server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_root_runs_the_server_as_nobody_and_leaves_no_copy_of_its_programs(server: Server) -> None:
    server.start()
    assert os.stat(f"/proc/{pid_of(server)}").st_uid == server.data.stat().st_uid != 0
    copy = (server.folder / "programs").readlink() if (server.folder / "programs").is_symlink() else None

    server.stop()

    assert copy is None or not copy.exists()
