from __future__ import annotations

from pathlib import Path

import yaml
from forgetting_project import ID, OTHER, WHO, cached, digest_of, folder_object

from churnml.forgetting.cache import clean_cache


def run_record(cache: Path, out: Path) -> Path:
    path = cache / "runs" / "ab" / "abcd" / "ef01"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"cmd": "x", "outs": [{"path": "data", "md5": digest_of(out)}]}))
    return path


def test_ep_12_objects_go_and_whatever_leads_to_them(tmp_path: Path) -> None:
    one, other = cached(tmp_path, f"a,{ID}".encode()), cached(tmp_path, OTHER.encode())
    folder = folder_object(tmp_path, one, other)
    record = run_record(tmp_path, folder)
    assert clean_cache(tmp_path, WHO) == 3
    assert [path.exists() for path in (one, other, folder, record)] == [False, True, False, False]


def test_what_does_not_name_the_person_stays(tmp_path: Path) -> None:
    other = cached(tmp_path, OTHER.encode())
    folder = folder_object(tmp_path, other)
    record = run_record(tmp_path, folder)
    assert clean_cache(tmp_path, WHO) == 0
    assert [path.exists() for path in (other, folder, record)] == [True, True, True]


def test_objects_of_older_versions_and_damaged_folders_are_looked_at(tmp_path: Path) -> None:
    old = tmp_path / "12" / ("3" * 30)
    old.parent.mkdir()
    old.write_text(ID)
    damaged = cached(tmp_path, b"no list", ".dir")
    assert clean_cache(tmp_path, WHO) == 1
    assert damaged.exists()
    assert not old.exists()


def test_a_command_that_names_the_person_is_forgotten(tmp_path: Path) -> None:
    record = tmp_path / "runs" / "ab" / "abcd" / "ef01"
    record.parent.mkdir(parents=True)
    record.write_text(f"cmd: explain {ID}")
    assert clean_cache(tmp_path, WHO) == 1


def test_without_a_cache_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert clean_cache(tmp_path / "nowhere", WHO) == 0
