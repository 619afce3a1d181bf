"""Where the raw tables lie: a folder of files or a database, and which parts each table has there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from churnml.errors import ConfigError, DataError, did_you_mean
from churnml.histories.agreement import check_agreement
from churnml.histories.contract import TableContract, is_table_file
from churnml.histories.parts import Part
from churnml.histories.readers import open_part
from churnml.histories.sidecar import SIDECAR_ENDING, read_sidecar
from churnml.storage import digest_bytes, resolve

__all__ = ["FolderSource", "Source", "digest_of", "entries_of", "open_source"]

_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", "~")


class Source(Protocol):
    """A place from which the parts of tables are read."""

    def parts(self, contract: TableContract) -> list[Part]:
        """Return the parts of a table, of one kind, in a fixed order."""
        ...


@contextmanager
def open_source(*, root: Path, folder: str | None, database: str | None = None) -> Iterator[Source]:
    """Open the folder, or one connection to the database for all tables of a run.

    Parameters
    ----------
    root : Path
        Project folder.
    folder : str or None
        Folder of the files, relative to ``root``; None = the database.
    database : str or None
        Address without password.

    Raises
    ------
    ConfigError
        If the folder leads outside the project, or neither is given.
    EnvironmentFault
        If the database cannot be reached.
    """
    if folder is not None:
        yield FolderSource(resolve(folder, root=root, key="histories.folder"))
    elif database is not None:
        # Imported here because files are read without the database driver.
        from churnml.histories.database import open_database

        with open_database(database) as source:
            yield source
    else:
        raise ConfigError(
            "folder and database: neither given",
            rule="config.source",
            column="histories",
            next_step="Give exactly one of the two.",
        )


class FolderSource:
    """Files inside one folder, by literal name.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def parts(self, contract: TableContract) -> list[Part]:
        """Return the files of a table after their headers and types were compared.

        Raises
        ------
        ConfigError
            If a name leads outside the folder.
        DataError
            If a file is absent or damaged, or differs from an earlier one in its columns or their types.
        """
        key = f"histories.tables.{contract.name}.file"
        paths = [path for name in contract.sources for path in self._files(name, contract, key=key)]
        _refuse_mixed(paths, contract, key=key)
        is_itself = len(contract.sources) == 1 and paths == [self._folder / contract.sources[0]]
        parts = []
        for path in paths:
            name = path.relative_to(self._folder).as_posix()
            sidecar = read_sidecar(resolve(name + SIDECAR_ENDING, root=self._folder, key=key))
            own = replace(contract, file=contract.file if is_itself else name, files=())
            parts.append(open_part(path, own, sidecar=sidecar))
        check_agreement(parts, contract)
        return parts

    def _files(self, name: str, contract: TableContract, *, key: str) -> list[Path]:
        """Return the file of that name, or the files of the folder of that name."""
        path = resolve(name, root=self._folder, key=key)
        if path.is_dir():
            names = [each.name for each in path.iterdir() if _is_table(each)]
            # Each name is resolved of its own: a link in the folder may lead out of it.
            found = [resolve(f"{name.rstrip('/')}/{each}", root=self._folder, key=key) for each in sorted(names)]
            if not found:
                raise _not_found("no .csv and no .parquet file in the folder", name, key)
            return found
        if not path.is_file():
            near = sorted(p.name for p in path.parent.glob("*") if is_table_file(p.name) and p.is_file())
            raise _not_found("file not found", contract.file if name == contract.file else name, key, near=near)
        return [path]


def _is_table(path: Path) -> bool:
    is_hidden = path.name.startswith((".", "_", "~")) or path.name.endswith(_UNFINISHED)
    return is_table_file(path.name) and not is_hidden and path.is_file()


def _not_found(problem: str, name: str, key: str, *, near: Sequence[str] = ()) -> DataError:
    return DataError(
        problem,
        rule="data.file_missing",
        file=name,
        column=key,
        next_step=did_you_mean(Path(name).name, near) or "Put it there, or correct the name in params.yaml.",
    )


def _refuse_mixed(paths: Sequence[Path], contract: TableContract, *, key: str) -> None:
    """Refuse CSV beside Parquet, and one file that is named twice."""
    if len({path.suffix.lower() == ".parquet" for path in paths}) > 1:
        raise DataError(
            "both .csv and .parquet files",
            rule="data.file_types",
            file=contract.file,
            column=key,
            count=len(paths),
            next_step="Keep one of the two, so that no row is read twice.",
        )
    if len({path.resolve() for path in paths}) < len(paths):
        raise ConfigError(
            "names the same file twice", rule="config.twice", column=key, next_step="Name every file once."
        )


def digest_of(parts: Sequence[Part]) -> str:
    """Return the SHA-256 of what was read of a table: that of its one part, or of the digests of several by name."""
    if len(parts) == 1:
        return parts[0].digest
    lines = sorted(f"{part.digest}  {part.name}\n" for part in parts)
    return digest_bytes("".join(lines).encode())


def entries_of(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Return name, rows and digest of each part, as the manifest of the prepared store keeps them."""
    return [{"file": part.name, "rows": part.n_rows, "sha256": part.digest} for part in parts]
