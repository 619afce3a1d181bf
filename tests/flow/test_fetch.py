"""A project whose histories lie in a database, as far as no server is needed."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from small_company import run

from churnml.config import Params
from churnml.errors import ConfigError
from churnml.flow.contracts import contracts, fetched_files
from churnml.flow.raw import folder_of


def params(address: str | None, folder: str | None = "data/fetched", file: object = "sales.orders") -> Params:
    orders = {"kind": "events", "file": file, "id": "cid", "time": "at"}
    place = {"database": address, "folder": folder, "as_of": "2024-06-30", "tables": {"orders": orders}}
    return Params.model_validate({"histories": place, "churn": {"definition": "inactivity", "table": "orders"}})


def test_a_run_of_a_database_needs_the_folder_it_is_read_to() -> None:
    assert folder_of(params("postgresql://u@h/d")) == "data/fetched"
    with pytest.raises(ConfigError, match=r"params.yaml: histories.folder: .* Write folder: data/fetched beside"):
        folder_of(params("postgresql://u@h/d", folder=None))


@pytest.mark.parametrize(
    ("file", "label", "files"),
    [
        ("sales.orders", "sales.orders", ("orders.parquet",)),
        (["a", "b.c", "d"], "a and 2 more", ("orders-0.parquet", "orders-1.parquet", "orders-2.parquet")),
    ],
)
def test_each_relation_gets_a_file(file: object, label: str, files: tuple[str, ...]) -> None:
    (contract,) = contracts(params("postgresql://u@h/d", file=file))
    assert (contract.file, fetched_files(contract)) == (label, files)


def stage_fetch(folder: Path, address: str | None) -> int:
    kept = params(address, file="o.csv" if address is None else "o", folder="raw" if address is None else None)
    (folder / "data" / "resolved").mkdir(parents=True)
    (folder / "data" / "resolved" / "params.json").write_text(kept.model_dump_json())
    return run(folder, "fetch")


def test_without_a_database_there_is_nothing_to_fetch(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert stage_fetch(tmp_path, None) == 2
    assert "histories.database: no database to read" in capfd.readouterr().err


@pytest.mark.parametrize("option", ["", "?connect_timeout=1"])
def test_a_server_that_is_not_there_ends_with_7(
    option: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "canary")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there
        assert stage_fetch(tmp_path, f"postgresql://canary@127.0.0.1:{taken.getsockname()[1]}/shop{option}") == 7
    told = capfd.readouterr().err + (tmp_path / "reports" / "last_error.json").read_text()
    assert "histories.database: the database cannot be reached" in told
    assert "canary" not in told
    assert json.loads((tmp_path / "reports" / "last_error.json").read_text())["rule"] == "environment.database"
    assert not (tmp_path / "data" / "fetched").exists()
