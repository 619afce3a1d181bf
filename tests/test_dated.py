from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from churnml.dated import days_kept, forget_day, keep_dated, name_anew, newest_of_day
from churnml.errors import DataError

DAY = date(2024, 6, 30)


def test_what_is_kept_is_the_newest_of_its_day(tmp_path: Path) -> None:
    for data in (b"one", b"two", b"two"):
        keep_dated(data, tmp_path, DAY)
    assert newest_of_day(tmp_path, DAY).read_bytes() == b"two"
    assert len(list((tmp_path / "2024-06-30").iterdir())) == 2


def test_days_ascend_and_other_folders_are_no_days(tmp_path: Path) -> None:
    for day in (DAY, date(2024, 1, 2)):
        keep_dated(b"x", tmp_path, day)
    (tmp_path / "notes").mkdir()
    (tmp_path / "2024-02-02").mkdir()
    assert days_kept(tmp_path) == [date(2024, 1, 2), DAY]
    forget_day(tmp_path, DAY)
    assert days_kept(tmp_path) == [date(2024, 1, 2)]


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    keep_dated(b"one", tmp_path, DAY)
    newest_of_day(tmp_path, DAY).write_bytes(b"two")
    with pytest.raises(DataError, match="digest differs"):
        newest_of_day(tmp_path, DAY)


def test_a_file_changed_on_purpose_gets_its_new_name(tmp_path: Path) -> None:
    keep_dated(b"one", tmp_path, DAY)
    newest_of_day(tmp_path, DAY).write_bytes(b"two")
    for path in list((tmp_path / "2024-06-30").iterdir()):
        name_anew(path)
    assert newest_of_day(tmp_path, DAY).read_bytes() == b"two"


def test_nothing_is_kept_at_first(tmp_path: Path) -> None:
    assert days_kept(tmp_path / "none") == []
