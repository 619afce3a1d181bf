from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from churnml import private_folders
from churnml.errors import PrivacyError
from churnml.exports.tables import write_csv
from churnml.parquet import write_parquet
from churnml.private_folders import make_private, refuse_shared
from churnml.storage import new_folder, private_folder, write_bytes

ROWS = pa.table({"customer_id": ["C1"]})
WRITERS = {
    "parquet": lambda folder: write_parquet(ROWS, folder / "a.parquet"),
    "csv": lambda folder: write_csv(ROWS, folder / "a.csv"),
    "folder": lambda folder: new_folder(folder / "a").__enter__(),
    "temporary": lambda folder: private_folder(folder, "a").__enter__(),
}


@pytest.fixture(autouse=True)
def nobody_has_a_group_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o720])
def test_s11_nothing_about_people_is_written_where_others_can_change_it(tmp_path: Path, mode: int, writer: str) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(mode)
    with pytest.raises(PrivacyError, match="of this machine can change the folder") as caught:
        WRITERS[writer](shared)
    assert caught.value.exit_code == 6
    assert list(shared.iterdir()) == []


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o1777])
def test_folders_that_others_can_at_most_read_are_borne(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    refuse_shared(tmp_path)
    refuse_shared(tmp_path / "not there yet")
    assert list(tmp_path.iterdir()) == []


GROUPS = [([], "ann", True), (["ann"], "ann", True), (["ben"], "ann", False), ([], "staff", False)]


@pytest.mark.parametrize(("members", "name", "is_borne"), GROUPS)
def test_a_group_of_the_user_alone_is_borne(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: list[str], name: str, is_borne: bool
) -> None:
    tmp_path.chmod(0o770)
    group = tmp_path.stat().st_gid
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(private_folders.pwd, "getpwuid", lambda user: SimpleNamespace(pw_gid=group, pw_name="ann"))
    monkeypatch.setattr(private_folders.grp, "getgrgid", lambda g: SimpleNamespace(gr_name=name, gr_mem=members))
    if is_borne:
        refuse_shared(tmp_path)
    else:
        with pytest.raises(PrivacyError, match="a group of this machine"):
            refuse_shared(tmp_path)


def test_a_user_without_a_name_has_no_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 2**31 - 7)
    tmp_path.chmod(0o770)
    with pytest.raises(PrivacyError, match="a group of this machine"):
        refuse_shared(tmp_path)


def test_ep_25_every_folder_made_on_the_way_is_private(tmp_path: Path) -> None:
    make_private(tmp_path / "a" / "b")
    write_bytes(b"", tmp_path / "c" / "d" / "e")
    modes = {path.name: path.stat().st_mode & 0o777 for path in sorted(tmp_path.rglob("*"))}
    assert modes == {"a": 0o700, "b": 0o700, "c": 0o700, "d": 0o700, "e": 0o600}
