"""Where the record is kept: opened once under a lock, with bounded waiting, its failures told as ours."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from churnml.errors import ChurnmlError, EnvironmentFault, ModelError
from churnml.storage import new_file

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Store", "has_store", "open_store", "server_address", "unusable"]

_LOCK_WAIT_SECONDS = 60.0
_STORE_BYTES = 2 << 20
"""What a store takes when it is made, and its journal."""

_FORCED = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_DEFAULTS = {
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A dead server is noticed within a minute: at most three tries of ten seconds.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0.5",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
}
_NOT_LET_IN = {"UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED"}
_OUR_REQUEST_WAS_REFUSED = {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "BAD_REQUEST"}


@dataclass(frozen=True, slots=True)
class Store:
    """An open tracking store and registry.

    Parameters
    ----------
    root : Path
        The project's folder.
    client : MlflowClient
    is_served : bool
        Whether a tracking server stands between us and the files.
    """

    root: Path
    client: MlflowClient
    is_served: bool

    @property
    def artifacts(self) -> Path:
        """Return the folder all files of an own store lie in."""
        return self.root.resolve() / "mlartifacts"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes of this project out meanwhile; a server has to see to that itself."""
        if self.is_served:
            yield
        else:
            with _locked(self.root):
                yield


def has_store(root: Path) -> bool:
    """Return whether there is anything to look into, without importing MLflow or creating a store."""
    return _configured_uri() is not None or (root / "mlflow.db").exists()


@contextmanager
def open_store(root: Path) -> Iterator[Store]:
    """Open the store, creating the project's own one at its first use.

    Raises
    ------
    EnvironmentFault
        If it cannot be reached, read, written, or locked in time.
    ModelError
        If it refuses what was asked of it.
    """
    os.environ.update(_FORCED)
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    from mlflow.exceptions import MlflowException

    others: tuple[type[Exception], ...] = (OSError, sqlite3.Error, *_database_errors())
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        # MLflow asks its database library for what that has deprecated: nothing our user could act on.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield _open(root)
    except ChurnmlError:
        raise
    except MlflowException as error:
        if error.error_code in _OUR_REQUEST_WAS_REFUSED:
            raise ModelError(
                "refused by the model registry", rule="model.registry_refused", next_step="Run churnml doctor."
            ) from error
        if error.error_code in _NOT_LET_IN:
            raise _denied() from error
        raise _full(root, error) or unusable() from error
    except others as error:
        # MLflow lets what its database library says while a store is made pass as it is.
        raise _full(root, error) or unusable() from error


def _database_errors() -> tuple[type[Exception], ...]:
    """Return what a database library raises; a server is spoken to without one."""
    try:
        from sqlalchemy.exc import SQLAlchemyError
    except ModuleNotFoundError:
        return ()
    return (SQLAlchemyError,)


def _full(root: Path, error: BaseException | None) -> EnvironmentFault | None:
    """Return the error for a disk that is full, where that is what the database says; None otherwise."""
    while error is not None:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            free = shutil.disk_usage(root).free
            return EnvironmentFault(
                f"cannot be written ({'disk full' if code == sqlite3.SQLITE_FULL else 'input/output error'}; about "
                f"{_STORE_BYTES:,} bytes are needed, {free:,} are free)",
                rule="environment.no_room",
                file="mlflow.db",
                next_step="Free disk space, then run again.",
            )
        error = error.__cause__ or error.__context__ or getattr(error, "orig", None)
    return None


def server_address() -> str | None:
    """Return the address of the tracking server, or None where the store is one of files or a database."""
    uri = _configured_uri()
    return uri if uri is not None and uri.startswith(("http://", "https://")) else None


def unusable() -> EnvironmentFault:
    """Return the error for a store that cannot be reached, read or written."""
    return EnvironmentFault(
        "the tracking store cannot be used",
        rule="environment.tracking",
        file="mlflow.db" if _configured_uri() is None else None,
        next_step="Check disk and permissions, or the server MLFLOW_TRACKING_URI names, then run again.",
    )


def _denied() -> EnvironmentFault:
    """Return the error for a server that answers, and does not let us in; neither name nor password is told."""
    return EnvironmentFault(
        "the tracking server does not let us in with this user name and password",
        rule="environment.tracking_denied",
        next_step="Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to those of a user who may read, and for "
        "training write, the experiments and models, then run again.",
    )


def _configured_uri() -> str | None:
    return os.environ.get("MLFLOW_TRACKING_URI", "").strip() or None


def _open(root: Path) -> Store:
    from mlflow import MlflowClient

    own = root.resolve() / "mlflow.db"
    uri = _configured_uri()
    if uri is not None and not _is_file(uri, own):
        # Left to MLflow: the registry is the tracking server unless MLFLOW_REGISTRY_URI says otherwise.
        client = MlflowClient(uri, os.environ.get("MLFLOW_REGISTRY_URI") or uri)
        return Store(root, client, is_served=server_address() is not None)
    with _locked(root):
        # MLflow's schema migration fails where two processes start it at once, and leaves half a schema when killed.
        if not own.exists():
            with new_file(own) as temp:
                _connect(temp)
        _follow_folder(own, root.resolve() / "mlartifacts")
        return Store(root, _connect(own), is_served=False)


def _is_file(uri: str, path: Path) -> bool:
    scheme = "sqlite:///"
    return uri.startswith(scheme) and Path(uri.removeprefix(scheme)).resolve() == path


def _connect(database: Path) -> MlflowClient:
    from mlflow import MlflowClient

    uri = f"sqlite:///{database}"
    client = MlflowClient(uri, uri)
    client.search_registered_models(max_results=1)
    return client


def _follow_folder(database: Path, artifacts: Path) -> None:
    """Point the store to its artefacts where the project was moved or copied; MLflow keeps absolute addresses."""
    here = artifacts.as_uri()
    with closing(sqlite3.connect(database, timeout=10)) as connection, connection:
        known = connection.execute("SELECT DISTINCT artifact_location FROM experiments WHERE name LIKE 'churnml/%'")
        for (old,) in known.fetchall():
            if old != here:
                connection.execute(
                    "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) WHERE substr(artifact_uri, 1, ?) = ?",
                    (here, len(old) + 1, len(old) + 1, f"{old}/"),
                )
                connection.execute(
                    "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (here, old)
                )


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    folder = root / "mlartifacts"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        _wait_for(descriptor)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int) -> None:
    give_up = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                raise EnvironmentFault(
                    "another process has held the tracking store for too long",
                    rule="environment.tracking_lock",
                    file="mlartifacts/.lock",
                    next_step="Wait for it or end it, then run again.",
                ) from None
            time.sleep(0.05)
        else:
            return
