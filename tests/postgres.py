"""A PostgreSQL cluster of a test run's own: in a temporary folder, on a free loopback port, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as postgresql
import pytest

PASSWORD = "canary-password"
_SETTINGS = "-F -c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c max_connections=20"


@dataclass(frozen=True)
class Cluster:
    """A running server; ``owner`` may do everything, ``reader`` only what it is granted."""

    port: int

    def address(self, user: str = "owner", database: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str) -> None:
        """Run statements as the owner, each committed."""
        with postgresql.connect(self.address(), autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def binaries() -> Path | None:
    """Return the folder of the server's programs: on the PATH, or where Debian puts them."""
    on_path = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    folders += [Path(on_path).resolve().parent] if on_path else []
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


def _as_somebody_else(folder: Path) -> dict[str, Any]:
    """Return how a process is started that must not be root; the folder becomes that user's."""
    if os.geteuid():
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed; .ci/install-services does it on Debian")
    # Not in the folder of a test: only its own user may enter that one.
    with tempfile.TemporaryDirectory(prefix="churnml-postgres-", ignore_cleanup_errors=True) as folder:
        yield from _cluster(Path(folder), programs)


def _cluster(folder: Path, programs: Path) -> Iterator[Cluster]:
    (folder / "password").write_text(PASSWORD)
    somebody = _as_somebody_else(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def program(name: str, *words: str) -> None:
        subprocess.run(
            [programs / name, "-D", folder / "data", *words],
            check=True,
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            cwd="/",
            **somebody,
        )

    program("initdb", "-A", "scram-sha-256", "-U", "owner", f"--pwfile={folder / 'password'}", "-E", "UTF8", "-N")
    program("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", _SETTINGS.format(port=port))
    try:
        yield Cluster(port)
    finally:
        program("pg_ctl", "stop", "-w", "-m", "immediate")
