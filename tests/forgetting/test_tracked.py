from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from forgetting_project import ID, OTHER, WHO, database

from churnml.errors import EnvironmentFault
from churnml.forgetting import tracked
from churnml.forgetting.tracked import clean_database, registered_versions

VALUES = 'SELECT value FROM "pa""rams" ORDER BY 1'


def test_ep_12_words_leave_the_database_and_its_free_pages(tmp_path: Path) -> None:
    path = database(tmp_path / "mlflow.db", f"scored {ID}", "other", OTHER, f"gone {ID}")
    with closing(sqlite3.connect(path)) as store:
        store.execute("PRAGMA journal_mode = WAL")
        store.execute('DELETE FROM "pa""rams" WHERE value = ?', (f"gone {ID}",))
        store.commit()
    assert clean_database(path, WHO) == 1
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert ID.encode() not in left.replace(OTHER.encode(), b"")
    with closing(sqlite3.connect(path)) as store:
        assert [value for (value,) in store.execute(VALUES)] == [OTHER, "other", "scored "]


def test_a_database_without_the_person_is_not_touched(tmp_path: Path) -> None:
    path = database(tmp_path / "mlflow.db", "other")
    before = path.read_bytes()
    assert clean_database(path, WHO) == 0
    assert path.read_bytes() == before
    assert clean_database(tmp_path / "nowhere.db", WHO) == 0


def test_one_in_use_can_be_cleaned_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracked, "_WAIT_SECONDS", 0)
    path = database(tmp_path / "mlflow.db", ID)
    with closing(sqlite3.connect(path)) as store:
        store.execute("BEGIN EXCLUSIVE")
        with pytest.raises(EnvironmentFault, match="in use, or damaged"):
            clean_database(path, WHO)


def test_versions_of_models_are_named(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as store:
        store.execute("CREATE TABLE model_versions (name TEXT, version INTEGER, current_stage TEXT)")
        rows = [("churn", 2, "None"), ("churn", 1, "None"), ("clv", 1, "Deleted_Internal")]
        store.executemany("INSERT INTO model_versions VALUES (?, ?, ?)", rows)
        store.commit()
    assert registered_versions(path) == ["churn/1", "churn/2"]
    assert registered_versions(tmp_path / "nowhere.db") == []
