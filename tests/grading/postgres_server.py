"""A PostgreSQL server of Debian's packages for the tests, that nobody else can reach."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))


@contextmanager
def postgres_server() -> Iterator[Callable[[str], str]]:
    """Start a server; `new(name, template=...)` makes a database and gives its URL. Skips where there is no server."""
    pytest.importorskip("psycopg", reason="no psycopg is installed: pip install 'psycopg[binary]'")
    if not PROGRAMS:
        pytest.skip("no PostgreSQL is installed (Debian: apt install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a short path: sockets allow 107 characters
    as_user = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user `postgres`")
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        os.chown(folder, user.pw_uid, user.pw_gid)
    data, log = folder / "data", folder / "log"
    settings = {"cwd": folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **as_user}

    def run(program: str, *arguments: str) -> None:
        command = [str(PROGRAMS[-1] / program), *arguments]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **settings)
        assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")

    try:
        run("initdb", "--pgdata", str(data), "--username=tester", "--auth=trust", "--encoding=UTF8", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c full_page_writes=off"
        run("pg_ctl", "--pgdata", str(data), "--log", str(log), "--wait", "-o", options, "start")
        try:
            yield lambda name, template="template0": _new(folder, name, template)
        finally:
            run("pg_ctl", "--pgdata", str(data), "--mode=immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _new(folder: Path, name: str, template: str) -> str:
    engine = sqlalchemy.create_engine(_url(folder, "postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    engine.dispose()
    return _url(folder, name)


def _url(folder: Path, name: str) -> str:
    return f"postgresql+psycopg://tester@/{name}?host={folder}"
