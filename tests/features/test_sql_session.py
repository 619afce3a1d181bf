from __future__ import annotations

from pathlib import Path

import pytest

from churnml.features.sql_session import open_session


def test_s12_the_session_never_spills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    monkeypatch.chdir(tmp_path)
    session = open_session()
    with pytest.raises(duckdb.OutOfMemoryException, match="memory"):
        session.execute("SELECT list(i || 'zoe@example.org') FROM range(60000000) t(i)").fetchall()
    assert list(tmp_path.iterdir()) == []


def test_s12_were_it_to_spill_it_would_be_encrypted() -> None:
    settings = "SELECT current_setting('temp_directory'), current_setting('temp_file_encryption')"
    assert open_session().execute(settings).fetchall() == [("", True)]
